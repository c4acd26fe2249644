import Layers
import Models
import Tensors
import TestSupport
import Testing

@Suite(.serialized) struct CancellationTests {
    /// A UNet of the fixtures on one thread, with what it is asked.
    private struct Job {
        let oracle: Oracle
        let compute: Compute
        let model: UNet2DConditionModel
        let latents: Tensor
        let conditioning: Conditioning

        init() throws {
            oracle = try Oracle("unet-a")
            compute = Compute(kernels: Kernels.tested[0], threads: 1)
            model = try UNet2DConditionModel(
                LayerSource(try oracle.weights("diffusion_pytorch_model"), compute: compute),
                try UNetConfig(try oracle.config))
            latents = try oracle.picture("0.sample")
            conditioning = try model.condition(on: try oracle.tokens("0.encoder_hidden_states"), compute)
            try plan()
        }

        func plan() throws {
            try model.plan(height: latents.height, width: latents.width, conditioning, compute)
        }

        func evaluate() throws -> Tensor {
            try model(latents, timestep: try oracle.values("0.timestep")[0], conditioning, compute)
        }
    }

    @Test func aCancelledNetworkStopsBeforeTheNextOperation() throws {
        let job = try Job()
        var asked = 0
        job.compute.isCancelled = {
            asked += 1
            return asked == 10
        }
        #expect(throws: CancellationError.self) { _ = try job.evaluate() }
        #expect(asked == 10)

        // What was left behind does not disturb the next evaluation.
        job.compute.isCancelled = { false }
        #expect(try job.oracle.pictureError(try job.evaluate(), "0.output") < stageTolerance)
        #expect(job.compute.arena.unplannedCount == 0)
    }

    /// Wherever a network is stopped, no tensor outlives it: the arena refuses to be planned over one that does, and
    /// could not find room for the next run where the plan put it.
    @Test func nothingIsLeftBehindWhereverItStops() throws {
        let job = try Job()
        let expected = try job.evaluate().values.map(\.bitPattern)
        var operations = 0
        job.compute.isCancelled = {
            operations += 1
            return false
        }
        _ = try job.evaluate()
        #expect(operations > 100)

        for last in 1...operations {
            var asked = 0
            job.compute.isCancelled = {
                asked += 1
                return asked == last
            }
            #expect(throws: CancellationError.self) { _ = try job.evaluate() }
            job.compute.isCancelled = { false }
            // Every other time the next run has no new plan to go by.
            if last % 2 == 0 { try job.plan() }
            if last % 20 == 0 { try #expect(job.evaluate().values.map(\.bitPattern) == expected, "stopped at \(last)") }
        }
        let capacity = job.compute.arena.capacity
        try job.plan()
        try #expect(job.evaluate().values.map(\.bitPattern) == expected)
        #expect(job.compute.arena.unplannedCount == 0)
        #expect(job.compute.arena.capacity == capacity)
    }
}
