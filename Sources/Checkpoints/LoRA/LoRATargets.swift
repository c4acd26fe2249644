/// The modules of one network that a LoRA can change, found by their names with "_" in place of ".": the model's own
/// names are flattened, so that an underscore within a name is never taken for a dot.
struct LoRATargets {
    /// `unet`, `text_encoder` or `text_encoder_2`.
    let part: String
    let source: any TensorSource
    /// Canonical key → key in the file.
    private let fileKeys: [String: String]
    private let modules: [String: String]

    /// - Throws: `CheckpointError` if two keys of the file have one name
    init(part: String, source: any TensorSource, rules: KeyRules) throws {
        (self.part, self.source) = (part, source)
        fileKeys = try rules.map(source.tensors.keys, path: source.path)
        let names = fileKeys.keys.compactMap { $0.hasSuffix(".weight") ? String($0.dropLast(7)) : nil }.sorted()
        var modules: [String: String] = [:]
        for name in names { modules[Self.plain(LoRAKey.flattened(name))] = name }
        if part == "unet" {
            // kohya trains SDXL on the original code, and its LoRAs carry the names.
            let originals = UNetNames(diffusers: Set(fileKeys.keys)).table
            for name in names {
                guard let original = originals.original(name).map({ LoRAKey.flattened($0) }) else { continue }
                if modules[original] == nil { modules[original] = name }
            }
        }
        self.modules = modules
    }

    /// The canonical name of a module; nil if there is none of this name.
    func module(_ flattened: String) -> String? {
        let name = Self.plain(flattened)
        if let module = modules[name] { return module }
        // Old diffusers files: `to_out_lora` stands for `to_out.0`, and text encoders have a UNet's names.
        if let module = modules[name + "_0"], name.hasSuffix("_to_out") { return module }
        guard let (old, new) = Self.oldTextNames.first(where: { name.hasSuffix($0.0) }) else { return nil }
        return modules[name.dropLast(old.count) + new]
    }

    /// The file's key and shape of a module's weight or bias.
    func tensor(_ module: String, _ name: String) -> (fileKey: String, info: TensorInfo)? {
        guard let key = fileKeys["\(module).\(name)"], let info = source.tensors[key] else { return nil }
        return (key, info)
    }

    /// Channels of the texts that cross-attention looks at; more than one only in unusual networks.
    var textWidths: Set<Int> {
        Set(
            modules.values.compactMap { module in
                guard module.hasSuffix("attn2.to_k"), let (_, info) = tensor(module, "weight") else { return nil }
                return info.shape.count >= 2 ? info.shape[1] : nil
            })
    }

    // Text encoders' keys come with and without this prefix.
    private static func plain(_ name: String) -> String {
        name.hasPrefix("text_model_") ? String(name.dropFirst("text_model_".count)) : name
    }

    private static let oldTextNames = [
        ("self_attn_to_q", "self_attn_q_proj"), ("self_attn_to_k", "self_attn_k_proj"),
        ("self_attn_to_v", "self_attn_v_proj"), ("self_attn_to_out", "self_attn_out_proj"),
    ]
}
