import Checkpoints
import Layers
import Models
import Tensors
import TestSupport
import Testing

@Suite(.serialized) struct StagesTests {
    @Test(arguments: ["text-a", "text-b", "text-c"])
    func textEncoderGivesTheStatesOfTransformers(_ name: String) throws {
        let oracle = try Oracle(name)
        for compute in machines() {
            let weights = try oracle.weights("model", rules: .clipText)
            let model = try CLIPTextModel(
                LayerSource(weights, compute: compute), try CLIPTextConfig(try oracle.config))
            try weights.finish()
            let ids = try oracle.ids()
            let states = try model(ids, compute)
            let error = relativeError(states.values, try oracle.values("last_hidden_state"))
            #expect(error < stageTolerance, "\(compute.kernels.name)")
            print(name, compute.kernels.name, error)
            guard oracle.reference.tensors["clip_skip_2"] != nil else { continue }
            let skipped = try model(ids, clipSkip: 2, compute)
            #expect(relativeError(skipped.values, try oracle.values("clip_skip_2")) < stageTolerance)
        }
    }

    @Test(arguments: ["vae-a", "vae-b", "vae-c", "vae-d"])
    func autoencoderEncodesAndDecodesAsDiffusersDoes(_ name: String) throws {
        let oracle = try Oracle(name)
        for compute in machines() {
            let weights = try oracle.weights("diffusion_pytorch_model", rules: .autoencoder)
            let model = try AutoencoderKL(
                LayerSource(weights, compute: compute), try AutoencoderConfig(try oracle.config))
            try weights.finish()
            let moments = try oracle.pictureError(try model.encode(try oracle.picture("image"), compute), "moments")
            let decoded = try oracle.pictureError(
                try model.decode(try oracle.picture("latents"), compute), "decoded")
            print(name, compute.kernels.name, moments, decoded)
            #expect(moments < stageTolerance, "\(compute.kernels.name)")
            #expect(decoded < stageTolerance, "\(compute.kernels.name)")
            #expect(compute.arena.unplannedCount == 0)
        }
    }

    @Test(arguments: ["unet-a", "unet-b", "unet-c", "unet-d", "unet-e", "unet-f"])
    func unetPredictsWhatDiffusersPredicts(_ name: String) throws {
        let oracle = try Oracle(name)
        for compute in machines() {
            let weights = try oracle.weights("diffusion_pytorch_model")
            let model = try UNet2DConditionModel(
                LayerSource(weights, compute: compute), try UNetConfig(try oracle.config))
            try weights.finish()
            var cases = 0
            while oracle.reference.tensors["\(cases).sample"] != nil {
                let latents = try oracle.picture("\(cases).sample")
                let conditioning = try model.condition(
                    on: try oracle.tokens("\(cases).encoder_hidden_states"),
                    addition: try oracle.additionalConditions(cases), compute)
                try model.plan(height: latents.height, width: latents.width, conditioning, compute)
                let timestep = try oracle.values("\(cases).timestep")[0]
                let output = try model(latents, timestep: timestep, conditioning, compute)
                let error = try oracle.pictureError(output, "\(cases).output")
                print(name, cases, compute.kernels.name, error)
                #expect(error < stageTolerance, "\(compute.kernels.name), case \(cases)")
                cases += 1
            }
            #expect(cases >= 4)
            #expect(compute.arena.unplannedCount == 0)
        }
    }

    /// Texts of different lengths share a batch: each picture is told its own, and nothing of what fills it up.
    @Test(arguments: ["unet-a", "unet-f"])
    func paddingOfAShorterTextSaysNothing(_ name: String) throws {
        let oracle = try Oracle(name)
        let compute = machines()[0]
        let model = try UNet2DConditionModel(
            LayerSource(try oracle.weights("diffusion_pytorch_model"), compute: compute),
            try UNetConfig(try oracle.config))
        let latents = try oracle.picture("0.sample")
        let texts = try oracle.tokens("0.encoder_hidden_states")
        #expect(latents.batch == 2 && texts.pixels == 5)
        let both = try model.condition(on: texts, counts: [5, 3], compute)
        let together = try model(latents, timestep: 500, both, compute).picture(1).values
        let short = try Tensor(
            batch: 1, height: 1, width: 3, channels: texts.channels,
            values: Array(try texts.picture(1).values.prefix(3 * texts.channels)))
        let one = try model.condition(on: short, compute)
        let alone = try model(try latents.picture(1), timestep: 500, one, compute).values
        // Rounding alone: where OpenBLAS multiplies, a row's last bits depend on how many there are.
        #expect(relativeError(together, alone) < 1e-5)
        #expect(relativeError(try model(latents, timestep: 500, both, compute).picture(0).values, alone) > 0.1)
    }

    /// The layers of the fixtures are small, and so get algorithms of which large models make little use. Told to expect
    /// large maps, every layer that can takes Winograd's F(4×4), the least exact of all.
    @Test(arguments: ["unet-a", "unet-b", "unet-c", "unet-d", "unet-e", "unet-f"])
    func unetIsAsGoodByWinograd(_ name: String) throws {
        let oracle = try Oracle(name)
        for compute in machines() {
            var config = try UNetConfig(try oracle.config)
            config.sampleSize = 4096
            let weights = try oracle.weights("diffusion_pytorch_model")
            let model = try UNet2DConditionModel(LayerSource(weights, compute: compute), config)
            for index in 0..<4 {
                let latents = try oracle.picture("\(index).sample")
                let conditioning = try model.condition(
                    on: try oracle.tokens("\(index).encoder_hidden_states"),
                    addition: try oracle.additionalConditions(index), compute)
                let timestep = try oracle.values("\(index).timestep")[0]
                let output = try model(latents, timestep: timestep, conditioning, compute)
                let error = try oracle.pictureError(output, "\(index).output")
                print("winograd", name, index, compute.kernels.name, error)
                #expect(error < stageTolerance, "\(compute.kernels.name), case \(index)")
            }
        }
    }

    @Test(arguments: ["vae-a", "vae-b", "vae-c", "vae-d"])
    func autoencoderIsAsGoodByWinograd(_ name: String) throws {
        let oracle = try Oracle(name)
        for compute in machines() {
            let weights = try oracle.weights("diffusion_pytorch_model", rules: .autoencoder)
            let source = LayerSource(weights, compute: compute).expecting(side: 4096)
            let model = try AutoencoderKL(source, try AutoencoderConfig(try oracle.config))
            let moments = try oracle.pictureError(try model.encode(try oracle.picture("image"), compute), "moments")
            let decoded = try oracle.pictureError(
                try model.decode(try oracle.picture("latents"), compute), "decoded")
            print("winograd", name, compute.kernels.name, moments, decoded)
            #expect(moments < stageTolerance, "\(compute.kernels.name)")
            #expect(decoded < stageTolerance, "\(compute.kernels.name)")
        }
    }
}
