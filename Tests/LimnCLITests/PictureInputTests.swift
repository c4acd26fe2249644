import Checkpoints
import Foundation
import Limn
import TestSupport
import Testing

/// Pictures, masks and latents that come in.
struct PictureInputTests {
    private let runner: CommandRunner
    private let image = CommandRunner.tinyModel + "/init.png"
    private let mask = CommandRunner.tinyModel + "/mask.png"

    init() throws { runner = try CommandRunner() }

    private func grey(_ name: String, side: Int, value: UInt8) throws -> String {
        let path = runner.folder.file(name)
        let pixels = [UInt8](repeating: value, count: side * side)
        try Picture(width: side, height: side, channels: 1, pixels: pixels).write(to: path)
        return path
    }

    @Test func whatIsNotAPNGIsRefused() async throws {
        let jpeg = [0xFF, 0xD8, 0xFF, 0xE0, 0, 0x10] + Array("JFIF".utf8) + [0, 1, 1, 0, 0, 1, 0, 1, 0, 0]
        let whole = try Data(contentsOf: URL(fileURLWithPath: image))
        for (name, bytes, word) in [
            ("photo.jpg", jpeg, "JPEG"), ("text.png", Array("hello, this is text".utf8), "not a PNG"),
            ("empty.png", [], "empty"), ("half.png", Array(whole.prefix(whole.count / 2)), "half.png"),
        ] {
            let path = try runner.folder.write(bytes, to: name)
            expectFailure(try await runner.draw(["-q", "x", "-i", path, "-o", "result"]), status: 1, name, word)
            expectFailure(try await runner.run(["info", path]), status: 1, name)
        }
        expectFailure(
            try await runner.draw(["-q", "x", "-i", "missing.png"]), status: 1, "missing.png", "no such file")
        expectFailure(try await runner.draw(["-q", "x", "-i", "."]), status: 1, "folder")
        #expect(!runner.files.contains("result.png") && !runner.files.contains("output.png"))
    }

    @Test func strengthHasARange() async throws {
        for strength in ["-0.1", "1.1", "nan", "0"] {
            let outcome = try await runner.draw(["-q", "x", "-i", image, "--strength", strength])
            expectFailure(outcome, status: 64, "strength")
        }
        #expect(runner.files.isEmpty)
    }

    @Test func masksMustFit() async throws {
        let small = try grey("small.png", side: 32, value: 255)
        expectFailure(
            try await runner.draw(["-q", "x", "-i", image, "--mask", small]), status: 64, "32×32", "64×64")
        let black = try grey("black.png", side: 64, value: 0)
        expectFailure(
            try await runner.draw(["-q", "x", "-i", image, "--mask", black]), status: 64, "white is repainted")
        expectFailure(
            try await runner.draw(["-q", "x", "-i", image, "--mask", mask, "--mask-blur", "-1"]), status: 64,
            "mask blur")
        #expect(!runner.files.contains("output.png"))
    }

    @Test func keptPixelsStay() async throws {
        for model in ["pipeline-a", "pipeline-inpaint"] {
            let result = "\(model).png"
            let outcome = try await runner.run([
                "x", "-m", Fixtures.path(model), "--steps", "2", "-i", image, "--mask", mask, "--mask-blur", "0", "-o",
                result,
            ])
            #expect(outcome.status == 0, "\(outcome.error)")
            let before = try Picture(contentsOf: image)
            let after = try Picture(contentsOf: runner.folder.file(result))
            let white = try Picture(contentsOf: mask)
            var (kept, changed) = (0, 0)
            for pixel in 0..<before.width * before.height {
                func colour(_ picture: Picture) -> ArraySlice<UInt8> {
                    picture.pixels[pixel * picture.channels..<pixel * picture.channels + 3]
                }
                let isSame = colour(before).elementsEqual(colour(after))
                if white.pixels[pixel * white.channels] == 0 {
                    kept += 1
                    #expect(isSame, "pixel \(pixel)")
                } else if !isSame {
                    changed += 1
                }
            }
            #expect(kept > 500 && changed > 100)
        }
    }

    @Test func anInpaintingModelWantsPictureAndMask() async throws {
        let model = Fixtures.path("pipeline-inpaint")
        expectFailure(try await runner.run(["-q", "x", "-m", model]), status: 64, "-i", "--mask")
        expectFailure(try await runner.run(["-q", "x", "-m", model, "-i", image]), status: 64, "--mask")
    }

    @Test func latentsMustBeLatents() async throws {
        func latents(_ name: String, _ shape: [Int]) throws -> String {
            let path = runner.folder.file(name)
            let values = [Float](repeating: 0.5, count: shape.reduce(1, *))
            try Latents(batch: shape[0], channels: shape[1], height: shape[2], width: shape[3], values: values)
                .write(to: path)
            return path
        }
        let small = try latents("small.safetensors", [1, 4, 3, 3])
        expectFailure(
            try await runner.draw(["-q", "x", "--latents", small]), status: 64, "[1, 4, 3, 3]", "is needed")
        let noise = try latents("two.safetensors", [2, 4, 16, 16])
        expectFailure(try await runner.draw(["-q", "x", "--latents", noise]), status: 64, "is needed")
        let other = runner.folder.file("other.safetensors")
        try SafetensorsWriter.write([OutputTensor(name: "weights", shape: [2], values: [1, 2])], to: other)
        expectFailure(try await runner.draw(["-q", "x", "--latents", other]), status: 1, "latents", "weights")
        expectFailure(try await runner.draw(["-q", "x", "--latents", image]), status: 1, "init.png")
        expectFailure(try await runner.draw(["-q", "x", "--latents", "none"]), status: 1, "none")
        #expect(!runner.files.contains("output.png"))
    }
}
