import Tensors

/// What guidance does to the self-attentions of a UNet during the evaluations of a batch.
package struct SelfAttentionControl {
    /// Layers in which every pixel of the batch's last picture looks at itself alone (Ahn et al. 2024,
    /// perturbed-attention guidance), by their slots; empty: none.
    package var perturbed: Set<Int> = []
    /// Where the batch's first picture is looked at, of the layer in the network's middle.
    package var watched: AttentionMap?

    package init() {}
}

/// What an attention of a UNet looks at (Hong et al. 2023, self-attention guidance). Every evaluation writes it anew.
package final class AttentionMap {
    fileprivate let slot: Int
    /// [1, height, width, 1] of the layer's own size; nil before an evaluation is planned.
    private var received: Tensor?

    fileprivate init(slot: Int) { self.slot = slot }

    package var height: Int { received?.height ?? 0 }
    package var width: Int { received?.width ?? 0 }

    /// How much each pixel is looked at, [height, width]; 1 is an even share.
    package func withValues<R>(_ body: (UnsafeBufferPointer<Float>) throws -> R) rethrows -> R {
        try body(UnsafeBufferPointer(start: received?.pointer, count: received?.count ?? 0))
    }

    /// Room for the map of a layer of this size; made when an evaluation is planned.
    fileprivate func room(height: Int, width: Int) throws -> Tensor {
        if let received, (received.height, received.width) == (height, width) { return received }
        let tensor = try Tensor(batch: 1, height: height, width: width, channels: 1)
        received = tensor
        return tensor
    }
}

extension SelfAttentionControl {
    /// Changes and watches what the layer of a slot made.
    ///
    /// - Parameters:
    ///   - queryKeyValue: [batch, h, w, 3·channels]
    ///   - attended: [batch, h, w, channels]
    func apply(
        slot: Int, to attended: Tensor, queryKeyValue: Tensor, heads: Int, _ compute: Compute
    ) throws {
        let channels = attended.channels
        if let watched, watched.slot == slot {
            try compute.attentionReceived(
                query: TokenRows(queryKeyValue), key: TokenRows(queryKeyValue, offset: channels), picture: 0,
                heads: heads, dim: channels / heads,
                into: try watched.room(height: attended.height, width: attended.width))
        }
        if perturbed.contains(slot) {
            try compute.replace(
                attended, with: TokenRows(queryKeyValue, offset: 2 * channels), picture: attended.batch - 1)
        }
    }
}

extension UNet2DConditionModel {
    /// The slots of the self-attentions below a module.
    ///
    /// - Parameter name: as in the checkpoint ("mid_block", "down_blocks.1", "up_blocks.0.attentions.1"), or shortened
    ///   as diffusers' PAG pipelines have it: "mid", "down.block_1", "up.block_0.attentions_1"
    package func selfAttentions(below name: String) -> Set<Int> {
        let path = Self.fullPath(name)
        guard !path.isEmpty else { return [] }
        return Set(
            selfAttentionKeys.indices.filter { slot in
                selfAttentionKeys[slot].split(separator: ".").starts(with: path.map { $0[...] })
            })
    }

    /// The modules that have self-attentions, for messages: "down_blocks.1.attentions.0".
    package var modulesWithSelfAttention: [String] {
        var modules: [String] = []
        for key in selfAttentionKeys {
            let module = key.split(separator: ".").prefix { $0 != "transformer_blocks" }.joined(separator: ".")
            if modules.last != module { modules.append(module) }
        }
        return modules
    }

    /// A map of the first self-attention in the middle of the network; nil if there is none.
    package func mapOfMiddle() -> AttentionMap? {
        selfAttentionKeys.firstIndex { $0.hasPrefix("mid_block.") }.map(AttentionMap.init)
    }

    private static func fullPath(_ name: String) -> [String] {
        var path: [String] = []
        for part in name.split(separator: ".", omittingEmptySubsequences: false) {
            let pieces = part.split(separator: "_")
            if pieces.count == 2, pieces[0] == "block" || pieces[0] == "attentions", Int(pieces[1]) != nil {
                path += pieces[0] == "block" ? [String(pieces[1])] : [String(pieces[0]), String(pieces[1])]
            } else {
                path.append(String(part))
            }
        }
        let roots = ["mid": "mid_block", "down": "down_blocks", "up": "up_blocks"]
        if let first = path.first { path[0] = roots[first] ?? first }
        return path
    }
}
