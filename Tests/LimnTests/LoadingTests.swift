import Checkpoints
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Limn
@testable import Tensors

/// How weights come into memory, and when they leave it.
@Suite(.serialized) struct LoadingTests {
    @Test func loadingTellsHowFarItIs() async throws {
        let seen = Seen()
        var options = LoadOptions(threads: 2, precision: .float32)
        options.refiner = Fixtures.path("pipeline-xl-refiner")
        _ = try await Model.load(from: Fixtures.path("pipeline-xl"), options: options) { seen.add($0) }
        var bytes = 0
        for (model, parts) in [
            ("pipeline-xl", ["text_encoder", "text_encoder_2", "unet", "vae"]),
            ("pipeline-xl-refiner", ["text_encoder_2", "unet", "vae"]),
        ] {
            for part in parts {
                let base = part.hasPrefix("text") ? "model" : "diffusion_pytorch_model"
                let source = try openTensors(folder: Fixtures.path("\(model)/\(part)"), base: base)
                bytes += source.tensors.values.reduce(0) { $0 + $1.byteCount }
            }
        }
        let told = seen.told
        #expect(told.first == LoadProgress(bytes: 0, ofBytes: bytes))
        #expect(told.last == LoadProgress(bytes: bytes, ofBytes: bytes))
        #expect(told.last?.percent == 100)
        // Not the largest tensor alone is a step.
        #expect(told.count > 20 && told.count <= 101)
        #expect(zip(told, told.dropFirst()).allSatisfy { $0.percent < $1.percent && $1.ofBytes == bytes })
    }

    /// Text encoders and VAE are packed when they are used; a large model's leave the memory then, and the pictures are
    /// the same.
    @Test(arguments: ["pipeline-a", "pipeline-xl"])
    func whatRestsInALargeModelTakesNoMemory(_ name: String) async throws {
        let (small, large) = (try await TinyModel.load(name), try await TinyModel.load(name))
        await large.startSaving()
        #expect(await small.restingBytes == 0)
        var request = TinyModel.request(steps: 2)
        (request.count, request.sampler) = (2, "euler")
        for _ in 0..<2 {
            let pictures = try await large.generate(request)
            #expect(await large.restingBytes == 0)
            #expect(try pictures.map { try $0.pngData() } == (await small.generate(request)).map { try $0.pngData() })
            #expect(await small.restingBytes > 0)
            request.source.picture = try TinyModel.picture { UInt8($0 * 3 % 200 + $1 % 20) }
        }
    }

    private final class Seen: Sendable {
        private let values = Mutex<[LoadProgress]>([])
        var told: [LoadProgress] { values.withLock { $0 } }
        func add(_ progress: LoadProgress) { values.withLock { $0.append(progress) } }
    }
}

extension Model {
    fileprivate func startSaving() { largeMemory = 0 }
    fileprivate var restingBytes: Int { textCompute.weights?.keptBytes ?? -1 }
}
