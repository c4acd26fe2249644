import Checkpoints
import Foundation
import TestSupport
import Testing

struct WeightsTests {
    private func weights(_ shapes: [String: [Int]], _ rules: KeyRules = .none) -> Weights {
        Weights(MemorySource(shapes), rules: rules)
    }

    private func read(_ weights: Weights, _ key: String, _ shape: [Int]) throws -> [Float] {
        try weights.read(key, shape: shape) { Array($0) }
    }

    @Test func readsUnderAPrefix() throws {
        let root = weights(["down.0.conv.weight": [2, 3], "down.0.conv.bias": [2], "top": []])
        let conv = root.scoped("down.0").scoped("conv")
        #expect(conv.contains("weight") && !conv.contains("top") && !root.contains("down.0"))
        #expect(conv.shape(of: "weight") == [2, 3] && conv.shape(of: "x") == nil)
        #expect(try read(conv, "weight", [2, 3]) == [0, 1, 2, 3, 4, 5])
        expectError("2 of 3 tensors are not used: \"down.0.conv.bias\", \"top\"", "config.json", "--lenient", "them") {
            try root.finish()
        }
        let leftOver = try #require(try root.finish(isLenient: true))
        #expect(leftOver.fileKeys == ["down.0.conv.bias", "top"])
        #expect(leftOver.description.hasSuffix("2 of 3 tensors are not used: \"down.0.conv.bias\", \"top\""))
        #expect(try read(root, "top", []) == [0])
        expectError("1 of 3 tensors is not used: \"down.0.conv.bias\"", "--lenient loads the rest without it") {
            try conv.finish()
        }
        _ = try read(conv, "bias", [2])
        try root.finish()
        #expect(try root.finish(isLenient: true) == nil)
    }

    /// A file whose shapes no configuration says has none that it could contradict.
    @Test func whatAFileItselfCallsForIsNotSaidOfAConfiguration() {
        let root = Weights(MemorySource(["a.weight": [2, 3]]), plan: .otherTensors)
        for (key, shape) in [("b.weight", [2]), ("a.weight", [3])] {
            do {
                _ = try root.read(key, shape: shape) { $0.count }
                Issue.record("no error")
            } catch {
                let text = String(describing: error)
                #expect(text.contains("Its other tensors call for that") && !text.contains("config.json"), "\(text)")
            }
        }
        do {
            try root.finish()
            Issue.record("no error")
        } catch {
            #expect("\(error)".contains("1 of 1 tensor is not used") && !"\(error)".contains("config.json"), "\(error)")
        }
    }

    /// What `DataParallel` puts before every name is taken away, in every format; before some it is left alone.
    @Test func namesOfDataParallelLoseTheirPrefix() throws {
        let folder = try TemporaryFolder()
        func open(_ names: [String]) throws -> any TensorSource {
            try SafetensorsWriter.write(
                names.map { OutputTensor(name: $0, shape: [2], values: [1, 2]) }, metadata: ["note": "kept"],
                to: folder.file("w.safetensors"))
            return try openTensors(file: folder.file("w.safetensors"))
        }
        let all = try open(["module.a.weight", "module.b"])
        #expect(Set(all.tensors.keys) == ["a.weight", "b"] && all.notes["note"] == "kept")
        #expect(try all.float32("a.weight") == [1, 2] && all.stored("b").count == 2)
        #expect(Set(try open(["module.a", "b"]).tensors.keys) == ["module.a", "b"])
    }

    /// In the first and the last place, whatever the count of values that are looked at in one go.
    @Test(arguments: [1, 5, 4_096, 4_097, 10_000]) func valuesThatAreNotFiniteAreRefused(count: Int) throws {
        let folder = try TemporaryFolder()
        for value in [Float.nan, .infinity, -.infinity, .greatestFiniteMagnitude] {
            for place in [0, count - 1] {
                var values = [Float](repeating: 1, count: count)
                values[place] = value
                try SafetensorsWriter.write(
                    [OutputTensor(name: "norm.bias", shape: [count], values: values)], to: folder.file("w"))
                let weights = Weights(try openTensors(file: folder.file("w"))).scoped("norm")
                if value.isFinite {
                    #expect(try read(weights, "bias", [count]) == values)
                } else {
                    expectError("tensor \"norm.bias\"", "infinite or no numbers") {
                        _ = try read(weights, "bias", [count])
                    }
                }
            }
        }
    }

    @Test func missingAndMisshapen() throws {
        let root = weights(["a.weight": [2, 3]])
        expectError("memory.safetensors", "tensor \"a.bias\"", "missing", "[3]") {
            _ = try read(root.scoped("a"), "bias", [3])
        }
        expectError("memory.safetensors", "tensor \"a.weight\"", "expected shape [3, 2]", "has [2, 3]") {
            _ = try read(root.scoped("a"), "weight", [3, 2])
        }
        for shape in [[6], [2, 3, 1], [2, 3, 1, 2], [1, 1, 2, 3], []] {
            expectError("expected shape \(shape)") { _ = try read(root, "a.weight", shape) }
        }
        // A refused tensor was not read.
        expectError("not used: \"a.weight\"") { try root.finish() }
    }

    @Test func matrixIsOneByOneConvolution() throws {
        let root = weights(["conv": [2, 2, 1, 1], "linear": [2, 2], "bias": [2]])
        #expect(try read(root, "conv", [2, 2]) == [0, 1, 2, 3])
        #expect(try read(root, "linear", [2, 2, 1, 1]) == [0, 1, 2, 3])
        expectError("expected shape [2, 1, 1]") { _ = try read(root, "bias", [2, 1, 1]) }
    }

    @Test func manyThreads() throws {
        let shapes = Dictionary(uniqueKeysWithValues: (0..<500).map { ("layer.\($0)", [$0 % 7]) })
        let root = weights(shapes)
        DispatchQueue.concurrentPerform(iterations: 500) { index in
            #expect(
                (try? root.scoped("layer").read("\(index)", shape: [index % 7]) { $0.count }) == index % 7)
        }
        try root.finish()
    }

    @Test func clipKeysWithAndWithoutPrefix() throws {
        for prefix in ["", "text_model."] {
            let root = weights(
                [
                    "\(prefix)embeddings.token_embedding.weight": [4, 2],
                    "\(prefix)embeddings.position_ids": [1, 77],
                    "\(prefix)final_layer_norm.weight": [2], "text_projection.weight": [2, 2],
                ], .clipText)
            #expect(try read(root.scoped("embeddings"), "token_embedding.weight", [4, 2]).count == 8)
            expectError("not used: \"final_layer_norm.weight\"") { try root.finish() }
            _ = try read(root, "final_layer_norm.weight", [2])
            try root.finish()
            #expect(root.contains("text_projection.weight"))
        }
    }

    @Test func twoKeysForOneName() {
        let root = weights(
            ["text_model.final_layer_norm.bias": [2], "final_layer_norm.bias": [2]], .clipText)
        expectError("has it twice", "\"text_model.final_layer_norm.bias\"") {
            _ = try read(root, "final_layer_norm.bias", [2])
        }
        expectError("has it twice") { try root.finish() }
    }

    @Test func oldAutoencoder() throws {
        let old = "decoder.mid_block.attentions.0"
        let root = weights(
            [
                "\(old).query.weight": [2, 2, 1, 1], "\(old).proj_attn.bias": [2],
                "\(old).group_norm.bias": [2],
            ],
            .autoencoder)
        let attention = root.scoped("decoder.mid_block.attentions.0")
        #expect(try read(attention, "to_q.weight", [2, 2]) == [0, 1, 2, 3])
        _ = try read(attention, "to_out.0.bias", [2])
        _ = try read(attention, "group_norm.bias", [2])
        try root.finish()
        expectError("(as \"\(old).query.weight\")") { _ = try read(attention, "to_q.weight", [3, 3]) }
    }

    @Test(arguments: [
        (
            KeyRules.autoencoder, "encoder.mid_block.attentions.0.key.bias",
            "encoder.mid_block.attentions.0.to_k.bias"
        ),
        (.autoencoder, "a.attentions.1.value.weight", "a.attentions.1.to_v.weight"),
        (.autoencoder, "a.attentions.1.to_v.weight", "a.attentions.1.to_v.weight"),
        (.autoencoder, "encoder.key.weight", "encoder.key.weight"),
        (.autoencoder, "key", "key"), (.autoencoder, "", ""),
        (.clipText, "text_model.encoder.layers.0.mlp.fc1.bias", "encoder.layers.0.mlp.fc1.bias"),
        (.clipText, "text_projection.weight", "text_projection.weight"),
        (.none, "text_model.a", "text_model.a"),
    ])
    func keyRules(_ rules: KeyRules, key: String, canonical: String) {
        #expect(rules.canonical(key) == canonical)
    }
}

struct RandomWeightsTests {
    private func read(_ weights: Weights, _ key: String, _ shape: [Int]) throws -> [Float] {
        try weights.read(key, shape: shape) { Array($0) }
    }

    @Test func scaledByFanIn() throws {
        let weights = Weights.random(seed: 1)
        #expect(weights.contains("anything") && weights.shape(of: "anything") == nil)
        for shape in [[320, 640], [64, 32, 3, 3], [1000, 1]] {
            let values = try read(weights.scoped("a"), "weight", shape)
            #expect(values.count == shape.reduce(1, *))
            let mean = values.reduce(0.0) { $0 + Double($1) } / Double(values.count)
            let variance = values.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(values.count)
            let fanIn = Double(shape.dropFirst().reduce(1, *))
            #expect(abs(variance * fanIn - 1) < 0.15 && abs(mean) * fanIn.squareRoot() < 0.15, "\(shape)")
        }
        #expect(try read(weights, "norm.weight", [500]).allSatisfy { abs($0 - 1) < 0.2 })
        #expect(try read(weights, "norm.bias", [500]).allSatisfy { abs($0) < 0.2 })
        #expect(try read(weights, "scale", []).count == 1)
        #expect(try read(weights, "none", [0, 3]).isEmpty)
        try weights.finish()
    }

    @Test func dependsOnKeyAndSeedOnly() throws {
        let values = try read(.random(seed: 1), "a.weight", [9, 2000])
        #expect(values == (try read(Weights.random(seed: 1).scoped("a"), "weight", [9, 2000])))
        #expect(values != (try read(.random(seed: 2), "a.weight", [9, 2000])))
        #expect(values != (try read(.random(seed: 1), "b.weight", [9, 2000])))
        #expect(Set(stride(from: 0, to: values.count, by: 2000).map { values[$0] }).count == 9)
    }

    @Test func impossibleShapes() {
        expectError("impossible") { _ = try read(.random(seed: 1), "a", [-1]) }
        expectError("impossible") { _ = try read(.random(seed: 1), "a", [1 << 40, 1 << 40]) }
        expectError("not enough memory") { _ = try read(.random(seed: 1), "a", [1 << 60]) }
    }
}
