import Platform

/// The configuration of a CLIP text model, told from its tensors and from which of the two families it is: OpenAI's
/// has approximate GELUs, OpenCLIP's exact ones. All published ones have a head for 64 channels.
package struct CLIPTextShapes: Sendable, Equatable {
    private let vocabularySize: Int
    package let channels: Int
    private let intermediateChannels: Int
    package let layers: Int
    private let maximumLength: Int
    /// Width of the pooled text; nil without a projection.
    package let pooledChannels: Int?

    /// - Throws: `ModelError` if these are not the tensors of such a network
    package init(_ shapes: TensorShapes) throws {
        let prefix = shapes.has("text_model") ? "text_model." : ""
        let (tokens, positions) = ("embeddings.token_embedding.weight", "embeddings.position_embedding.weight")
        vocabularySize = try shapes.size(prefix + tokens, 0)
        channels = try shapes.size(prefix + tokens, 1)
        maximumLength = try shapes.size(prefix + positions, 0)
        layers = shapes.count("\(prefix)encoder.layers")
        intermediateChannels = try shapes.size("\(prefix)encoder.layers.0.mlp.fc1.weight", 0)
        pooledChannels = shapes.shape("text_projection.weight")?.first
    }

    /// - Parameters:
    ///   - isOpenCLIP: whether it is of OpenCLIP's making
    ///   - isProjected: whether the pooled text is wanted
    package func config(isOpenCLIP: Bool, isProjected: Bool) -> [String: JSON] {
        let heads = max(1, channels / 64)
        return [
            "architectures": .names([isProjected ? "CLIPTextModelWithProjection" : "CLIPTextModel"]),
            "attention_dropout": .number(0), "bos_token_id": .number(0), "dropout": .number(0),
            // 2 stands for the largest id of a text, in every published model.
            "eos_token_id": .number(2),
            "hidden_act": .string(isOpenCLIP ? "gelu" : "quick_gelu"), "hidden_size": .number(channels),
            "intermediate_size": .number(intermediateChannels), "layer_norm_eps": .number(1e-5),
            "max_position_embeddings": .number(maximumLength), "model_type": .string("clip_text_model"),
            "num_attention_heads": .number(channels % heads == 0 ? heads : 1), "num_hidden_layers": .number(layers),
            "pad_token_id": .number(1), "projection_dim": .number(pooledChannels ?? channels),
            "vocab_size": .number(vocabularySize),
        ]
    }
}
