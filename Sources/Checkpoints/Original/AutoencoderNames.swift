/// The autoencoder of the original code (`ldm.models.autoencoder.AutoencoderKL`) counts the decoder's levels by the
/// size of their maps, the widest first, where diffusers counts in the order in which they run.
package struct AutoencoderNames: Sendable, Equatable {
    package var levels: Int
    /// The most resnet blocks that a level has.
    package var layers: Int

    /// - Parameter keys: original names, without `first_stage_model.`
    package init(original keys: Set<String>) {
        levels = (0...keys.count).first { !keys.contains("decoder.up.\($0).block.0.norm1.weight") } ?? 0
        layers = (0...keys.count).first { !keys.contains("decoder.up.0.block.\($0).norm1.weight") } ?? 0
    }

    /// - Parameter keys: diffusers' names
    package init(diffusers keys: Set<String>) {
        levels = (0...keys.count).first { !keys.contains("decoder.up_blocks.\($0).resnets.0.norm1.weight") } ?? 0
        layers = (0...keys.count).first { !keys.contains("decoder.up_blocks.0.resnets.\($0).norm1.weight") } ?? 0
    }

    package var table: NameTable {
        var table = NameTable()
        for name in ["quant_conv", "post_quant_conv"] { table.add(name, name) }
        for half in ["encoder", "decoder"] {
            for name in ["conv_in", "conv_out"] { table.add("\(half).\(name)", "\(half).\(name)") }
            table.add("\(half).norm_out", "\(half).conv_norm_out")
            table.add("\(half).mid.block_1", "\(half).mid_block.resnets.0")
            table.add("\(half).mid.block_2", "\(half).mid_block.resnets.1")
            table.add(
                "\(half).mid.attn_1", "\(half).mid_block.attentions.0",
                inside: ["norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"])
        }
        for level in 0..<levels {
            // down.0 and up.0 have the widest maps.
            let (down, up) = ("encoder.down.\(level)", "decoder.up.\(level)")
            let (downBlock, upBlock) = ("encoder.down_blocks.\(level)", "decoder.up_blocks.\(levels - 1 - level)")
            for layer in 0..<layers {
                Self.addResnet("\(down).block.\(layer)", "\(downBlock).resnets.\(layer)", to: &table)
                Self.addResnet("\(up).block.\(layer)", "\(upBlock).resnets.\(layer)", to: &table)
            }
            table.add("\(down).downsample.conv", "\(downBlock).downsamplers.0.conv")
            table.add("\(up).upsample.conv", "\(upBlock).upsamplers.0.conv")
        }
        return table
    }

    private static func addResnet(_ original: String, _ diffusers: String, to table: inout NameTable) {
        table.add(original, diffusers)
        table.add("\(original).nin_shortcut", "\(diffusers).conv_shortcut")
    }

    /// Whether a key of diffusers' is a matrix of the mid block's attention, which the original code has as a
    /// convolution of 1×1.
    package static func isAttentionMatrix(_ diffusers: String) -> Bool {
        diffusers.contains(".mid_block.attentions.0.to_") && diffusers.hasSuffix(".weight")
    }
}
