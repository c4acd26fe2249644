import Foundation
import TestSupport
import Testing

@testable import Limn
@testable import Tensors

/// How weights come into memory, and when they leave it.
@Suite(.serialized) struct LoadingTests {
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
            request.initImage = try TinyModel.picture { UInt8($0 * 3 % 200 + $1 % 20) }
        }
    }
}

extension Model {
    fileprivate func startSaving() { largeMemory = 0 }
    fileprivate var restingBytes: Int { textCompute.weights?.keptBytes ?? -1 }
}
