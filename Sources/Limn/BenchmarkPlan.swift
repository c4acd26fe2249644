import Checkpoints
import Layers
import Models
import Tensors

/// How the layers of a model of a known shape are computed on this machine; nothing is computed for it.
///
///     print(try await BenchmarkPlan.make(shape: "sd15", precision: .float32))
public struct BenchmarkPlan: Codable, Sendable, CustomStringConvertible {
    /// All convolutions, or linear layers, of one shape.
    public struct Row: Codable, Sendable {
        /// "direct", or Winograd's "F(2×2)" or "F(4×4)", or "4 of 2×2" of a doubled picture; "int8" is a direct product of 8-bit integers.
        public var algorithm: String
        /// Side of the kernel; 1 for a linear layer.
        public var kernel: Int
        public var stride: Int
        public var inChannels: Int
        public var outChannels: Int
        /// Batch, height and width of the result.
        public var size: [Int]
        public var count: Int
        /// Of all of them, as if computed directly.
        public var gflop: Double
        public var packedBytes: Int

        enum CodingKeys: String, CodingKey {
            case algorithm, kernel, stride, size, count, gflop
            case inChannels = "in"
            case outChannels = "out"
            case packedBytes = "packed_bytes"
        }
    }

    public struct Part: Codable, Sendable {
        public var name: String
        public var rows: [Row]
    }

    public var shape: String
    public var precision: String
    /// The instruction set in use.
    public var kernels: String
    public var width: Int
    public var height: Int
    public var parts: [Part]

    /// - Parameters:
    ///   - name: one of `Benchmark.shapes`
    ///   - width: of the picture in pixels; nil for the shape's own
    /// - Throws: `LimnError` if there is no such shape or it cannot have that size
    public static func make(
        shape name: String, precision: Precision? = nil, width: Int? = nil, height: Int? = nil
    ) async throws -> BenchmarkPlan {
        let shape = try BenchmarkShape.named(name)
        let ((width, height), factor) = (try shape.size(width: width, height: height), shape.vae.factor)
        return try await ModelExecutor.detached { isCancelled in
            try withLimnErrors {
                let kernels = try Kernels.chosen()
                let precision = precision ?? .usual(with: kernels)
                let compute = try Compute(
                    kernels: kernels, threads: 1, operands: precision.operands, isCoarse: precision.isCoarse)
                compute.isCancelled = isCancelled
                return BenchmarkPlan(
                    shape: name, precision: precision.rawValue, kernels: compute.kernels.name, width: width,
                    height: height,
                    parts: try parts(of: shape, height: height / factor, width: width / factor, compute))
            }
        }
    }

    /// - Parameter height: of the latents
    private static func parts(
        of shape: BenchmarkShape, height: Int, width: Int, _ compute: Compute
    ) throws -> [Part] {
        func part(_ name: String, _ body: () throws -> Void) throws -> Part {
            compute.products = ProductLog()
            defer { compute.products = nil }
            try body()
            return Part(name: name, rows: (compute.products?.entries ?? []).map(Row.init))
        }
        let source = LayerSource(Weights.random(seed: 1), compute: compute)
        var models: ([CLIPTextModel], UNet2DConditionModel, AutoencoderKL)?
        // While the arena is planned, no weight is packed.
        try compute.arena.plan {
            models = (
                try shape.text.enumerated().map { try CLIPTextModel(source("text\($0)"), $1) },
                try UNet2DConditionModel(source("unet"), shape.unet), try AutoencoderKL(source("vae"), shape.vae)
            )
        }
        guard let (encoders, unet, vae) = models else { return [] }
        let tokens = shape.text.map(\.maximumLength).max() ?? 77
        let text = try Tensor(batch: 2, height: 1, width: tokens, channels: shape.unet.crossAttentionChannels[0])
        let conditioning = try unet.condition(on: text, addition: shape.addition(count: 2), compute)
        let factor = shape.vae.factor
        return [
            try part("text encoder, two texts") {
                for encoder in encoders { try encoder.plan(texts: 2, tokens: tokens, compute) }
            },
            try part("UNet, one evaluation of a pair") {
                try unet.plan(height: height, width: width, conditioning, compute)
            },
            try part("VAE encode") {
                try vae.planEncoding(height: height * factor, width: width * factor, compute)
            },
            try part("VAE decode") { try vae.planDecoding(height: height, width: width, compute) },
        ]
    }

    public var description: String {
        func left(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(1, width - text.count))
        }
        func right(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(1, width - text.count)) + text
        }
        func megabytes(_ bytes: Int) -> String { decimals(Double(bytes) / 1e6, 1) + " MB" }
        var lines = ["\(shape) \(width)×\(height), \(precision), \(kernels) kernels"]
        for part in parts {
            lines.append("\n\(part.name)")
            for row in part.rows {
                let kind =
                    row.kernel == 1
                    ? "linear" : "\(row.kernel)×\(row.kernel)" + (row.stride > 1 ? " ÷\(row.stride)" : "")
                lines.append(
                    "  " + left(row.algorithm, 9) + left(kind, 8) + left("\(row.inChannels) → \(row.outChannels)", 15)
                        + left(row.size.map(String.init).joined(separator: "×"), 14) + right("\(row.count)", 3)
                        + right(decimals(row.gflop, 1) + " GFLOP", 15) + right(megabytes(row.packedBytes), 12))
            }
            for algorithm in ConvolutionAlgorithm.allCases.map(\.rawValue) + ["int8", ""] {
                let rows = part.rows.filter { algorithm.isEmpty || $0.algorithm == algorithm }
                guard !rows.isEmpty else { continue }
                lines.append(
                    "  " + left(algorithm.isEmpty ? "all" : "all \(algorithm)", 46)
                        + right("\(rows.reduce(0) { $0 + $1.count })", 3)
                        + right(decimals(rows.reduce(0) { $0 + $1.gflop }, 1) + " GFLOP", 15)
                        + right(megabytes(rows.reduce(0) { $0 + $1.packedBytes }), 12))
            }
        }
        return lines.joined(separator: "\n")
    }
}

extension BenchmarkPlan.Row {
    init(_ entry: ProductLog.Entry) {
        let shape = entry.shape
        self.init(
            algorithm: shape.isInteger ? "int8" : shape.algorithm.rawValue, kernel: shape.kernel, stride: shape.stride,
            inChannels: shape.inChannels, outChannels: shape.outChannels,
            size: [shape.batch, shape.outHeight, shape.outWidth], count: entry.calls,
            gflop: entry.operations * 1e-9, packedBytes: entry.packedBytes)
    }
}
