import Platform

/// A rule table that maps the names of other worlds onto the names in Models. Pure: names in, names out.
package struct KeyRules: Sendable {
    /// A prefix that is dropped where a key has it.
    private var optionalPrefix: String?
    /// New spellings of the last part but one of keys under an `attentions` part.
    private var attentionNames: [String: String] = [:]
    /// Canonical keys that a model need not read.
    private var ignorable: Set<String> = []
    /// Beginnings of further such keys.
    private var ignorablePrefixes: [String] = []

    /// Every key stands for itself.
    package static let none = KeyRules()

    /// CLIP text encoders: transformers writes the keys with or without `text_model.`, depending on version and
    /// class; `text_projection` lies outside it. Position ids are only a counted list 0, 1, 2, ….
    package static let clipText = KeyRules(
        optionalPrefix: "text_model.", ignorable: ["embeddings.position_ids", "text_projection.weight"])

    /// CLIP text encoders of which the projection is wanted.
    package static let clipTextWithProjection = KeyRules(
        optionalPrefix: "text_model.", ignorable: ["embeddings.position_ids"])

    /// AltDiffusion's text encoders: XLM-R's pooled state is not used, and in the eighteen-language model neither is the
    /// first of its two projections.
    package static func robertaSeries(layers: Int, hasPreTransformation: Bool) -> KeyRules {
        var unused = [
            "roberta.pooler.", "roberta.embeddings.position_ids", "roberta.embeddings.token_type_ids", "logit_scale",
        ]
        if hasPreTransformation { unused += ["transformation.", "roberta.encoder.layer.\(layers - 1)."] }
        return KeyRules(ignorablePrefixes: unused)
    }

    /// T5's encoder, perhaps in a file with its decoder. The table of tokens has two names.
    package static let t5Encoder = KeyRules(
        ignorable: ["shared.weight", "encoder.embed_tokens.weight", "lm_head.weight"], ignorablePrefixes: ["decoder."])

    /// Autoencoders: the mid block's attention had names of its own before diffusers 0.12.
    package static let autoencoder = KeyRules(
        attentionNames: ["query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"])

    /// The name in Models of a key in the file.
    package func canonical(_ key: String) -> String {
        if let optionalPrefix, key.hasPrefix(optionalPrefix) {
            return String(key.dropFirst(optionalPrefix.count))
        }
        guard !attentionNames.isEmpty else { return key }
        var parts = key.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 2, parts.contains("attentions"),
            let name = attentionNames[String(parts[parts.count - 2])]
        else { return key }
        parts[parts.count - 2] = name[...]
        return parts.joined(separator: ".")
    }

    /// Whether a canonical key may stay unread.
    package func isIgnorable(_ canonical: String) -> Bool {
        ignorable.contains(canonical) || ignorablePrefixes.contains { canonical.hasPrefix($0) }
    }

    /// Canonical key → key in the file.
    ///
    /// - Throws: `CheckpointError` if two keys of the file end in the same name.
    func map(_ keys: some Sequence<String>, path: String) throws(CheckpointError) -> [String: String] {
        var map: [String: String] = [:]
        // Sorted, so that the message does not depend on the hash seed.
        for key in keys.sorted() {
            let name = canonical(key)
            if let other = map.updateValue(key, forKey: name) {
                throw CheckpointError(
                    path: path, tensor: name,
                    problem: "the file has it twice, as \(quoted(other)) and as \(quoted(key))")
            }
        }
        return map
    }
}
