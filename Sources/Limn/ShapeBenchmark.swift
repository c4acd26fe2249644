import Checkpoints
import Layers
import Models
import Tensors

/// The stages of a known shape on random weights.
struct ShapeBenchmark {
    private let shape: BenchmarkShape
    private let width: Int
    private let height: Int
    private let batch: Int
    private let timer: StageTimer

    init(_ name: String, _ options: Benchmark.Options, _ timer: StageTimer) throws {
        shape = try BenchmarkShape.named(name)
        (width, height) = try shape.size(width: options.width, height: options.height)
        batch = options.batch ?? 1
        guard (1...256).contains(batch) else { throw LimnError("a batch is 1 to 256 pictures", isUsage: true) }
        self.timer = timer
    }

    func result() throws -> BenchmarkResult {
        let compute = timer.compute
        let weights = Weights.random(seed: 1)
        func source(_ part: String) -> LayerSource { LayerSource(weights.scoped(part), compute: compute) }

        timer.note("packing random weights of shape \(shape.name)")
        let start = Compute.seconds
        let encoders = try shape.text.enumerated().map { try CLIPTextModel(source("text\($0)"), $1) }
        let unet = try UNet2DConditionModel(source("unet"), shape.unet)
        let vae = try AutoencoderKL(source("vae"), shape.vae)
        let packSeconds = Compute.seconds - start

        let tokens = shape.text.map(\.maximumLength).min() ?? 77
        try timer.textEncoder(encoders, ids: Array(repeating: Array(repeating: 1, count: tokens), count: 2 * batch))
        try timeUNet(unet, tokens: tokens)
        try timer.encoder(vae, picture: try random(batch, height, width, channels: 3))
        let (h, w) = (height / shape.vae.factor, width / shape.vae.factor)
        try timer.decoder(vae, latents: try random(batch, h, w, channels: shape.vae.latentChannels))

        var result = timer.result()
        (result.shape, result.width, result.height, result.batch) = (shape.name, width, height, batch)
        result.packSeconds = packSeconds
        return result
    }

    /// One evaluation of a pair for each picture, as guidance wants it.
    private func timeUNet(_ unet: UNet2DConditionModel, tokens: Int) throws {
        let config = unet.config
        let text = try random(2 * batch, 1, tokens, channels: config.crossAttentionChannels[0])
        let (h, w) = (height / shape.vae.factor, width / shape.vae.factor)
        let latents = try random(2 * batch, h, w, channels: config.inChannels)
        try timer.unet(unet, latents: latents, timestep: 500, text: text, addition: shape.addition(count: 2 * batch))
    }

    /// Values between −1 and 1; which ones does not matter for the time.
    private func random(_ batch: Int, _ height: Int, _ width: Int, channels: Int) throws -> Tensor {
        let tensor = try Tensor(batch: batch, height: height, width: width, channels: channels)
        var state: UInt32 = 1
        for index in 0..<tensor.count {
            state = state &* 1_664_525 &+ 1_013_904_223
            tensor.pointer[index] = Float(state >> 8) / Float(1 << 23) - 1
        }
        return tensor
    }
}
