import Tensors

/// Shapes and options of one convolution, its inputs, and what must come of them.
struct ConvolutionCase: CustomStringConvertible {
    var batch = 1
    var height = 5
    var width = 5
    var channels = (4, 0)
    var out = 4
    var kernel = 3
    var geometry = ConvolutionGeometry(padding: 1)
    var resized: (height: Int, width: Int)?
    var hasBias = true
    var hasBatchBias = false
    var hasResidual = false
    var activation = Activation.none
    var algorithm = ConvolutionAlgorithm.direct

    var size: (height: Int, width: Int) { resized ?? (height, width) }
    var outHeight: Int { (size.height + geometry.padTop + geometry.padBottom - kernel) / geometry.stride + 1 }
    var outWidth: Int { (size.width + geometry.padLeft + geometry.padRight - kernel) / geometry.stride + 1 }
    var depth: Int { (channels.0 + channels.1) * kernel * kernel }
    var multiplications: Int { batch * outHeight * outWidth * out * depth }

    var description: String {
        let pads = [geometry.padTop, geometry.padLeft, geometry.padBottom, geometry.padRight]
        return "\(algorithm) \(batch)×\(height)×\(width)×\(channels) resized \(size) out \(out) kernel \(kernel) "
            + "stride \(geometry.stride) pads \(pads) \(activation) bias \(hasBias) \(hasBatchBias) "
            + "residual \(hasResidual)"
    }
}

/// The values that belong to a case, uniform with a deviation that makes results of order one.
struct ConvolutionInputs {
    let x: [Float]
    let second: [Float]
    let weight: [Float]
    let bias: [Float]
    let batchBias: [Float]
    let residual: [Float]

    /// - Parameter operands: what the product's operands are rounded to, so that products of them are exact
    init(_ c: ConvolutionCase, _ random: inout SplitMix, operands: Element = .float32) {
        let outputs = c.batch * c.outHeight * c.outWidth * c.out
        func rounded(_ values: [Float]) -> [Float] { operands == .float32 ? values : values.map(\.bfloat16) }
        x = rounded(random.values(c.batch * c.height * c.width * c.channels.0))
        second = rounded(random.values(c.batch * c.height * c.width * c.channels.1))
        weight = rounded(random.values(c.out * c.depth, deviation: 1 / Float(c.depth).squareRoot()))
        bias = random.values(c.out)
        batchBias = random.values(c.batch * c.out)
        residual = random.values(outputs)
    }
}

extension ConvolutionCase {
    /// The padded, resized, concatenated input in planes: [batch, channels, height, width].
    private func planes(_ inputs: ConvolutionInputs) -> (values: [Double], height: Int, width: Int) {
        let height = size.height + geometry.padTop + geometry.padBottom
        let width = size.width + geometry.padLeft + geometry.padRight
        let all = channels.0 + channels.1
        var values = [Double](repeating: 0, count: batch * all * height * width)
        // PyTorch's rule: floor(index · (in / out)), in single precision.
        func nearest(_ index: Int, _ from: Int, _ to: Int) -> Int {
            min(from - 1, Int((Float(index) * (Float(from) / Float(to))).rounded(.down)))
        }
        for b in 0..<batch {
            for y in 0..<size.height {
                for x in 0..<size.width {
                    let pixel =
                        (b * self.height + nearest(y, self.height, size.height)) * self.width
                        + nearest(x, self.width, size.width)
                    for c in 0..<all {
                        let value =
                            c < channels.0
                            ? inputs.x[pixel * channels.0 + c]
                            : inputs.second[pixel * channels.1 + c - channels.0]
                        values[((b * all + c) * height + y + geometry.padTop) * width + x + geometry.padLeft] =
                            Double(value)
                    }
                }
            }
        }
        return (values, height, width)
    }

    func expected(_ inputs: ConvolutionInputs) -> [Double] {
        let planes = planes(inputs)
        let all = channels.0 + channels.1
        let weight = inputs.weight.map(Double.init)
        var output: [Double] = []
        output.reserveCapacity(batch * outHeight * outWidth * out)
        planes.values.withUnsafeBufferPointer { input in
            weight.withUnsafeBufferPointer { weight in
                for b in 0..<batch {
                    for y in 0..<outHeight {
                        for x in 0..<outWidth {
                            for o in 0..<out {
                                var sum = 0.0
                                for c in 0..<all {
                                    for ky in 0..<kernel {
                                        let row = (b * all + c) * planes.height + y * geometry.stride + ky
                                        let from = row * planes.width + x * geometry.stride
                                        let taps = ((o * all + c) * kernel + ky) * kernel
                                        for kx in 0..<kernel { sum += input[from + kx] * weight[taps + kx] }
                                    }
                                }
                                output.append(finish(sum, inputs, batch: b, column: o, at: output.count))
                            }
                        }
                    }
                }
            }
        }
        return output
    }

    private func finish(_ sum: Double, _ inputs: ConvolutionInputs, batch: Int, column: Int, at index: Int) -> Double {
        var value = sum
        if hasBias { value += Double(inputs.bias[column]) }
        if hasBatchBias { value += Double(inputs.batchBias[batch * out + column]) }
        let residual = hasResidual ? Double(inputs.residual[index]) : 0
        if activation == .relu { return Reference.activate(activation, value + residual, gate: 0) }
        return Reference.activate(activation, value, gate: 0) + residual
    }

    /// The case as the library computes it.
    func run(_ inputs: ConvolutionInputs, _ compute: Compute, precedesNorm: Bool = false) throws -> Tensor {
        let weights = try inputs.weight.withUnsafeBufferPointer {
            try PackedWeights(
                weight: $0, bias: hasBias ? inputs.bias : nil, inChannels: channels.0 + channels.1, outChannels: out,
                kernelHeight: kernel, kernelWidth: kernel, activation: activation, algorithm: algorithm,
                compute: compute)
        }
        let x = try Tensor(batch: batch, height: height, width: width, channels: channels.0, values: inputs.x)
        let second =
            channels.1 == 0
            ? nil : try Tensor(batch: batch, height: height, width: width, channels: channels.1, values: inputs.second)
        let batchBias =
            hasBatchBias
            ? try Tensor(batch: batch, height: 1, width: 1, channels: out, values: inputs.batchBias) : nil
        let residual =
            hasResidual
            ? try Tensor(batch: batch, height: outHeight, width: outWidth, channels: out, values: inputs.residual) : nil
        return try compute.convolution(
            x, second, weights, geometry, resized: resized, batchBias: batchBias, residual: residual,
            precedesNorm: precedesNorm)
    }
}
