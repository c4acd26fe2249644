/// The UNet of the original code (`ldm.modules.diffusionmodules.openaimodel.UNetModel`) counts its blocks through,
/// where diffusers counts by level: which number means what follows from how many layers each level has.
package struct UNetNames: Sendable, Equatable {
    /// Resnet blocks of each level on the way down, the widest map first.
    package var downLayers: [Int] = []
    /// The same on the way up, the narrowest map first, and whether a transformer follows each.
    package var upLayers: [Int] = []
    package var upHasAttention: [Bool] = []

    /// - Parameter keys: original names, without `model.diffusion_model.`
    package init(original keys: Set<String>) {
        var layers = 0
        for block in 1...max(1, keys.count) {
            if keys.contains("input_blocks.\(block).0.op.weight") {
                downLayers.append(layers)
                layers = 0
            } else if keys.contains("input_blocks.\(block).0.in_layers.0.weight") {
                layers += 1
            } else {
                break
            }
        }
        downLayers.append(layers)
        (layers, upLayers) = (0, [])
        var hasAttention = false
        for block in 0..<max(1, keys.count) {
            guard keys.contains("output_blocks.\(block).0.in_layers.0.weight") else { break }
            layers += 1
            hasAttention = hasAttention || keys.contains("output_blocks.\(block).1.proj_in.weight")
            guard (1...2).contains(where: { keys.contains("output_blocks.\(block).\($0).conv.weight") }) else {
                continue
            }
            upLayers.append(layers)
            upHasAttention.append(hasAttention)
            (layers, hasAttention) = (0, false)
        }
        upLayers.append(layers)
        upHasAttention.append(hasAttention)
    }

    /// - Parameter keys: diffusers' names
    package init(diffusers keys: Set<String>) {
        func count(_ prefix: String) -> Int {
            (0...keys.count).first { !keys.contains("\(prefix).\($0).norm1.weight") } ?? 0
        }
        for level in 0...keys.count where keys.contains("down_blocks.\(level).resnets.0.norm1.weight") {
            downLayers.append(count("down_blocks.\(level).resnets"))
        }
        for block in 0...keys.count where keys.contains("up_blocks.\(block).resnets.0.norm1.weight") {
            upLayers.append(count("up_blocks.\(block).resnets"))
            upHasAttention.append(keys.contains("up_blocks.\(block).attentions.0.proj_in.weight"))
        }
    }

    package var table: NameTable {
        var table = NameTable()
        table.add("time_embed.0", "time_embedding.linear_1")
        table.add("time_embed.2", "time_embedding.linear_2")
        table.add("label_emb.0.0", "add_embedding.linear_1")
        table.add("label_emb.0.2", "add_embedding.linear_2")
        table.add("input_blocks.0.0", "conv_in")
        table.add("out.0", "conv_norm_out")
        table.add("out.2", "conv_out")

        var block = 1
        for (level, layers) in downLayers.enumerated() {
            for layer in 0..<layers {
                Self.addResnet("input_blocks.\(block).0", "down_blocks.\(level).resnets.\(layer)", to: &table)
                table.add("input_blocks.\(block).1", "down_blocks.\(level).attentions.\(layer)")
                block += 1
            }
            table.add("input_blocks.\(block).0.op", "down_blocks.\(level).downsamplers.0.conv")
            block += 1
        }
        Self.addResnet("middle_block.0", "mid_block.resnets.0", to: &table)
        table.add("middle_block.1", "mid_block.attentions.0")
        Self.addResnet("middle_block.2", "mid_block.resnets.1", to: &table)

        block = 0
        for (level, (layers, hasAttention)) in zip(upLayers, upHasAttention).enumerated() {
            for layer in 0..<layers {
                Self.addResnet("output_blocks.\(block).0", "up_blocks.\(level).resnets.\(layer)", to: &table)
                if hasAttention { table.add("output_blocks.\(block).1", "up_blocks.\(level).attentions.\(layer)") }
                block += 1
            }
            // The upsampling comes last in its list: after the transformer where there is one.
            table.add(
                "output_blocks.\(block - 1).\(hasAttention ? 2 : 1).conv", "up_blocks.\(level).upsamplers.0.conv")
        }
        return table
    }

    private static func addResnet(_ original: String, _ diffusers: String, to table: inout NameTable) {
        table.add(
            original, diffusers,
            inside: [
                "in_layers.0": "norm1", "in_layers.2": "conv1", "emb_layers.1": "time_emb_proj",
                "out_layers.0": "norm2", "out_layers.3": "conv2", "skip_connection": "conv_shortcut",
            ])
    }
}
