import Checkpoints
import Foundation
import Layers
import Models
import Platform
import Tensors
import TestSupport
import Testing

/// Text encoders other than CLIP's against transformers, and the class that diffusers publishes.
@Suite(.serialized) struct TextEncoderTests {
    static let end = TextLayer(skipped: 0, isNormalised: true)

    /// The texts of a fixture, with what its attention mask says of their lengths.
    private func texts(_ oracle: Oracle) throws -> [EncoderTokens] {
        zip(try oracle.ids(), try oracle.ids("mask")).map { EncoderTokens(ids: $0, count: $1.reduce(0, +)) }
    }

    /// Largest error of the states with hidden padding and with padding that is seen.
    private func check(
        _ name: String, _ machines: [Compute], tolerance: Double,
        hiding: (ConfigFile, Bool) throws -> any TextEncoderConfig
    ) throws {
        let oracle = try Oracle(name)
        for compute in machines {
            for (hidesPadding, key) in [(true, "hidden"), (false, "seen")] {
                let config = try hiding(try oracle.config, hidesPadding)
                let weights = try oracle.weights("model", rules: config.rules)
                let encoder = try config.encoder(LayerSource(weights, compute: compute))
                try weights.finish()
                let encoded = try encoder(try texts(oracle), Self.end, compute)
                let error = relativeError(encoded.states.values, try oracle.values(key))
                print(name, key, compute.kernels.name, compute.operands, error)
                #expect(error < tolerance, "\(compute.kernels.name), \(key)")
                #expect(encoded.pooled == nil && encoded.states.channels == config.channels)
                // A text is encoded alone as it is among others; OpenBLAS promises less.
                let last = try #require(try texts(oracle).last)
                let alone = try encoder([last], Self.end, compute).states
                let among = encoded.states.values.suffix(alone.count)
                if compute.kernels.name == "portable" {
                    #expect(relativeError(alone.values, among) < stageTolerance)
                } else {
                    #expect(alone.values.elementsEqual(among))
                }
                #expect(throws: ModelError.self) {
                    try encoder([last], TextLayer(skipped: 1, isNormalised: true), compute)
                }
            }
            #expect(compute.arena.unplannedCount == 0)
        }
    }

    private static func roberta(_ file: ConfigFile, _ hidesPadding: Bool) throws -> any TextEncoderConfig {
        var config = try RobertaSeriesConfig(file)
        config.hidesPadding = hidesPadding
        return config
    }

    private static func t5(_ file: ConfigFile, _ hidesPadding: Bool) throws -> any TextEncoderConfig {
        var config = try T5Config(file)
        config.hidesPadding = hidesPadding
        return config
    }

    private var bfloat16: [Compute] {
        Kernels.tested.filter { $0.multiplies(.bfloat16) }.compactMap {
            try? Compute(kernels: $0, threads: 2, operands: .bfloat16)
        }
    }

    /// altclip-b projects the last layer but one, as the eighteen-language model does.
    @Test(arguments: ["altclip-a", "altclip-b"])
    func altDiffusionsEncoderGivesTheStatesOfItsPublishedClass(_ name: String) throws {
        try check(name, machines(), tolerance: stageTolerance, hiding: Self.roberta)
        try check(name, bfloat16, tolerance: Bfloat16Tests.tolerance, hiding: Self.roberta)
    }

    /// t5-a is gated, t5-b rectified and reads texts longer than the distances that it knows.
    @Test(arguments: ["t5-a", "t5-b"])
    func t5GivesTheStatesOfTransformers(_ name: String) throws {
        try check(name, machines(), tolerance: stageTolerance, hiding: Self.t5)
        try check(name, bfloat16, tolerance: Bfloat16Tests.tolerance, hiding: Self.t5)
    }

    @Test func distancesFallIntoTransformersBuckets() throws {
        let file = try SafetensorsFile(path: Fixtures.path("t5-buckets.safetensors"))
        let cases = try file.integers("cases")
        let buckets = try file.integers("buckets")
        for row in 0..<cases.count / 2 {
            for (index, distance) in (-600...600).enumerated() {
                let bucket = T5RelativePositions.bucket(
                    distance, buckets: cases[2 * row], maximumDistance: cases[2 * row + 1])
                #expect(bucket == buckets[row * 1201 + index], "\(cases[2 * row]) buckets, distance \(distance)")
            }
        }
    }

    /// Both rules of which token's state is pooled: text-d names the end token 2, which means the largest id.
    @Test(arguments: ["text-d", "text-e"])
    func projectedTextEncoderGivesWhatTransformersGives(_ name: String) throws {
        let oracle = try Oracle(name)
        let texts = try oracle.ids().map { EncoderTokens(ids: $0, count: $0.count) }
        for compute in machines() {
            let config = try CLIPTextConfig(try oracle.config, hasProjection: true)
            let weights = try oracle.weights("model", rules: config.rules)
            let model = try config.encoder(LayerSource(weights, compute: compute))
            try weights.finish()
            let layers = [
                (Self.end, "last_hidden_state"), (TextLayer(skipped: 1, isNormalised: false), "penultimate"),
                (TextLayer(skipped: 2, isNormalised: false), "antepenultimate"),
            ]
            for (layer, key) in layers {
                let encoded = try model(texts, layer, compute)
                let errors = [
                    relativeError(encoded.states.values, try oracle.values(key)),
                    relativeError(Array((encoded.pooled ?? []).joined()), try oracle.values("text_embeds")),
                ]
                print(name, key, compute.kernels.name, errors)
                #expect(errors.allSatisfy { $0 < stageTolerance }, "\(compute.kernels.name), \(key)")
            }
            #expect(compute.arena.unplannedCount == 0)
        }
    }

    @Test func configurationsThatCannotBeRunAreRefused() throws {
        func message(_ name: String, _ changes: [String: JSON]) throws -> String {
            let values = try #require(ConfigFile.json(path: Fixtures.path(name) + "/config.json").dictionary)
            do {
                _ = try TextEncoderClasses.config(
                    ConfigFile(path: "config.json", values: values.merging(changes) { $1 }))
                return "no error"
            } catch {
                return "\(error)"
            }
        }
        for (name, key, value): (String, String, JSON) in [
            ("altclip-a", "hidden_act", .string("relu")), ("altclip-a", "hidden_size", .number(41)),
            ("altclip-a", "position_embedding_type", .string("relative_key")), ("altclip-a", "project_dim", .number(0)),
            ("altclip-b", "num_hidden_layers", .number(1)), ("altclip-a", "max_position_embeddings", .number(-1)),
            ("t5-a", "feed_forward_proj", .string("gated-silu")), ("t5-a", "d_kv", .number(0)),
            ("t5-a", "relative_attention_num_buckets", .number(6)), ("t5-a", "d_ff", .number(1e300)),
            ("t5-a", "relative_attention_max_distance", .number(8)),
            ("t5-a", "architectures", .array([.string("Umt5")])),
        ] {
            let text = try message(name, [key: value])
            #expect(text.contains(key) || text.contains("Umt5") || text.contains("has_pre"), "\(key): \(text)")
            #expect(text.contains("config.json"))
        }
        #expect(try message("t5-a", [:]) == "no error")
    }

    /// Ids that the table lacks, lengths that there are no positions for.
    @Test(arguments: ["altclip-a", "t5-a"])
    func textsThatDoNotFitAreRefused(_ name: String) throws {
        let oracle = try Oracle(name)
        let compute = Compute(kernels: Kernels.tested[0], threads: 1)
        let config = try TextEncoderClasses.config(try oracle.config)
        let encoder = try config.encoder(
            LayerSource(try oracle.weights("model", rules: config.rules), compute: compute))
        for ids in [[0, 99999], [-1, 2], [], [Int](repeating: 3, count: 600)] {
            #expect(throws: ModelError.self) {
                try encoder([EncoderTokens(ids: ids, count: ids.count)], Self.end, compute)
            }
        }
        #expect(throws: ModelError.self) {
            try encoder(
                [EncoderTokens(ids: [0, 2], count: 2), EncoderTokens(ids: [0, 2, 1], count: 2)], Self.end, compute)
        }
    }
}
