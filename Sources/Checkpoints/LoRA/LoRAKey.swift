/// What the key of a LoRA's tensor says: which network, which module of it, and what the tensor is there for.
///
/// Trainers write the same thing in many ways. `lora_unet_mid_block_attentions_0_proj_in.lora_down.weight` (kohya),
/// `unet.mid_block.attentions.0.proj_in.lora_A.weight` (PEFT) and
/// `unet.mid_block.attentions.0.proj_in.lora.down.weight` (diffusers) are one key here.
struct LoRAKey: Equatable {
    /// What a tensor is there for. Names are LyCORIS' where several exist.
    enum Role: String, CaseIterable {
        /// [rank, in, …], [out, rank, …], and between them [rank, rank, height, width] (CP or Tucker decomposition).
        case down, up, mid
        /// Added to the bias, times the scale.
        case upBias
        case alpha
        /// DoRA's magnitudes: kohya's and LyCORIS' name; one an output or one an input.
        case doraScale
        /// The same, PEFT's name; one an output.
        case magnitude
        case hadaW1A, hadaW1B, hadaT1, hadaW2A, hadaW2B, hadaT2
        case lokrW1, lokrW1A, lokrW1B, lokrW2, lokrW2A, lokrW2B, lokrT2
        /// Added to the weight or the bias as it is.
        case difference, biasDifference
        /// GLoRA: two products, one of which is multiplied with the weight. Which factor stands left has changed over
        /// time, see `LoRAUpdate.Checks.general`.
        case gloraA1, gloraA2, gloraB1, gloraB2
        /// (IA)³: factors of the outputs or, if `ia3OnInput` is 1, of the inputs.
        case ia3Weight, ia3OnInput
        /// OFT [blocks, size, size] and BOFT [stages, blocks, size, size]; `alpha` limits how far they turn.
        case oftBlocks
        /// Factors of the outputs, beside OFT and BOFT.
        case rescale
    }

    /// How tensors change a weight; each has files of its own.
    enum Method { case product, hadamard, kronecker, difference, general, scaling, rotation }

    /// `unet`, `text_encoder` or `text_encoder_2`; nil if the key does not say.
    let part: String?
    /// The module's name with "_" in place of every ".", for that is all that kohya's names tell.
    let module: String
    let role: Role

    /// - Returns: nil for a key of no kind that is known here
    init?(_ key: String) {
        guard let (ending, role) = Self.endings.first(where: { key.hasSuffix($0.0) }) else { return nil }
        self.init(module: key.dropLast(ending.count), role)
    }

    /// - Parameter module: what stands before the role in a key
    init?(module: Substring, _ role: Role) {
        var name = module
        var part: String?
        // PEFT wraps a network in two modules of its own, which come before or after the network's name.
        while true {
            if let wrapper = Self.wrappers.first(where: name.hasPrefix) {
                name = name.dropFirst(wrapper.count)
            } else if let (prefix, found) = Self.prefixes.first(where: { name.hasPrefix($0.0) }),
                part == nil || part == found
            {
                name = name.dropFirst(prefix.count)
                part = found
            } else {
                break
            }
        }
        guard !name.isEmpty else { return nil }
        let module = Self.flattened(String(name)).replacing("_processor_to_", with: "_to_")
        (self.part, self.module, self.role) = (part, module, role)
    }

    static func flattened(_ name: String) -> String { name.replacing(".", with: "_") }

    /// PEFT's, and the one that LyCORIS (and so SimpleTuner) gives to whatever network it is made for.
    private static let wrappers = ["base_model.model.", "lycoris_"]

    private static let prefixes = [
        ("lora_unet_", "unet"), ("unet.", "unet"), ("diffusion_model.", "unet"),
        ("lora_te_", "text_encoder"), ("lora_te1_", "text_encoder"), ("text_encoder.", "text_encoder"),
        ("lora_te2_", "text_encoder_2"), ("text_encoder_2.", "text_encoder_2"),
    ]

    // No ending may come before a longer one that ends in it.
    private static let endings: [(String, Role)] = [
        (".lora_down.weight", .down), (".lora_up.weight", .up), (".lora_mid.weight", .mid),
        (".lora_A.weight", .down), (".lora_B.weight", .up), (".lora_B.bias", .upBias),
        (".lora_A.default.weight", .down), (".lora_B.default.weight", .up), (".lora_B.default.bias", .upBias),
        (".lora.down.weight", .down), (".lora.up.weight", .up),
        (".lora_linear_layer.down.weight", .down), (".lora_linear_layer.up.weight", .up),
        ("_lora.down.weight", .down), ("_lora.up.weight", .up),
        (".alpha", .alpha), (".dora_scale", .doraScale),
        (".lora_magnitude_vector", .magnitude), (".lora_magnitude_vector.weight", .magnitude),
        (".lora_magnitude_vector.default", .magnitude), (".lora_magnitude_vector.default.weight", .magnitude),
        (".hada_w1_a", .hadaW1A), (".hada_w1_b", .hadaW1B), (".hada_t1", .hadaT1),
        (".hada_w2_a", .hadaW2A), (".hada_w2_b", .hadaW2B), (".hada_t2", .hadaT2),
        (".lokr_w1", .lokrW1), (".lokr_w1_a", .lokrW1A), (".lokr_w1_b", .lokrW1B),
        (".lokr_w2", .lokrW2), (".lokr_w2_a", .lokrW2A), (".lokr_w2_b", .lokrW2B), (".lokr_t2", .lokrT2),
        (".diff", .difference), (".w_norm", .difference), (".diff_b", .biasDifference), (".b_norm", .biasDifference),
        (".a1.weight", .gloraA1), (".a2.weight", .gloraA2), (".b1.weight", .gloraB1), (".b2.weight", .gloraB2),
        (".on_input", .ia3OnInput), (".oft_blocks", .oftBlocks), (".rescale", .rescale),
    ]
}

extension LoRAKey.Role {
    /// The method that a tensor belongs to; nil for what stands beside several, or changes a bias.
    var method: LoRAKey.Method? {
        switch self {
        case .down, .up, .mid: .product
        case .hadaW1A, .hadaW1B, .hadaT1, .hadaW2A, .hadaW2B, .hadaT2: .hadamard
        case .lokrW1, .lokrW1A, .lokrW1B, .lokrW2, .lokrW2A, .lokrW2B, .lokrT2: .kronecker
        case .difference: .difference
        case .gloraA1, .gloraA2, .gloraB1, .gloraB2: .general
        case .ia3Weight, .ia3OnInput: .scaling
        case .oftBlocks: .rotation
        case .upBias, .alpha, .doraScale, .magnitude, .biasDifference, .rescale: nil
        }
    }
}
