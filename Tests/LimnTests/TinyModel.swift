import Limn
import Tensors
import TestSupport

/// The tiny random models of the fixtures: whole pipelines that draw in milliseconds.
enum TinyModel {
    /// Single precision unless a test says otherwise: left alone, a model takes what is fastest on the machine at hand.
    static func load(
        _ name: String = "pipeline-a", threads: Int = 2, precision: Precision = .float32
    ) async throws -> Model {
        try await Model.load(from: Fixtures.path(name), options: LoadOptions(threads: threads, precision: precision))
    }

    /// A small job for it.
    static func request(steps: Int = 4) -> Request {
        var request = Request(prompt: "a red apple on a green table")
        (request.steps, request.seed, request.guidanceScale) = (steps, 7, 5)
        (request.width, request.height, request.sampler) = (64, 64, "ddim")
        return request
    }

    static func picture(_ width: Int = 64, _ height: Int = 64, _ value: (Int, Int) -> UInt8) throws -> Picture {
        let pixels = (0..<width * height).flatMap { pixel in
            let value = value(pixel % width, pixel / width)
            return [value, value &+ 40, value &+ 80]
        }
        return try Picture(width: width, height: height, channels: 3, pixels: pixels)
    }

    /// A grey mask, white where `isWhite`.
    static func mask(_ width: Int = 64, _ height: Int = 64, _ isWhite: (Int, Int) -> Bool) throws -> Picture {
        try Picture(
            width: width, height: height, channels: 1,
            pixels: (0..<width * height).map { isWhite($0 % width, $0 / width) ? 255 : 0 })
    }
}

extension Precision {
    /// All that the kernels in use can compute with.
    static let computable: [Precision] = {
        guard let kernels = try? Kernels.chosen() else { return [.float32] }
        return allCases.filter { precision in
            switch precision {
            case .float32: true
            case .bfloat16: kernels.multiplies(.bfloat16)
            case .int8: kernels.multiplies(.int8)
            }
        }
    }()
}

/// The error that `body` throws, as people read it; nil if it throws none.
func message(_ body: () async throws -> Void) async -> String? {
    do {
        try await body()
        return nil
    } catch {
        return String(describing: error)
    }
}
