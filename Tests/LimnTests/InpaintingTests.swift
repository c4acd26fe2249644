import Limn
import TestSupport
import Testing

@Suite(.serialized) struct InpaintingTests {
    @Test(arguments: ["pipeline-a", "pipeline-b", "pipeline-inpaint"])
    func keptPixelsAreTheOriginalsAndTheRestIsNot(_ name: String) async throws {
        let model = try await TinyModel.load(name)
        let original = try TinyModel.picture { x, y in UInt8((x * 3 + y) % 160) }
        var request = TinyModel.request()
        request.source.picture = original
        request.source.mask = try TinyModel.mask { x, y in x >= 32 && y >= 32 }
        request.source.maskBlur = 2
        let picture = try await model.generate(request)[0]
        var changed = 0
        for y in 0..<64 {
            for x in 0..<64 {
                let at = (y * 64 + x) * 3
                let same = picture.pixels[at..<at + 3] == original.pixels[at..<at + 3]
                // The blur of 2 pixels reaches 5 pixels beyond the mask.
                if x < 27 || y < 27 { #expect(same, "\(name) at \(x), \(y)") }
                if x >= 38, y >= 38, !same { changed += 1 }
            }
        }
        #expect(changed > 500, "\(name)")
    }

    @Test func withoutBlurTheEdgeIsSharp() async throws {
        let model = try await TinyModel.load()
        let original = try TinyModel.picture { x, y in UInt8((x + y) % 100) }
        var request = TinyModel.request()
        request.source.picture = original
        request.source.mask = try TinyModel.mask { x, _ in x < 16 }
        request.source.maskBlur = 0
        let picture = try await model.generate(request)[0]
        for y in 0..<64 {
            let at = (y * 64 + 16) * 3
            #expect(picture.pixels[at..<at + 48 * 3] == original.pixels[at..<at + 48 * 3])
        }
    }

    @Test func strengthMovesFurtherFromThePicture() async throws {
        let model = try await TinyModel.load()
        let original = try TinyModel.picture { x, _ in UInt8(x * 2) }
        var request = TinyModel.request(steps: 20)
        request.source.picture = original
        var distances: [Int] = []
        for strength in [0.1, 0.5, 1.0] {
            request.source.strength = strength
            let picture = try await model.generate(request)[0]
            distances.append(zip(picture.pixels, original.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) })
        }
        #expect(distances[0] != distances[1] && distances[1] != distances[2])
    }

    @Test func aPicturesShapeIsKept() async throws {
        let model = try await TinyModel.load()
        #expect(model.ownSize == 64 || model.ownSize > 0)
        var request = TinyModel.request(steps: 2)
        (request.width, request.height) = (nil, nil)
        request.source.picture = try TinyModel.picture(300, 151) { x, y in UInt8((x + y) % 150) }
        let picture = try await model.generate(request)[0]
        #expect(picture.height == model.ownSize)
        let expected = Double(model.ownSize) * 300 / 151
        #expect(abs(Double(picture.width) - expected) <= Double(model.sizeMultiple))
        #expect(picture.width % model.sizeMultiple == 0)

        // Extreme shapes are cropped to four times the shorter side.
        request.source.picture = try TinyModel.picture(1000, 10) { x, _ in UInt8(x % 200) }
        #expect(try await model.generate(request)[0].width == 4 * model.ownSize)
    }
}
