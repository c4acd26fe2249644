import Checkpoints
import Layers
import Models
import Tensors
import TestSupport
import Testing

@Suite(.serialized) struct TilingTests {
    private func tiled(_ name: String) throws -> (oracle: Oracle, tiling: VAETiling) {
        let oracle = try Oracle(name, reference: "tiled")
        return (oracle, VAETiling(latents: try oracle.reference.integers("tile")[0]))
    }

    private func model(_ oracle: Oracle, _ compute: Compute) throws -> AutoencoderKL {
        let weights = try oracle.weights("diffusion_pytorch_model", rules: .autoencoder)
        return try AutoencoderKL(LayerSource(weights, compute: compute), try AutoencoderConfig(try oracle.config))
    }

    @Test(arguments: ["vae-a", "vae-b", "vae-c"])
    func tilesAreThoseOfDiffusers(_ name: String) throws {
        let (oracle, tiling) = try tiled(name)
        for compute in machines() {
            let model = try model(oracle, compute)
            let latents = try oracle.picture("latents")
            let decoded = try oracle.pictureError(try model.decode(latents, compute, tiling: tiling), "decoded")
            let moments = try oracle.pictureError(
                try model.encode(try oracle.picture("decoded"), compute, tiling: tiling), "moments")
            print("tiled", name, compute.kernels.name, moments, decoded)
            #expect(decoded < stageTolerance, "\(compute.kernels.name)")
            #expect(moments < stageTolerance, "\(compute.kernels.name)")
            #expect(compute.arena.unplannedCount == 0)
        }
    }

    @Test func aPictureOfOneTileIsTakenWhole() throws {
        let (oracle, _) = try tiled("vae-a")
        let compute = try #require(machines().first)
        let model = try model(oracle, compute)
        let latents = try oracle.picture("latents")
        let whole = try model.decode(latents, compute)
        let one = try model.decode(latents, compute, tiling: VAETiling(latents: 20))
        #expect(one.values == whole.values)
    }

    @Test func tilesNeedTheMemoryOfOne() throws {
        let (oracle, tiling) = try tiled("vae-a")
        let compute = try #require(machines().first)
        let model = try model(oracle, compute)
        try model.planDecoding(height: tiling.latents, width: tiling.latents, compute)
        let ofOne = compute.arena.capacity
        try model.planDecoding(height: 100 * tiling.latents, width: 3 * tiling.latents, compute, tiling: tiling)
        #expect(compute.arena.capacity == ofOne)
        _ = try model.decode(try oracle.picture("latents"), compute, tiling: tiling)
        #expect(compute.arena.capacity == ofOne)
    }
}
