import Layers
import Models
import Tensors
import TestSupport
import Testing

/// Networks with bfloat16 products stay near the float32 ones: eight bits of mantissa, summed in float32.
@Suite(.serialized) struct Bfloat16Tests {
    static let tolerance = 6e-2
    /// With 8-bit integers in transformer blocks; measured: 2.0e-2 to 6.3e-2, in networks of few and random channels.
    static let coarseTolerance = 1e-1

    private func machines(isCoarse: Bool = false) throws -> [Compute] {
        try Kernels.tested.filter { $0.multiplies(isCoarse ? .int8 : .bfloat16) }.map {
            try Compute(kernels: $0, threads: 2, operands: .bfloat16, isCoarse: isCoarse)
        }
    }

    @Test func setsThatCannotMultiplyBfloat16SaySo() throws {
        for kernels in Kernels.tested where !kernels.multiplies(.bfloat16) {
            #expect(throws: TensorError.self) { try Compute(kernels: kernels, threads: 1, operands: .bfloat16) }
        }
    }

    @Test(arguments: ["unet-a", "unet-b", "unet-c", "unet-d", "unet-e", "unet-f"], [false, true])
    func unetStaysNearDiffusers(_ name: String, isCoarse: Bool) throws {
        for compute in try machines(isCoarse: isCoarse) {
            let oracle = try Oracle(name)
            let model = try UNet2DConditionModel(
                LayerSource(try oracle.weights("diffusion_pytorch_model"), compute: compute),
                try UNetConfig(try oracle.config))
            for index in 0..<4 {
                let latents = try oracle.picture("\(index).sample")
                let conditioning = try model.condition(
                    on: try oracle.tokens("\(index).encoder_hidden_states"),
                    addition: try oracle.additionalConditions(index), compute)
                try model.plan(height: latents.height, width: latents.width, conditioning, compute)
                let timestep = try oracle.values("\(index).timestep")[0]
                let output = try model(latents, timestep: timestep, conditioning, compute)
                let error = try oracle.pictureError(output, "\(index).output")
                print(isCoarse ? "int8" : "bf16", name, index, error)
                #expect(error < (isCoarse ? Self.coarseTolerance : Self.tolerance))
                // It is bfloat16 that is at work here.
                #expect(error > 1e-4)
            }
            #expect(compute.arena.unplannedCount == 0)
        }
    }

    @Test(arguments: ["vae-a", "vae-b", "vae-c"])
    func autoencoderStaysNearDiffusers(_ name: String) throws {
        for compute in try machines() {
            let oracle = try Oracle(name)
            let model = try AutoencoderKL(
                LayerSource(try oracle.weights("diffusion_pytorch_model", rules: .autoencoder), compute: compute),
                try AutoencoderConfig(try oracle.config))
            let moments = try oracle.pictureError(try model.encode(try oracle.picture("image"), compute), "moments")
            let decoded = try oracle.pictureError(try model.decode(try oracle.picture("latents"), compute), "decoded")
            print("bf16", name, moments, decoded)
            #expect(moments < Self.tolerance && decoded < Self.tolerance)
        }
    }

    @Test(arguments: ["text-a", "text-b", "text-c"])
    func textEncoderStaysNearTransformers(_ name: String) throws {
        for compute in try machines() {
            let oracle = try Oracle(name)
            let model = try CLIPTextModel(
                LayerSource(try oracle.weights("model", rules: .clipText), compute: compute),
                try CLIPTextConfig(try oracle.config))
            let length = try oracle.shape("ids")[1]
            let flat = try oracle.reference.integers("ids")
            let ids = stride(from: 0, to: flat.count, by: length).map { Array(flat[$0..<$0 + length]) }
            let error = relativeError(try model(ids, compute).values, try oracle.values("last_hidden_state"))
            print("bf16", name, error)
            #expect(error < Self.tolerance)
        }
    }
}
