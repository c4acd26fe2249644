import Checkpoints
import TestSupport
import Testing

/// LoRAs that do not fit: each is refused with the file and the key.
struct LoRAErrorTests {
    private static let toK = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"  // [24, 32]
    private static let toQ = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"  // [24, 24]
    private static let conv = "lora_unet_down_blocks_0_resnets_0_conv1"  // [24, 24, 3, 3]

    /// A file of tensors with small values, but for those that are given.
    private func lora(_ shapes: [String: [Int]], values: [String: [Float]] = [:]) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let tensors = shapes.map { name, shape in
            OutputTensor(
                name: name, shape: shape,
                values: values[name] ?? [Float](repeating: 0.01, count: shape.reduce(1, *)))
        }
        try SafetensorsWriter.write(tensors, to: folder.file("my.safetensors"))
        return folder
    }

    private func merge(_ folder: TemporaryFolder, strength: Float = 1, isLenient: Bool = false) throws -> LoRAMerge {
        try LoRAMerge(
            [LoRAMerge.Item(path: folder.file("my.safetensors"), strength: strength)], into: try pipelineA(),
            isLenient: isLenient)
    }

    private let pair = [toK + ".lora_down.weight": [2, 32], toK + ".lora_up.weight": [24, 2]]

    @Test func aKeyWithoutAPlaceIsAnErrorOrOnRequestAWarning() throws {
        var shapes = pair
        shapes["lora_unet_down_blocks_7_attentions_0_proj_in.lora_down.weight"] = [2, 24]
        shapes["lora_unet_down_blocks_7_attentions_0_proj_in.lora_up.weight"] = [24, 2]
        shapes["bundle_emb.something"] = [4]
        let folder = try lora(shapes)
        expectError("my.safetensors", "3 of 5 tensors do not match any layer", "down_blocks_7", "bundle_emb") {
            _ = try merge(folder)
        }
        let merged = try merge(folder, isLenient: true)
        #expect(merged.warnings.count == 1)
        #expect(merged.warnings.first?.contains("down_blocks_7") == true)
        let unet = try #require(merged.sources["unet"])
        #expect(unet.tensors["down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"]?.dtype == .f32)
    }

    @Test func nothingToMergeIsAnErrorEvenWhenLenient() throws {
        let folder = try lora([
            "lora_unet_nowhere.lora_down.weight": [2, 3], "lora_unet_nowhere.lora_up.weight": [3, 2],
        ])
        expectError("2 of 2 tensors do not match") { _ = try merge(folder, isLenient: true) }
    }

    @Test func aLoRAOfAnotherFamilySaysSo() throws {
        for (width, family) in [
            (768, "Stable Diffusion 1"), (1024, "Stable Diffusion 2"), (2048, "Stable Diffusion XL"),
        ] {
            let folder = try lora([
                Self.toK + ".lora_down.weight": [2, width], Self.toK + ".lora_up.weight": [24, 2],
            ])
            expectError("this LoRA is for \(family) with texts of \(width)", "the model is", "32") {
                _ = try merge(folder)
            }
        }
        let flux = try lora(["lora_unet_double_blocks_0_img_attn_proj.lora_down.weight": [2, 32]])
        expectError("diffusion transformer") { _ = try merge(flux) }
        var shapes = pair
        shapes["lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight"] = [2, 32]
        expectError("second text encoder") { _ = try merge(try lora(shapes)) }
    }

    @Test(
        arguments: [
            // shapes, words
            ([".lora_down.weight": [2, 23], ".lora_up.weight": [24, 2]], ["lora_down", "[2, 23]", "[24, 24]"]),
            ([".lora_down.weight": [2, 24], ".lora_up.weight": [25, 2]], ["lora_up", "[25, 2]"]),
            ([".lora_down.weight": [3, 24], ".lora_up.weight": [24, 2]], ["lora_down", "expected 2 × 24"]),
            ([".lora_down.weight": [2, 24]], ["lora_down", "no lora_up"]),
            ([".lora_up.weight": [24, 2]], ["lora_up", "no lora_down"]),
            ([".alpha": []], ["alpha", "nothing else"]),
            (
                [".lora_down.weight": [2, 24], ".lora_up.weight": [24, 2], ".alpha": [2]],
                ["alpha", "one finite number"]
            ),
            ([".lora_down.weight": [0, 24], ".lora_up.weight": [24, 0]], ["lora_down", "empty"]),
            ([".lora_down.weight": [48], ".lora_up.weight": [24, 2]], ["a matrix was expected"]),
            ([".lora_down.weight": [600, 24], ".lora_up.weight": [24, 600]], ["rank of 600"]),
            ([".hada_w1_a": [24, 2], ".hada_w1_b": [2, 24], ".hada_w2_a": [24, 2]], ["no hadaW2B"]),
            ([".lokr_w1": [5, 4], ".lokr_w2": [5, 6]], ["lokr_w1", "5 × 4 does not divide"]),
            ([".lokr_w1": [4, 4], ".lokr_w2": [6, 7]], ["lokr_w2", "expected 6 × 6"]),
            ([".diff": [24, 25]], ["diff", "expected 24 × 24"]),
            (
                [".lora_down.weight": [2, 24], ".lora_up.weight": [24, 2], ".dora_scale": [7, 1]],
                ["dora_scale", "24 magnitudes"]
            ),
            (
                [".a1.weight": [24, 2], ".a2.weight": [2, 24], ".b1.weight": [24, 2], ".b2.weight": [2, 25]],
                ["b2.weight", "expected 2 × 24"]
            ),
            ([".a1.weight": [24, 2], ".a2.weight": [2, 24], ".b1.weight": [24, 2]], ["no b2.weight"]),
            ([".on_input": []], ["on_input", "no weight"]),
            ([".weight": [23], ".on_input": []], [".weight", "24 values", "[23]"]),
            ([".on_input": [2], ".weight": [24]], ["on_input must be"]),
            ([".oft_blocks": [4, 6, 5]], ["oft_blocks", "square blocks along 24 outputs"]),
            ([".oft_blocks": [5, 6, 6]], ["oft_blocks", "[5, 6, 6]"]),
            ([".oft_blocks": [4, 4, 6, 6]], ["oft_blocks", "cannot be cut for 4 stages of blocks of 6"]),
            ([".oft_blocks": [1, 8, 3, 3]], ["oft_blocks", "blocks of 3"]),
            ([".oft_blocks": [4, 6, 6], ".rescale": [12, 2, 3]], ["rescale", "24 values"]),
            ([".rescale": [24, 1]], ["rescale", "nothing else"]),
        ] as [([String: [Int]], [String])])
    func wrongShapesAndRanksNameTheKey(_ shapes: [String: [Int]], _ words: [String]) throws {
        let named = Dictionary(uniqueKeysWithValues: shapes.map { (Self.toQ + $0.key, $0.value) })
        let folder = try lora(named)
        do {
            _ = try merge(folder)
            Issue.record("no error was thrown; expected \(words)")
        } catch let error as CheckpointError {
            for word in words + ["my.safetensors"] { #expect(error.description.contains(word), "\(error)") }
        }
    }

    @Test func aCoreOfTheWrongShapeIsAnError() throws {
        let folder = try lora([
            Self.conv + ".lora_down.weight": [3, 24, 1, 1], Self.conv + ".lora_up.weight": [24, 4, 1, 1],
            Self.conv + ".lora_mid.weight": [4, 2, 3, 3],
        ])
        expectError("lora_mid", "expected 4 × 27") { _ = try merge(folder) }
    }

    @Test func valuesThatAreNotNumbersAreAnErrorWhenTheyAreRead() throws {
        let key = Self.toK + ".lora_up.weight"
        let name = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"
        for value in [Float.nan, .infinity] {
            var values = [Float](repeating: 0, count: 48)
            values[17] = value
            let folder = try lora(pair, values: [key: values])
            let unet = try #require(try merge(folder).sources["unet"])
            expectError("my.safetensors", key, "not numbers") { _ = try unet.float32(name) }
            expectError("my.safetensors", key) { _ = try unet.stored(name) }
        }
        let huge = try lora(pair, values: [key: [Float](repeating: 3e38, count: 48)])
        let unet = try #require(try merge(huge, strength: 1e6).sources["unet"])
        expectError(name, "smaller weights") { _ = try unet.float32(name) }
    }

    @Test func oneThingSaidTwiceIsAnError() throws {
        var shapes = pair
        shapes[Self.toK + ".lora_A.weight"] = [2, 32]
        expectError("lora_A.weight", "lora_down.weight", "one of them must go") { _ = try merge(try lora(shapes)) }
    }

    @Test func whatIsNotSupportedIsNamed() throws {
        for (ending, name) in [
            ("oft_R.weight", "PEFT's form of OFT"), ("oft_diag", "an early form of OFT"), ("p_layer.weight", "T-LoRA"),
        ] {
            // An alpha beside it does not make it a LoRA that is "not complete".
            let file = try lora([Self.toQ + "." + ending: [4, 6], Self.toQ + ".alpha": []])
            expectError(ending, "do not match", name + ", which is not supported") { _ = try merge(file) }
        }
        var shapes = pair
        shapes[Self.toK + ".oft_blocks"] = [4, 6, 6]
        expectError("lora_down", "oft_blocks", "another method") { _ = try merge(try lora(shapes)) }
        expectError("no such file") { _ = try merge(try TemporaryFolder()) }
        expectError("finite") { _ = try merge(try lora(pair), strength: .nan) }
    }

    /// Any tensors of any small shapes: merged, or refused with an error.
    @Test func absurdFilesAreRefusedAndNeverCrash() throws {
        var generator = SplitMix(11)
        let endings = [
            ".lora_down.weight", ".lora_up.weight", ".lora_mid.weight", ".alpha", ".dora_scale",
            ".lora_magnitude_vector", ".lora_B.bias", ".hada_w1_a", ".hada_w1_b", ".hada_t1", ".hada_w2_a",
            ".hada_w2_b", ".hada_t2", ".lokr_w1", ".lokr_w1_a", ".lokr_w1_b", ".lokr_w2", ".lokr_w2_a", ".lokr_w2_b",
            ".lokr_t2", ".diff", ".diff_b", ".a1.weight", ".a2.weight", ".b1.weight", ".b2.weight", ".on_input",
            ".weight",
            ".oft_blocks", ".rescale", ".alpha",
        ]
        let sizes = [0, 1, 1, 2, 3, 4, 6, 8, 24, 24, 32, 216]
        let networks = try pipelineA()
        let targets = [
            Self.toK: "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k",
            Self.conv: "down_blocks.0.resnets.0.conv1",
            "lora_unet_down_blocks_0_resnets_0_norm1": "down_blocks.0.resnets.0.norm1",
        ]
        let folder = try TemporaryFolder()
        var merged = 0
        for _ in 0..<500 {
            guard let (stem, module) = targets.randomElement(using: &generator) else { continue }
            var tensors: [OutputTensor] = []
            // Families of roles that belong together, so that deep checks are reached.
            let kind =
                [0..<7, 7..<13, 13..<20, 20..<22, 0..<22, 22..<26, 26..<28, 28..<31].randomElement(using: &generator)
                ?? 0..<22
            for ending in endings[kind] where Int.random(in: 0..<4, using: &generator) > 0 {
                let rank = [".alpha", ".on_input"].contains(ending) ? 0 : Int.random(in: 1...4, using: &generator)
                let shape = (0..<rank).map { _ in sizes.randomElement(using: &generator) ?? 1 }
                let count = shape.reduce(1, *)
                guard count < 1 << 14 else { continue }
                tensors.append(
                    OutputTensor(name: stem + ending, shape: shape, values: [Float](repeating: 0.5, count: count)))
            }
            try SafetensorsWriter.write(tensors, to: folder.file("any.safetensors"))
            do {
                let merge = try LoRAMerge(
                    [LoRAMerge.Item(path: folder.file("any.safetensors"), strength: 1)], into: networks)
                for name in ["weight", "bias"] where merge.sources["unet"]?.tensors["\(module).\(name)"] != nil {
                    _ = try merge.sources["unet"]?.float32("\(module).\(name)")
                }
                merged += 1
            } catch is CheckpointError {}
        }
        print("\(merged) of 500 files were merged")
        #expect(merged > 0)
    }
}
