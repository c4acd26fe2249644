import Layers
import Models
import Tensors
import TestSupport
import Testing

@Suite struct CancellationTests {
    @Test func aCancelledNetworkStopsBeforeTheNextOperation() throws {
        let oracle = try Oracle("unet-a")
        let compute = Compute(kernels: try Kernels.chosen(), threads: 1)
        let model = try UNet2DConditionModel(
            LayerSource(try oracle.weights("diffusion_pytorch_model"), compute: compute),
            try UNetConfig(try oracle.config))
        let latents = try oracle.picture("0.sample")
        let conditioning = try model.condition(on: try oracle.tokens("0.encoder_hidden_states"), compute)
        try model.plan(height: latents.height, width: latents.width, conditioning, compute)

        var asked = 0
        compute.isCancelled = {
            asked += 1
            return asked == 10
        }
        #expect(throws: CancellationError.self) {
            _ = try model(latents, timestep: 500, conditioning, compute)
        }
        #expect(asked == 10)

        // What was left behind does not disturb the next evaluation.
        compute.isCancelled = { false }
        let output = try model(latents, timestep: try oracle.values("0.timestep")[0], conditioning, compute)
        #expect(try oracle.pictureError(output, "0.output") < stageTolerance)
        #expect(compute.arena.unplannedCount == 0)
    }
}
