/// OpenCLIP's text transformer (`open_clip.model.CLIP`) against transformers' `CLIPTextModelWithProjection`.
///
/// Queries, keys and values are one tensor there (`attn.in_proj_weight`), three here; the projection of the pooled
/// state is a matrix that is multiplied from the other side.
package struct OpenCLIPNames: Sendable, Equatable {
    package var layers: Int

    /// - Parameter keys: original names, without `cond_stage_model.model.` and its like
    package init(original keys: Set<String>) {
        layers = (0...keys.count).first { !keys.contains("transformer.resblocks.\($0).ln_1.weight") } ?? 0
    }

    package init(layers: Int) { self.layers = layers }

    package static let projection = "text_projection"
    package static let diffusersProjection = "text_projection.weight"
    /// Below `self_attn`, in the order in which they are stacked.
    package static let stacked = ["q_proj", "k_proj", "v_proj"]

    /// The fused tensors' pairs: "…attn.in_proj_weight" and the three names that it stands for.
    package var fused: [(original: String, diffusers: [String])] {
        (0..<layers).flatMap { layer in
            ["weight", "bias"].map { kind in
                (
                    "transformer.resblocks.\(layer).attn.in_proj_\(kind)",
                    Self.stacked.map { "text_model.encoder.layers.\(layer).self_attn.\($0).\(kind)" }
                )
            }
        }
    }

    /// All that are one tensor on both sides.
    package var table: NameTable {
        var table = NameTable()
        table.add("positional_embedding", "text_model.embeddings.position_embedding.weight")
        table.add("token_embedding", "text_model.embeddings.token_embedding")
        table.add("ln_final", "text_model.final_layer_norm")
        for layer in 0..<layers {
            table.add(
                "transformer.resblocks.\(layer)", "text_model.encoder.layers.\(layer)",
                inside: [
                    "ln_1": "layer_norm1", "ln_2": "layer_norm2", "attn.out_proj": "self_attn.out_proj",
                    "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2",
                ])
        }
        return table
    }
}
