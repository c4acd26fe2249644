import Models

/// The sizes of a well-known model.
struct BenchmarkShape: Sendable {
    var name: String
    /// Side of the pictures that it was made for.
    var size: Int
    var text: [CLIPTextConfig]
    var unet: UNetConfig
    var vae: AutoencoderConfig

    static let all = [sd15, sd21, sdxl, icons128]

    static func named(_ name: String) throws -> BenchmarkShape {
        guard let shape = all.first(where: { $0.name == name }) else {
            throw LimnError(
                "there is no shape \"\(name)\"; known are \(Benchmark.shapes.joined(separator: ", "))",
                isUsage: true)
        }
        return shape
    }

    /// The size of a picture, its own where none is asked for.
    func size(width: Int?, height: Int?) throws -> (width: Int, height: Int) {
        let (width, height, factor) = (width ?? size, height ?? size, vae.factor)
        for side in [width, height] where side < factor || side > 16384 || side % factor != 0 {
            throw LimnError("a side of \(side) pixels must be a multiple of \(factor), at most 16384", isUsage: true)
        }
        return (width, height)
    }

    /// Some conditions of SDXL's kind, if the UNet wants them.
    func addition(count: Int) -> [AdditionalConditions]? {
        unet.additionTimeChannels.map { channels in
            let pooled = [Float](repeating: 0.1, count: unet.additionInputChannels - 6 * channels)
            return Array(
                repeating: AdditionalConditions(pooledText: pooled, timeIDs: Array(repeating: 512, count: 6)),
                count: count)
        }
    }

    private static let sd15 = BenchmarkShape(
        name: "sd15", size: 512, text: [CLIPTextConfig()], unet: UNetConfig(), vae: AutoencoderConfig())

    private static let sd21: BenchmarkShape = {
        var text = CLIPTextConfig()
        (text.hiddenSize, text.intermediateSize) = (1024, 4096)
        (text.layerCount, text.headCount, text.activation) = (23, 16, .gelu)
        var unet = UNetConfig()
        unet.sampleSize = 96
        unet.attentionHeads = [5, 10, 20, 20]
        unet.crossAttentionChannels = [1024, 1024, 1024, 1024]
        return BenchmarkShape(name: "sd21", size: 768, text: [text], unet: unet, vae: AutoencoderConfig())
    }()

    private static let sdxl: BenchmarkShape = {
        var second = CLIPTextConfig()
        (second.hiddenSize, second.intermediateSize) = (1280, 5120)
        (second.layerCount, second.headCount, second.activation) = (32, 20, .gelu)
        var unet = UNetConfig()
        unet.sampleSize = 128
        unet.downBlocks = [.plain, .crossAttention, .crossAttention]
        unet.upBlocks = [.crossAttention, .crossAttention, .plain]
        unet.onlyCrossAttention = [false, false, false]
        unet.blockOutChannels = [320, 640, 1280]
        unet.layersPerBlock = [2, 2, 2]
        unet.crossAttentionChannels = [2048, 2048, 2048]
        unet.transformerLayers = [1, 2, 10]
        unet.reverseTransformerLayers = [10, 2, 1]
        unet.attentionHeads = [5, 10, 20]
        (unet.additionTimeChannels, unet.additionInputChannels) = (256, 2816)
        return BenchmarkShape(
            name: "sdxl", size: 1024, text: [CLIPTextConfig(), second], unet: unet, vae: AutoencoderConfig())
    }()

    /// The model that comes with Limn.
    private static let icons128: BenchmarkShape = {
        var text = CLIPTextConfig()
        (text.vocabularySize, text.hiddenSize, text.intermediateSize) = (10000, 192, 1536)
        (text.layerCount, text.headCount, text.maximumLength) = (5, 4, 40)
        var unet = UNetConfig()
        unet.sampleSize = 32
        unet.downBlocks = [.plain, .crossAttention, .crossAttention, .plain]
        unet.upBlocks = [.plain, .crossAttention, .crossAttention, .plain]
        unet.blockOutChannels = [64, 96, 160, 192]
        unet.layersPerBlock = [1, 1, 1, 1]
        unet.crossAttentionChannels = [192, 192, 192, 192]
        unet.attentionHeads = [4, 4, 4, 4]
        unet.timeEmbeddingChannels = 256
        (unet.timeConditioning, unet.additionTextHeads) = (.scaleShift, 4)
        var vae = AutoencoderConfig()
        (vae.blockOutChannels, vae.layersPerBlock, vae.normGroups) = ([32, 64, 96], 1, 16)
        vae.midBlockAttention = false
        return BenchmarkShape(name: "icons-128", size: 128, text: [text], unet: unet, vae: vae)
    }()
}
