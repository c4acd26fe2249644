import Checkpoints
import Foundation
import TestSupport
import Testing

/// Merged weights against diffusers' `load_lora_weights` and `fuse_lora`, and against LyCORIS' formulas.
struct LoRAMergeTests {
    struct Case: Decodable, CustomTestStringConvertible {
        var name: String
        var strength: Float
        var oracle: String
        /// The files, where there are several.
        var others: [String]
        var testDescription: String { name }

        var items: [LoRAMerge.Item] {
            let items = others.map { LoRAMerge.Item(path: loraPath($0), strength: strengths[$0] ?? 1) }
            return items.isEmpty ? [LoRAMerge.Item(path: loraPath(name), strength: strength)] : items
        }

        // As in Tools/reference/loras.py.
        private var strengths: [String: Float] { ["kohya": 0.75, "peft-dora": 0.5] }
    }

    static let cases: [Case] = {
        let data = try? Data(contentsOf: URL(fileURLWithPath: Fixtures.path("loras/cases.json")))
        return data.flatMap { try? JSONDecoder().decode([Case].self, from: $0) } ?? []
    }()

    @Test func thereAreCases() { #expect(Self.cases.count == 18) }

    @Test(arguments: cases) func mergedWeightsAreThoseOfTheReference(_ one: Case) throws {
        let networks = try pipelineA()
        let merge = try LoRAMerge(one.items, into: networks)
        let expected = try SafetensorsFile(path: Fixtures.path("loras/\(one.name).merged.safetensors"))
        let worst = try compare(networks, merge, expected)
        print("\(one.name): \(expected.tensors.count) weights, worst error \(worst)")
        #expect(merge.warnings.isEmpty)
    }

    /// Every layer of a UNet of SDXL's blocks, under the original code's names.
    @Test func originalNamesFindTheirPlaces() throws {
        let base = try SafetensorsFile(path: Fixtures.path("loras/original.base.safetensors"))
        let networks = ["unet": LoRAMerge.Network(source: base, rules: .none)]
        let merge = try LoRAMerge(
            [LoRAMerge.Item(path: loraPath("original"), strength: 0.8)], into: networks)
        let expected = try SafetensorsFile(path: Fixtures.path("loras/original.merged.safetensors"))
        let worst = try compare(networks, merge, expected)
        print("original names: \(expected.tensors.count) weights, worst error \(worst)")
        #expect(expected.tensors.count > 100)
    }

    /// The same tensors under names that other trainers give them.
    @Test(
        arguments: [
            // SimpleTuner
            ("lokr", "lora_unet_", "lycoris_"), ("loha", "lora_unet_", "lycoris_"),
            // PEFT, with and without diffusers
            ("peft", "unet.", "unet.base_model.model."), ("peft", "unet.", "base_model.model.unet."),
            ("peft-dora", "unet.", "unet.unet."),
        ])
    func otherTrainersNamesMeanTheSame(_ name: String, _ own: String, _ other: String) throws {
        let file = try SafetensorsFile(path: loraPath(name))
        let folder = try TemporaryFolder()
        let renamed = try file.tensors.map { key, info in
            let name = key.hasPrefix(own) ? other + key.dropFirst(own.count) : key
            return OutputTensor(
                name: name, shape: info.shape, values: try file.float32(key))
        }
        try SafetensorsWriter.write(renamed, metadata: file.metadata, to: folder.file("renamed.safetensors"))
        let networks = try pipelineA()
        let strength = try #require(Self.cases.first { $0.name == name }).strength
        let merge = try LoRAMerge(
            [LoRAMerge.Item(path: folder.file("renamed.safetensors"), strength: strength)], into: networks)
        let expected = try SafetensorsFile(path: Fixtures.path("loras/\(name).merged.safetensors"))
        _ = try compare(networks, merge, expected)
    }

    @Test func textEncodersAndUNetCanHaveStrengthsOfTheirOwn() throws {
        let networks = try pipelineA()
        let expected = try SafetensorsFile(path: Fixtures.path("loras/kohya.merged.safetensors"))
        let text = try #require(networks["text_encoder"])
        let changed = try #require(
            text.source.tensors.keys.sorted().first {
                expected.tensors["text_encoder." + text.rules.canonical($0)] != nil
            })
        func merged(_ strength: Float, _ unetStrength: Float?) throws -> [[Float]] {
            let item = LoRAMerge.Item(path: loraPath("kohya"), strength: strength, unetStrength: unetStrength)
            let merge = try LoRAMerge([item], into: networks)
            return [
                try #require(merge.sources["unet"]).float32("down_blocks.0.resnets.0.conv1.weight"),
                try #require(merge.sources["text_encoder"]).float32(changed),
            ]
        }
        let (none, half, whole) = (try merged(0, nil), try merged(0.5, nil), try merged(1, nil))
        #expect(half[1] != none[1] && half[0] != whole[0])
        #expect(try merged(0.5, 1) == [whole[0], half[1]])
        #expect(try merged(0, 0.5) == [half[0], none[1]])
        #expect(try merged(1, 0) == [none[0], whole[1]])
    }

    /// Embeddings that were trained together with a LoRA, in every form in which they come, at any strength.
    @Test func embeddingsInALoRAsFileAreRead() throws {
        let folder = try TemporaryFolder()
        let file = try SafetensorsFile(path: loraPath("kohya"))
        var tensors = try file.tensors.map { key, info in
            OutputTensor(name: key, shape: info.shape, values: try file.float32(key))
        }
        func add(_ name: String, _ shape: [Int], _ value: Float) {
            tensors.append(
                OutputTensor(
                    name: "bundle_emb." + name, shape: shape,
                    values: [Float](repeating: value, count: shape.reduce(1, *))))
        }
        add("<my.word>.clip_l", [2, 32], 1)
        add("<my.word>.clip_g", [2, 48], 2)
        add("old.string_to_param.*", [3, 32], 3)
        add("one.emb_params", [1, 32], 4)
        try SafetensorsWriter.write(tensors, to: folder.file("with.safetensors"))
        for strength in [0, 0.5] as [Float] {
            let item = LoRAMerge.Item(path: folder.file("with.safetensors"), strength: strength)
            let merge = try LoRAMerge([item], into: try pipelineA())
            #expect(merge.warnings.isEmpty)
            #expect(merge.embeddings.map(\.name) == ["<my.word>", "old", "one"])
            #expect(merge.embeddings.map(\.count) == [2, 3, 1])
            let word = try #require(merge.embeddings.first)
            #expect(
                try word.vectors(for: "text_encoder", width: 32)
                    == [[Float]](repeating: Array(repeating: 1, count: 32), count: 2))
            #expect(try word.vectors(for: "text_encoder_2", width: 48).joined().allSatisfy { $0 == 2 })
            expectError("with.safetensors", "<my.word>", "another model") {
                _ = try word.vectors(for: "text_encoder", width: 768)
            }
        }
        add("<my.word>.clip_l_out", [2, 32], 1)
        try SafetensorsWriter.write(tensors, to: folder.file("with.safetensors"))
        expectError("clip_l_out", "text encoder's output", "not supported") {
            _ = try LoRAMerge(
                [LoRAMerge.Item(path: folder.file("with.safetensors"), strength: 1)], into: try pipelineA())
        }
    }

    /// Compares what should have changed with the reference, and all else with the base.
    private func compare(
        _ networks: [String: LoRAMerge.Network], _ merge: LoRAMerge, _ expected: SafetensorsFile
    ) throws -> Double {
        var worst = 0.0
        var changed = 0
        for (part, network) in networks {
            let merged = try #require(merge.sources[part])
            #expect(Set(merged.tensors.keys) == Set(network.source.tensors.keys))
            for name in network.source.tensors.keys {
                let canonical = network.rules.canonical(name)
                let key = "\(part).\(canonical)"
                guard expected.tensors[key] != nil else {
                    let same = try merged.withBytes(of: name) { new in
                        try network.source.withBytes(of: name) { old in new.elementsEqual(old) }
                    }
                    #expect(same, "\(key) should not have changed")
                    continue
                }
                changed += 1
                let values = try merged.float32(name)
                let error = relativeError(values, try expected.float32(key))
                #expect(error < 1e-6, "\(key)")
                worst = max(worst, error)
                #expect(relativeError(try network.source.float32(name), values) > 1e-3, "\(key) hardly changes")
                // Layers take weights this way.
                let stored = try merged.stored(name)
                #expect(stored.format == .float32 && stored.count == values.count)
                let copy = stored.address.assumingMemoryBound(to: Float.self)
                #expect((0..<stored.count).allSatisfy { copy[$0] == values[$0] })
            }
        }
        #expect(changed == expected.tensors.count)
        return worst
    }

    @Test func aStrengthOfZeroChangesNothingAndAnOppositeOneUndoes() throws {
        let networks = try pipelineA()
        func merged(_ strengths: [Float]) throws -> [Float] {
            let items = strengths.map { LoRAMerge.Item(path: loraPath("kohya"), strength: $0) }
            let source = try #require(try LoRAMerge(items, into: networks).sources["unet"])
            return try source.float32("down_blocks.0.resnets.0.conv1.weight")
        }
        let base = try merged([])
        #expect(try merged([0]) == base)
        #expect(relativeError(try merged([0.5, -0.5]), base) < 1e-6)
        #expect(relativeError(try merged([0.5]), base) > 1e-2)
        #expect(relativeError(try merged([0.25, 0.25]), try merged([0.5])) < 1e-6)
    }

    @Test func pickledFilesAreLoRAsToo() throws {
        let networks = try pipelineA()
        func merged(_ file: String) throws -> [Float] {
            let items = [LoRAMerge.Item(path: Fixtures.path("loras/" + file), strength: 0.75)]
            let unet = try #require(try LoRAMerge(items, into: networks).sources["unet"])
            return try unet.float32("down_blocks.0.resnets.0.conv1.weight")
        }
        let expected = try merged("kohya.safetensors")
        #expect(try merged("kohya.pt") == expected)
    }

    /// PEFT saves an adapter as a file and a configuration beside it.
    @Test func anAdaptersConfigurationTellsItsAlpha() throws {
        let folder = try TemporaryFolder()
        let (down, up) = ([Float](repeating: 0.5, count: 2 * 32), [Float](repeating: 0.25, count: 24 * 2))
        let module = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
        try SafetensorsWriter.write(
            [
                OutputTensor(name: "base_model.model.\(module).lora_A.weight", shape: [2, 32], values: down),
                OutputTensor(name: "base_model.model.\(module).lora_B.weight", shape: [24, 2], values: up),
            ], to: folder.file("adapter_model.safetensors"))
        let networks = try pipelineA()
        func change() throws -> Float {
            let items = [LoRAMerge.Item(path: folder.path, strength: 1)]
            let source = try #require(try LoRAMerge(items, into: networks).sources["unet"])
            let base = try #require(networks["unet"]).source
            return try source.float32(module + ".weight")[5] - (try base.float32(module + ".weight")[5])
        }
        #expect(abs(try change() - 0.25) < 1e-6)
        try folder.write(
            #"{"peft_type": "LORA", "r": 2, "lora_alpha": 6, "bias": null}"#.utf8, to: "adapter_config.json")
        #expect(abs(try change() - 0.75) < 1e-6)
        try folder.write(#"{"lora_alpha": "#.utf8, to: "adapter_config.json")
        expectError("adapter_config.json") { _ = try change() }
    }
}

func loraPath(_ name: String) -> String { Fixtures.path("loras/\(name).safetensors") }

/// The fixtures' small Stable Diffusion.
func pipelineA() throws -> [String: LoRAMerge.Network] {
    let unet = try openTensors(folder: Fixtures.path("pipeline-a/unet"), base: "diffusion_pytorch_model")
    let text = try openTensors(folder: Fixtures.path("pipeline-a/text_encoder"), base: "model")
    return [
        "unet": LoRAMerge.Network(source: unet, rules: .none),
        "text_encoder": LoRAMerge.Network(source: text, rules: .clipText),
    ]
}
