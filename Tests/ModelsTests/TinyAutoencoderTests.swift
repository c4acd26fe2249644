import Checkpoints
import Layers
import Models
import Platform
import Tensors
import TestSupport
import Testing

@Suite(.serialized) struct TinyAutoencoderTests {
    @Test(arguments: ["tiny-a", "tiny-b"])
    func encodesAndDecodesAsDiffusersDoes(_ name: String) throws {
        let oracle = try Oracle(name)
        let config = try #require(try AutoencoderClasses.config(try oracle.config) as? AutoencoderTinyConfig)
        // Told to expect large maps, every layer that can takes Winograd's F(4×4).
        for (compute, side) in machines().flatMap({ [($0, 0), ($0, 4096)] }) {
            let weights = try oracle.weights("diffusion_pytorch_model", rules: config.rules)
            let model = try config.autoencoder(LayerSource(weights, compute: compute).expecting(side: side))
            try weights.finish()
            let encoded = try oracle.pictureError(try model.encode(try oracle.picture("image"), compute), "encoded")
            let decoded = try oracle.pictureError(
                try model.decode(try oracle.picture("latents"), compute), "decoded")
            print(name, side, compute.kernels.name, encoded, decoded)
            #expect(encoded < stageTolerance, "\(compute.kernels.name)")
            #expect(decoded < stageTolerance, "\(compute.kernels.name)")
            #expect(compute.arena.unplannedCount == 0)
        }
    }

    @Test(arguments: ["tiny-a", "tiny-b"])
    func theFormIsToldFromTheTensors(_ name: String) throws {
        let oracle = try Oracle(name)
        var told = try AutoencoderTinyConfig(
            TensorShapes(try openTensors(folder: oracle.folder, base: "diffusion_pytorch_model")))
        let config = try AutoencoderTinyConfig(try oracle.config)
        told.scalingFactor = config.scalingFactor
        #expect(told == config)
    }

    @Test func whatIsNotBuiltIsRefused() throws {
        func problem(_ values: [String: JSON]) -> String {
            do {
                _ = try AutoencoderTinyConfig(ConfigFile(path: "c.json", values: values))
                return ""
            } catch {
                return String(describing: error)
            }
        }
        let widths = JSON.array([32, 64, 64, 64].map { .number($0) })
        #expect(problem(["act_fn": .string("gelu")]).contains("act_fn"))
        #expect(problem(["upsample_fn": .string("bilinear")]).contains("upsample_fn"))
        #expect(problem(["encoder_block_out_channels": widths]).contains("block_out_channels"))
        #expect(problem(["num_decoder_blocks": .array([.number(1), .number(1)])]).contains("num_decoder_blocks"))
        #expect(problem(["upsampling_scaling_factor": .number(4)]).contains("upsampling_scaling_factor"))
        #expect(problem(["scaling_factor": .number(0)]).contains("scaling_factor"))
        #expect(problem([:]).isEmpty)
    }

    /// The author's two files, both in one, and the decoder alone, against what diffusers computes with its own.
    @Test func theAuthorsFilesAreTheSame() throws {
        let oracle = try Oracle("tiny-b")
        let folder = Fixtures.path("tiny-original") + "/taesd_"
        let compute = try #require(machines().first)
        func model(_ file: AutoencoderFile) throws -> any Autoencoder {
            #expect(file.kind == .tiny)
            let weights = Weights(file.source)
            let network = try AutoencoderTinyConfig(TensorShapes(file.source)).autoencoder(
                LayerSource(weights, compute: compute))
            try weights.finish()
            return network
        }
        let decoder = try SafetensorsFile(path: folder + "decoder.safetensors")
        let both = try model(
            AutoencoderFile(decoder) { try SafetensorsFile(path: folder + "encoder.safetensors") })
        let combined = try model(AutoencoderFile(try SafetensorsFile(path: folder + "combined.safetensors")))
        let alone = try model(AutoencoderFile(decoder))
        for network in [both, combined, alone] {
            let decoded = try network.decode(try oracle.picture("latents"), compute)
            #expect(try oracle.pictureError(decoded, "decoded") < stageTolerance)
        }
        for network in [both, combined] {
            let encoded = try network.encode(try oracle.picture("image"), compute)
            #expect(try oracle.pictureError(encoded, "encoded") < stageTolerance)
        }
        #expect(throws: ModelError.self) { try alone.encode(try oracle.picture("image"), compute) }
        #expect(throws: CheckpointError.self) {
            _ = try AutoencoderFile(try SafetensorsFile(path: folder + "encoder.safetensors"))
        }
    }

    /// Without norms, tiles differ from the whole only where a neighbour is missing, and fade there. Measured: 0.027.
    @Test func tilesAreNearlyTheWhole() throws {
        let oracle = try Oracle("tiny-b")
        let compute = try #require(machines().first)
        let weights = try oracle.weights("diffusion_pytorch_model")
        let model = try AutoencoderTiny(
            LayerSource(weights, compute: compute), try AutoencoderTinyConfig(try oracle.config))
        let latents = try Tensor(
            batch: 1, height: 40, width: 24, channels: 4,
            values: (0..<40 * 24 * 4).map { Float($0 * 37 % 101) / 50 - 1 })
        let whole = try model.decode(latents, compute)
        let tiled = try model.decode(latents, compute, tiling: VAETiling(latents: 32))
        let error = relativeError(tiled.values, whole.values)
        print("tiny in tiles", error)
        #expect(error > 0 && error < 0.05)
    }

    /// A VAE's file as model sites have it: the original code's names, alone or in a whole checkpoint.
    @Test(arguments: ["", "first_stage_model.", "vae."])
    func originalNamesOfAVAE(_ prefix: String) throws {
        let oracle = try Oracle("vae-d")
        let bare = try SafetensorsFile(path: oracle.folder + "/bare.safetensors")
        let temporary = try TemporaryFolder()
        var tensors = try bare.tensors.values.map {
            OutputTensor(name: prefix + $0.name, shape: $0.shape, values: try bare.float32($0.name))
        }
        if !prefix.isEmpty { tensors.append(OutputTensor(name: "model.diffusion_model.x", shape: [1], values: [1])) }
        try SafetensorsWriter.write(tensors, metadata: [:], to: temporary.file("vae.safetensors"))
        let file = try AutoencoderFile(try SafetensorsFile(path: temporary.file("vae.safetensors")))
        #expect(file.kind == .kl)
        let values = try AutoencoderShapes(TensorShapes(file.source)).config(
            sampleSize: 512, scalingFactor: 0.5, isXL: false)
        let config = try AutoencoderConfig(ConfigFile(path: "c.json", values: values))
        var expected = try AutoencoderConfig(try oracle.config)
        expected.needsFloat32 = false  // a matter of the family
        #expect(config == expected)
        let compute = try #require(machines().first)
        let weights = Weights(file.source, rules: config.rules)
        let model = try config.autoencoder(LayerSource(weights, compute: compute))
        try weights.finish()
        let moments = try oracle.pictureError(try model.encode(try oracle.picture("image"), compute), "moments")
        let decoded = try oracle.pictureError(try model.decode(try oracle.picture("latents"), compute), "decoded")
        #expect(moments < stageTolerance && decoded < stageTolerance)
    }

    @Test func filesOfOtherThingsAreRefused() throws {
        for name in ["unet-a/diffusion_pytorch_model", "text-a/model", "vae-a/reference"] {
            let file = try SafetensorsFile(path: Fixtures.path(name + ".safetensors"))
            #expect(throws: CheckpointError.self) { _ = try AutoencoderFile(file) }
        }
    }
}
