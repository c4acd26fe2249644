/// What the original code of Stable Diffusion (`openaimodel.UNetModel`) calls the modules of diffusers' UNet: kohya
/// trains SDXL on that code, and its LoRAs carry the names. The original numbers its blocks through, one for each
/// resnet block with its attention, and one for each downsampling.
struct OriginalUNetNames {
    /// Resnet blocks a down block, and the first number that each block has.
    private let downLayers: [Int]
    private let downStarts: [Int]
    private let upLayers: [Int]
    private let upStarts: [Int]
    private let upHasAttention: [Bool]

    /// - Parameter modules: all of the UNet's modules, in diffusers' names
    init(modules: some Collection<String>) {
        let names = Set(modules)
        func count(_ prefix: (Int) -> String) -> Int {
            var count = 0
            while names.contains(prefix(count)) { count += 1 }
            return count
        }
        func resnets(_ kind: String) -> [Int] {
            var layers: [Int] = []
            while case let found = count({ "\(kind)_blocks.\(layers.count).resnets.\($0).conv1" }), found > 0 {
                layers.append(found)
            }
            return layers
        }
        downLayers = resnets("down")
        upLayers = resnets("up")
        var starts: [Int] = []
        // Number 0 is conv_in.
        var next = 1
        for (block, layers) in downLayers.enumerated() {
            starts.append(next)
            next += layers + (names.contains("down_blocks.\(block).downsamplers.0.conv") ? 1 : 0)
        }
        downStarts = starts
        starts = []
        next = 0
        for layers in upLayers {
            starts.append(next)
            next += layers
        }
        upStarts = starts
        upHasAttention = upLayers.indices.map { names.contains("up_blocks.\($0).attentions.0.proj_in") }
    }

    /// The original name of a module; nil if it has none.
    func original(_ module: String) -> String? {
        if let name = Self.outsideBlocks[module] { return name }
        let parts = module.split(separator: ".").map(String.init)
        guard parts.count >= 4 else { return nil }
        if parts[0] == "mid_block" {
            guard let index = Int(parts[2]), (0...1).contains(index) else { return nil }
            let place = parts[1] == "attentions" ? 1 : 2 * index
            return inner(parts[1], parts.dropFirst(3)).map { "middle_block.\(place).\($0)" }
        }
        guard parts.count >= 5, let block = Int(parts[1]), let index = Int(parts[3]) else { return nil }
        let place = parts[2] == "attentions" ? 1 : 0
        switch parts[0] {
        case "down_blocks" where downLayers.indices.contains(block):
            if parts[2] == "downsamplers" { return "input_blocks.\(downStarts[block] + downLayers[block]).0.op" }
            let number = downStarts[block] + index
            return inner(parts[2], parts.dropFirst(4)).map { "input_blocks.\(number).\(place).\($0)" }
        case "up_blocks" where upLayers.indices.contains(block):
            if parts[2] == "upsamplers" {
                let last = upStarts[block] + upLayers[block] - 1
                return "output_blocks.\(last).\(upHasAttention[block] ? 2 : 1).conv"
            }
            let number = upStarts[block] + index
            return inner(parts[2], parts.dropFirst(4)).map { "output_blocks.\(number).\(place).\($0)" }
        default: return nil
        }
    }

    private func inner(_ kind: String, _ parts: ArraySlice<String>) -> String? {
        let name = parts.joined(separator: ".")
        return kind == "attentions" ? name : kind == "resnets" ? Self.insideResnets[name] : nil
    }

    private static let outsideBlocks = [
        "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
        "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
    ]

    private static let insideResnets = [
        "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
        "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
    ]
}
