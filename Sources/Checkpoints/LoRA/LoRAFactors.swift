import CKernels

/// A matrix of a LoRA's file, row-major.
struct LoRAMatrix {
    let rows: Int
    let columns: Int
    let values: [Float]

    var transposed: LoRAMatrix {
        var result = [Float](repeating: 0, count: values.count)
        for row in 0..<rows {
            for column in 0..<columns { result[column * rows + row] = values[row * columns + column] }
        }
        return LoRAMatrix(rows: columns, columns: rows, values: result)
    }

    static func * (left: LoRAMatrix, right: LoRAMatrix) -> LoRAMatrix {
        var result = [Float](repeating: 0, count: left.rows * right.columns)
        result.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            addProduct(left, 0..<left.rows, right, scale: 1, keep: 0, to: base)
        }
        return LoRAMatrix(rows: left.rows, columns: right.columns, values: result)
    }
}

/// `result` [rows.count, right.columns] = keep · result + scale · left[rows] · right.
func addProduct(
    _ left: LoRAMatrix, _ rows: Range<Int>, _ right: LoRAMatrix, scale: Float, keep: Float,
    to result: UnsafeMutablePointer<Float>
) {
    left.values.withUnsafeBufferPointer { leftValues in
        right.values.withUnsafeBufferPointer { rightValues in
            guard let start = leftValues.baseAddress, let other = rightValues.baseAddress else { return }
            limn_add_product(
                rows.count, right.columns, left.columns, scale, start + rows.lowerBound * left.columns, other, keep,
                result)
        }
    }
}

/// What a LoRA adds to a weight W [out, in·taps], in the form in which it was learned.
enum LoRAFactors {
    /// up · down (Hu et al. 2021).
    case product(up: LoRAMatrix, down: LoRAMatrix)
    /// LoHa: (a · b) ∘ (c · d), element by element (Hyeon-Woo et al. 2021, FedPara).
    case hadamard(LoRAMatrix, LoRAMatrix, LoRAMatrix, LoRAMatrix)
    /// LoKr: the Kronecker product of [a, b] and [c, d·taps].
    case kronecker(LoRAMatrix, LoRAMatrix, taps: Int)
    case full([Float])
    /// GLoRA (Chavan et al. 2023): W·a·b + c·d, the first along the inputs.
    case general(LoRAMatrix, LoRAMatrix, LoRAMatrix, LoRAMatrix, taps: Int)
    /// (IA)³ (Liu et al. 2022): W ∘ factors, each of which holds for a run of values.
    case scaling([Float], run: Int)
    case rotation(LoRARotation)

    /// The matrix that stands in the place of `down` where a core lies between up and down (Tucker decomposition).
    ///
    /// - Parameters:
    ///   - core: [i, j·taps]
    ///   - down: [j, in]
    /// - Returns: [i, in·taps]
    static func contracted(core: LoRAMatrix, down: LoRAMatrix, taps: Int) -> LoRAMatrix {
        let inputs = down.columns
        var values = [Float](repeating: 0, count: core.rows * inputs * taps)
        for i in 0..<core.rows {
            for j in 0..<down.rows {
                for tap in 0..<taps {
                    let factor = core.values[i * core.columns + j * taps + tap]
                    for p in 0..<inputs {
                        values[(i * inputs + p) * taps + tap] += factor * down.values[j * inputs + p]
                    }
                }
            }
        }
        return LoRAMatrix(rows: core.rows, columns: inputs * taps, values: values)
    }

    /// W += scale · ΔW.
    func add(to weight: UnsafeMutableBufferPointer<Float>, scale: Float) {
        guard let base = weight.baseAddress else { return }
        switch self {
        case .product(let up, let down): addProduct(up, 0..<up.rows, down, scale: scale, keep: 1, to: base)
        case .hadamard(let a, let b, let c, let d): addHadamard(a, b, c, d, scale, base)
        case .kronecker(let first, let second, let taps): addKronecker(first, second, taps, scale, base)
        case .general(let a, let b, let c, let d, let taps): addGeneral(a, b, c, d, taps, scale, weight)
        case .scaling(let factors, let run):
            for start in stride(from: 0, to: weight.count - run + 1, by: run) {
                let factor = 1 + scale * factors[start / run % factors.count]
                for index in start..<start + run { base[index] *= factor }
            }
        case .rotation(let rotation): rotation.apply(to: weight, strength: Double(scale))
        case .full(let values): for index in values.indices { base[index] += scale * values[index] }
        }
    }

    private func addGeneral(
        _ a: LoRAMatrix, _ b: LoRAMatrix, _ c: LoRAMatrix, _ d: LoRAMatrix, _ taps: Int, _ scale: Float,
        _ weight: UnsafeMutableBufferPointer<Float>
    ) {
        guard let base = weight.baseAddress, a.rows * taps > 0 else { return }
        let (inputs, rows) = (a.rows, weight.count / a.rows)
        // [out, in, taps] with the inputs last: a product along them needs them there.
        var turned = [Float](repeating: 0, count: weight.count)
        for row in 0..<rows {
            let start = row / taps * inputs * taps + row % taps
            for input in 0..<inputs { turned[row * inputs + input] = base[start + input * taps] }
        }
        let change = LoRAMatrix(rows: rows, columns: inputs, values: turned) * a * b
        addProduct(c, 0..<c.rows, d, scale: scale, keep: 1, to: base)
        for row in 0..<rows {
            let start = row / taps * inputs * taps + row % taps
            for input in 0..<inputs { base[start + input * taps] += scale * change.values[row * inputs + input] }
        }
    }

    private func addHadamard(
        _ a: LoRAMatrix, _ b: LoRAMatrix, _ c: LoRAMatrix, _ d: LoRAMatrix, _ scale: Float,
        _ weight: UnsafeMutablePointer<Float>
    ) {
        let columns = b.columns
        // Some rows at a time: whole products would take twice the memory of the weight.
        let block = max(1, min(a.rows, (1 << 19) / max(columns, 1)))
        var left = [Float](repeating: 0, count: block * columns)
        var right = left
        for start in stride(from: 0, to: a.rows, by: block) {
            let rows = start..<min(start + block, a.rows)
            left.withUnsafeMutableBufferPointer { left in
                right.withUnsafeMutableBufferPointer { right in
                    guard let x = left.baseAddress, let y = right.baseAddress else { return }
                    addProduct(a, rows, b, scale: 1, keep: 0, to: x)
                    addProduct(c, rows, d, scale: 1, keep: 0, to: y)
                    let target = weight + rows.lowerBound * columns
                    for index in 0..<rows.count * columns { target[index] += scale * (x[index] * y[index]) }
                }
            }
        }
    }

    private func addKronecker(
        _ first: LoRAMatrix, _ second: LoRAMatrix, _ taps: Int, _ scale: Float, _ weight: UnsafeMutablePointer<Float>
    ) {
        let width = second.columns
        second.values.withUnsafeBufferPointer { values in
            for i in 0..<first.rows {
                for k in 0..<second.rows {
                    // Row i·c + k is first[i, j] · second[k, …] for one j after the other.
                    var target = weight + (i * second.rows + k) * first.columns * width
                    for j in 0..<first.columns {
                        let factor = scale * first.values[i * first.columns + j]
                        for index in 0..<width { target[index] += factor * values[k * width + index] }
                        target += width
                    }
                }
            }
        }
    }
}
