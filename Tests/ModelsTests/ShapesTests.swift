import Checkpoints
import Foundation
import Platform
import TestSupport
import Testing

@testable import Models

/// Configurations told from names and shapes, against the published ones.
struct ShapesTests {
    /// The true sizes' keys and shapes, which `Tools/reference/originals.py` wrote, by part.
    static func published(_ name: String) throws -> [CheckpointPart: TensorShapes] {
        let text = try String(contentsOfFile: Fixtures.path("originals/names-\(name).txt"), encoding: .utf8)
        var shapes: [CheckpointPart: [String: [Int]]] = [:]
        for line in text.components(separatedBy: "\n\n")[1].split(separator: "\n") {
            let words = line.split(separator: " ", omittingEmptySubsequences: false)
            guard let part = CheckpointPart(rawValue: String(words[0])) else { continue }
            shapes[part, default: [:]][String(words[1])] = words[2].split(separator: ",").compactMap { Int($0) }
        }
        return shapes.mapValues { TensorShapes(path: name, $0) }
    }

    private func file(_ values: [String: JSON]) -> ConfigFile { ConfigFile(path: "told", values: values) }

    @Test func stableDiffusion1() throws {
        let parts = try Self.published("sd1")
        let unet = try UNetShapes(try #require(parts[.unet]))
        let values = try unet.config(path: "told", sampleSize: 64, sizeConditions: 6, pooledChannels: nil)
        #expect(values["use_linear_projection"] == .bool(false))
        // What UNetConfig is without a word is Stable Diffusion 1.
        #expect(try UNetConfig(file(values)) == UNetConfig())
        let vae = try AutoencoderShapes(try #require(parts[.vae]))
        #expect(vae.factor == 8)
        let config = vae.config(sampleSize: 512, scalingFactor: 0.18215, isXL: false)
        #expect(try AutoencoderConfig(file(config)) == AutoencoderConfig())
        let text = try CLIPTextShapes(try #require(parts[.textEncoder]))
        #expect(text.pooledChannels == nil)
        let clip = try CLIPTextConfig(file(text.config(isOpenCLIP: false, isProjected: false)))
        #expect(clip.hiddenSize == 768 && clip.layerCount == 12 && clip.headCount == 12)
        #expect(clip.intermediateSize == 3072 && clip.maximumLength == 77 && clip.vocabularySize == 49408)
        #expect(clip.activation == .quickGELU)
    }

    @Test func stableDiffusionXL() throws {
        let parts = try Self.published("xl")
        let text = try CLIPTextShapes(try #require(parts[.textEncoder2]))
        #expect(text.pooledChannels == 1280)
        let clip = try CLIPTextConfig(file(text.config(isOpenCLIP: true, isProjected: true)))
        #expect(clip.hiddenSize == 1280 && clip.layerCount == 32 && clip.headCount == 20 && clip.activation == .gelu)
        let unet = try UNetShapes(try #require(parts[.unet]))
        let config = try UNetConfig(
            file(
                try unet.config(
                    path: "told", sampleSize: 128, sizeConditions: 6, pooledChannels: text.pooledChannels)))
        #expect(config.blockOutChannels == [320, 640, 1280] && config.attentionHeads == [5, 10, 20])
        #expect(config.downBlocks == [.plain, .crossAttention, .crossAttention])
        #expect(config.upBlocks == [.crossAttention, .crossAttention, .plain])
        #expect(config.transformerLayers == [1, 2, 10] && config.reverseTransformerLayers == [10, 2, 1])
        #expect(config.crossAttentionChannels == [2048, 2048, 2048] && config.midBlock == .crossAttention)
        #expect(config.additionTimeChannels == 256 && config.additionInputChannels == 2816)
    }

    /// The tensors of a small UNet of one level, more or fewer.
    private func small(_ change: (inout [String: [Int]]) -> Void) throws -> [String: JSON] {
        var shapes = [
            "conv_in.weight": [16, 9, 5, 5], "conv_out.weight": [4, 16, 1, 1],
            "time_embedding.linear_1.weight": [50, 16],
            "down_blocks.0.resnets.0.conv1.weight": [16, 16, 3, 3],
            "up_blocks.0.resnets.0.conv1.weight": [16, 32, 3, 3],
        ]
        change(&shapes)
        return try UNetShapes(TensorShapes(path: "small", shapes)).config(
            path: "small", sampleSize: 8, sizeConditions: 6, pooledChannels: 8)
    }

    @Test func unusualNetworks() throws {
        let bare = try small { _ in }
        #expect(bare["mid_block_type"] == .null && bare["in_channels"] == .number(9))
        #expect(bare["conv_in_kernel"] == .number(5) && bare["conv_out_kernel"] == .number(1))
        #expect(bare["time_embedding_dim"] == .number(50) && bare["norm_num_groups"] == .number(16))
        let plain = try small { $0["mid_block.resnets.0.conv1.weight"] = [16, 16, 3, 3] }
        #expect(plain["mid_block_type"] == .string("UNetMidBlock2D"))
        let cut = try small {
            for index in 0..<2 {
                let block = "up_blocks.0.attentions.\(index)"
                $0["\(block).proj_in.weight"] = [16, 16]
                for depth in 0...index { $0["\(block).transformer_blocks.\(depth).attn2.to_k.weight"] = [16, 20] }
            }
        }
        #expect(cut["reverse_transformer_layers_per_block"] == .array([.array([.number(1), .number(2)])]))
        #expect(cut["cross_attention_dim"] == .number(20) && cut["use_linear_projection"] == .bool(true))
        let latentConsistency = try small { $0["time_embedding.cond_proj.weight"] = [16, 256] }
        #expect(latentConsistency["time_cond_proj_dim"] == .number(256))
    }

    @Test func networksThatNoConfigurationDescribes() {
        func message(_ change: (inout [String: [Int]]) -> Void) -> String {
            do {
                _ = try small(change)
                return "nothing"
            } catch {
                return String(describing: error)
            }
        }
        #expect(message { $0["conv_in.weight"] = nil }.contains("conv_in.weight is missing"))
        #expect(message { $0["conv_in.weight"] = [3] }.contains("the shape [3]"))
        #expect(message { $0["conv_in.weight"] = [0, 0, 0, 0] }.contains("the shape [0, 0, 0, 0]"))
        #expect(message { $0["up_blocks.0.resnets.0.conv1.weight"] = nil }.contains("as many of both"))
        #expect(message { $0["add_embedding.linear_1.weight"] = [4, 13] }.contains("13 numbers beside the time"))
    }
}
