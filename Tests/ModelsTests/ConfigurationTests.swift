import Foundation
import Layers
import Models
import Platform
import Tensors
import TestSupport
import Testing

/// Configurations: keys that diffusers obeys are obeyed or refused, and none is believed unchecked.
@Suite struct ConfigurationTests {
    /// A fixture's configuration with some keys changed.
    private func config(_ name: String, _ changes: [String: JSON]) throws -> ConfigFile {
        let values = try #require(ConfigFile.json(path: Fixtures.path(name) + "/config.json").dictionary)
        return ConfigFile(path: "config.json", values: values.merging(changes) { $1 })
    }

    private func refusal(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "no error"
        } catch {
            return String(describing: error)
        }
    }

    /// The output would be a row and a column short, and be read past its end.
    @Test(arguments: ["conv_in_kernel", "conv_out_kernel"], [2.0, 4, 6])
    func kernelsThatChangeTheSizeAreRefused(_ key: String, _ side: Double) throws {
        let file = try config("unet-a", [key: .number(side)])
        #expect(refusal { _ = try UNetConfig(file) }.contains(key))
    }

    @Test func whatOnlyPipelinesReadIsNotOverlooked() throws {
        let file = try config("text-a", ["use_attention_mask": .bool(true)])
        #expect(refusal { _ = try CLIPTextConfig(file) }.contains("use_attention_mask"))
        _ = try CLIPTextConfig(try config("text-a", ["use_attention_mask": .bool(false)]))
    }

    /// The width of the text that a network takes is that of its own projection, if it has one.
    @Test func projectionsOfTextAreReadOrRefused() throws {
        #expect(try UNetConfig(try config("unet-a", [:])).textChannels == [32])
        for kind: JSON in [.null, .string("text_proj")] {
            let file = try config("unet-a", ["encoder_hid_dim": .number(48), "encoder_hid_dim_type": kind])
            #expect(try UNetConfig(file).textChannels == [48])
        }
        for changes: [String: JSON] in [
            ["encoder_hid_dim_type": .string("text_proj")],
            ["encoder_hid_dim": .number(48), "encoder_hid_dim_type": .string("image_proj")],
            ["encoder_hid_dim": .number(-1)],
            ["encoder_hid_dim": .number(48), "cross_attention_dim": .array([.number(32), .number(24), .number(32)])],
        ] {
            let file = try config("unet-a", changes)
            #expect(refusal { _ = try UNetConfig(file) }.contains("encoder_hid_dim"))
        }
    }

    @Test func theTextAsAWholeIsPooledByHeadsThatDivideIt() throws {
        func changed(_ heads: Double) throws -> ConfigFile {
            try config(
                "unet-a", ["addition_embed_type": .string("text"), "addition_embed_type_num_heads": .number(heads)])
        }
        #expect(try UNetConfig(try changed(4)).additionTextHeads == 4)
        for heads in [5.0, 64, 0] {
            let file = try changed(heads)
            #expect(refusal { _ = try UNetConfig(file) }.contains("addition_embed_type_num_heads"))
        }
    }

    @Test func aSizeMayBeWrittenTwice() throws {
        #expect(try UNetConfig(try config("unet-a", ["sample_size": .number(24)])).sampleSize == 24)
        let twice = try config("unet-a", ["sample_size": .array([.number(24), .number(24)])])
        #expect(try UNetConfig(twice).sampleSize == 24)
        for sides: [JSON] in [[.number(24), .number(32)], [.number(24)], [], [.number(24), .string("x")]] {
            let file = try config("unet-a", ["sample_size": .array(sides)])
            #expect(refusal { _ = try UNetConfig(file) }.contains("sample_size"))
        }
        // Of an autoencoder it tells nothing that is used, so it may be what it likes.
        _ = try AutoencoderConfig(try config("vae-a", ["sample_size": .array([.number(512), .number(768)])]))
    }

    /// `center_input_sample`: the network sees 2x − 1.
    @Test func inputsAreCenteredWhereAsked() throws {
        let oracle = try Oracle("unet-a")
        let compute = Compute(kernels: Kernels.tested[0], threads: 1)
        let latents = try oracle.picture("0.sample")
        func output(_ latents: Tensor, centers: Bool) throws -> [Float] {
            let model = try UNet2DConditionModel(
                LayerSource(try oracle.weights("diffusion_pytorch_model"), compute: compute),
                try UNetConfig(try config("unet-a", ["center_input_sample": .bool(centers)])))
            let conditioning = try model.condition(on: try oracle.tokens("0.encoder_hidden_states"), compute)
            try model.plan(height: latents.height, width: latents.width, conditioning, compute)
            return try model(latents, timestep: 500, conditioning, compute).values
        }
        let moved = try Tensor(
            batch: latents.batch, height: latents.height, width: latents.width, channels: latents.channels,
            values: latents.values.map { 2 * $0 - 1 })
        try #expect(output(latents, centers: true) == output(moved, centers: false))
        try #expect(output(latents, centers: false) != output(moved, centers: false))
        #expect(compute.arena.unplannedCount == 0)
    }

    /// A pipe would be waited for, a device read for ever, and a link must not hide either.
    @Test(.timeLimit(.minutes(10))) func onlyOrdinaryFilesAreConfigurations() throws {
        let folder = try TemporaryFolder()
        try #require(mkfifo(folder.file("pipe"), 0o600) == 0)
        try FileManager.default.createSymbolicLink(atPath: folder.file("zero"), withDestinationPath: "/dev/zero")
        try FileManager.default.createSymbolicLink(atPath: folder.file("loop"), withDestinationPath: "loop")
        try folder.write(Array(repeating: UInt8(ascii: " "), count: 5 << 20), to: "large")
        try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: "large")
        for name in ["pipe", "zero", "loop", "large", "link", "missing", ""] {
            let text = refusal { _ = try ConfigFile(path: folder.file(name)) }
            #expect(text.contains(folder.file(name)) && !text.contains("JSON"), "\(name): \(text)")
        }
        try folder.write("{\"a\": 1}".utf8, to: "small")
        try FileManager.default.createSymbolicLink(atPath: folder.file("good"), withDestinationPath: "small")
        _ = try ConfigFile(path: folder.file("good"))
    }
}
