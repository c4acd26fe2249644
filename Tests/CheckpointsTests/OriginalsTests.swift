import Foundation
import TestSupport
import Testing

@testable import Checkpoints

/// Single files with the names of the original code, against what diffusers' own converter makes of them.
struct OriginalsTests {
    /// What `Tools/reference/originals.py` wrote beside each file.
    struct Expected: Decodable {
        struct Tensor: Decodable, Equatable {
            let dtype: String
            let shape: [Int]
            let crc: UInt32

            init(from decoder: any Decoder) throws {
                var values = try decoder.unkeyedContainer()
                dtype = try values.decode(String.self)
                shape = try values.decode([Int].self)
                crc = try values.decode(UInt32.self)
            }
        }
        let parts: [String: [String: Tensor]]
    }

    private static func open(_ name: String, prefersAverages: Bool = false) throws -> OriginalCheckpoint {
        let source = try openTensors(file: Fixtures.path("originals/\(name).safetensors"))
        return try OriginalCheckpoint(source, prefersAverages: prefersAverages)
    }

    @Test(arguments: [
        ("sd1", OriginalCheckpoint.Family.sd1), ("sd2", .sd2), ("xl", .xlBase), ("refiner", .xlRefiner),
    ])
    func sameTensorsAsDiffusersTakesFromTheFile(_ name: String, _ family: OriginalCheckpoint.Family) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("originals/\(name).json")))
        let expected = try JSONDecoder().decode(Expected.self, from: data).parts
        let checkpoint = try Self.open(name)
        #expect(checkpoint.family == family)
        #expect(checkpoint.unknown == [])
        #expect(Set(checkpoint.parts.keys.map(\.rawValue)) == Set(expected.keys))
        for (part, tensors) in expected {
            let source = try #require(CheckpointPart(rawValue: part).flatMap { checkpoint.parts[$0] })
            #expect(source.tensors.keys.sorted() == tensors.keys.sorted(), "\(part)")
            for (key, wanted) in tensors {
                let info = try source.info(key)
                #expect(info.shape == wanted.shape && info.dtype == .f16 && info.name == key, "\(key)")
                #expect(try source.withBytes(of: key, crc32) == wanted.crc, "\(key)")
                // The same values by the way that layers take.
                let stored = try source.stored(key)
                #expect(stored.count == info.elementCount)
                if stored.format == .float16 {
                    let bytes = UnsafeRawBufferPointer(start: stored.address, count: 2 * stored.count)
                    #expect(crc32(bytes) == wanted.crc, "\(key), stored")
                } else {
                    #expect(try source.float32(key) == stored.withFloats { Array($0) }, "\(key), stored")
                }
            }
        }
    }

    @Test(arguments: ["sd1", "sd2", "xl"])
    func sameNamesAndShapesAtTrueSizes(_ name: String) throws {
        let text = try String(contentsOfFile: Fixtures.path("originals/names-\(name).txt"), encoding: .utf8)
        let halves = text.components(separatedBy: "\n\n").map { $0.split(separator: "\n") }
        #expect(halves.count == 2)
        func shape(_ text: Substring?) -> [Int] { text?.split(separator: ",").compactMap { Int($0) } ?? [] }
        var shapes: [String: [Int]] = [:]
        for line in halves[0] {
            let words = line.split(separator: " ", omittingEmptySubsequences: false)
            shapes[String(words[0])] = shape(words.last)
        }
        let checkpoint = try OriginalCheckpoint(ShapesOnly(shapes))
        var found: Set<String> = []
        for (part, source) in checkpoint.parts {
            for info in source.tensors.values {
                found.insert("\(part.rawValue) \(info.name) \(info.shape.map(String.init).joined(separator: ","))")
            }
        }
        let wanted = Set(halves[1].map(String.init))
        #expect(found.count > 1000)
        #expect(found.subtracting(wanted).sorted().prefix(5) == [])
        #expect(wanted.subtracting(found).sorted().prefix(5) == [])
    }

    @Test func whatAFileCarriesBesides() throws {
        let sd1 = try Self.open("sd1")
        #expect(sd1.hasAverages && sd1.unusedLayer == [])
        #expect(sd1.harmless.contains("betas") && sd1.harmless.contains("model_ema.decay"))
        let sd2 = try Self.open("sd2")
        #expect(!sd2.hasAverages && sd2.unusedLayer.count == 13)
        #expect(sd2.unusedLayer.contains("cond_stage_model.model.text_projection"))
    }

    @Test func averagedWeightsInTheirPlace() throws {
        let (last, averaged) = (try Self.open("sd1"), try Self.open("sd1", prefersAverages: true))
        for key in ["conv_in.weight", "up_blocks.1.resnets.0.conv1.bias", "mid_block.attentions.0.proj_in.weight"] {
            let values = try #require(last.parts[.unet]).float32(key)
            #expect(try #require(averaged.parts[.unet]).float32(key) == values.map { 2 * $0 })
        }
        // Only the UNet has any.
        let key = "decoder.conv_in.weight"
        #expect(try #require(averaged.parts[.vae]).float32(key) == #require(last.parts[.vae]).float32(key))
    }

    @Test func namesWithoutAPlace() throws {
        var shapes = [
            "model.diffusion_model.input_blocks.0.0.weight": [4, 4, 3, 3], "model.diffusion_model.mystery.weight": [2],
            "control_model.input_blocks.0.0.weight": [4], "alphas_cumprod": [10],
        ]
        let checkpoint = try OriginalCheckpoint(MemorySource(shapes))
        #expect(checkpoint.family == nil && checkpoint.harmless == ["alphas_cumprod"])
        #expect(checkpoint.unknown == ["control_model.input_blocks.0.0.weight"])
        #expect(
            checkpoint.parts[.unet]?.tensors.keys.sorted() == [
                "conv_in.weight", "model.diffusion_model.mystery.weight",
            ])
        // Both spellings of one thing.
        shapes["cond_stage_model.transformer.text_model.final_layer_norm.bias"] = [4]
        shapes["cond_stage_model.transformer.final_layer_norm.bias"] = [4]
        expectError("twice", "cond_stage_model.transformer.final_layer_norm.bias") {
            _ = try OriginalCheckpoint(MemorySource(shapes))
        }
    }

    @Test func fusedAttentionOfAnImpossibleShape() {
        let prefix = "cond_stage_model.model.transformer.resblocks.0."
        expectError("queries, keys and values", "[7, 2]") {
            _ = try OriginalCheckpoint(
                MemorySource([prefix + "ln_1.weight": [2], prefix + "attn.in_proj_weight": [7, 2]]))
        }
        expectError("a matrix was expected") {
            _ = try OriginalCheckpoint(MemorySource(["cond_stage_model.model.text_projection": [7]]))
        }
    }

    /// stable-diffusion.cpp's files have transformers' names for OpenCLIP's encoder too, with the projection unturned.
    @Test func openCLIPUnderTransformersNames() throws {
        let source = try openTensors(file: Fixtures.path("originals/xl.safetensors"))
        let usual = try OriginalCheckpoint(source)
        var views: [String: TensorView] = [:]
        for (key, info) in source.tensors where !key.hasPrefix("conditioner.embedders.1.") {
            let name = key.replacing("conditioner.embedders.0.", with: "cond_stage_model.")
            views[name] = .whole(key, shape: info.shape)
        }
        let second = try #require(usual.parts[.textEncoder2])
        for (name, view) in second.views where name != "text_projection.weight" {
            views["cond_stage_model.1.transformer." + name] = view
        }
        let projection = "conditioner.embedders.1.model.text_projection"
        views["cond_stage_model.1.transformer.text_model.text_projection"] = .whole(
            projection, shape: try source.info(projection).shape)
        let renamed = try OriginalCheckpoint(ViewedTensors(source, views))
        #expect(renamed.family == .xlBase && renamed.unknown == [])
        #expect(renamed.encoders == usual.encoders)
        for (part, tensors) in usual.parts {
            #expect(renamed.parts[part]?.tensors == tensors.tensors)
        }
        let key = "text_projection.weight"
        #expect(try #require(renamed.parts[.textEncoder2]).float32(key) == second.float32(key))
        // An encoder of 1024 channels, alone, is Stable Diffusion 2's.
        let wide = "cond_stage_model.transformer.text_model."
        let sd2 = try OriginalCheckpoint(
            ShapesOnly([
                wide + "embeddings.token_embedding.weight": [49408, 1024], wide + "encoder.layers.22.x": [1],
                wide + "encoder.layers.23.x": [1],
            ]))
        #expect(sd2.family == .sd2 && sd2.unusedLayer == [wide + "encoder.layers.23.x"])
    }

    @Test func autoencoderAlone() throws {
        let whole = try openTensors(file: Fixtures.path("originals/sd1.safetensors"))
        let prefix = "first_stage_model."
        let keys = whole.tensors.keys.filter { $0.hasPrefix(prefix) }
        let bare = try ViewedTensors(
            whole,
            Dictionary(
                uniqueKeysWithValues: keys.map { key in
                    (String(key.dropFirst(prefix.count)), .whole(key, shape: whole.tensors[key]?.shape ?? []))
                }))
        let expected = try OriginalCheckpoint(whole).parts[.vae]?.tensors
        #expect(try OriginalCheckpoint.autoencoder(in: bare)?.tensors == expected)
        #expect(try OriginalCheckpoint.autoencoder(in: whole)?.tensors["decoder.conv_in.weight"] != nil)
        #expect(try OriginalCheckpoint.autoencoder(in: MemorySource(["a": [1]])) == nil)
    }

    // MARK: Views

    @Test func views() throws {
        let source = MemorySource(["a": [3, 2], "b": [1, 2], "c": [2, 2, 1, 1]])
        let views = try ViewedTensors(
            source,
            [
                "whole": .whole("c", shape: [2, 2]), "rows": .rows("a", 1..<3), "none": .rows("a", 2..<2),
                "turned": .transposed("a"), "both": .joined(["a", "b"]),
            ])
        #expect(views.tensors["rows"]?.shape == [2, 2] && views.tensors["turned"]?.shape == [2, 3])
        #expect(try views.float32("rows") == [2, 3, 4, 5])
        #expect(try views.float32("none") == [])
        #expect(try views.float32("turned") == [0, 2, 4, 1, 3, 5])
        #expect(try views.float32("both") == [0, 1, 2, 3, 4, 5, 0, 1])
        #expect(try views.stored("rows").withFloats { Array($0) } == [2, 3, 4, 5])
        #expect(try views.stored("turned").withFloats { Array($0) } == [0, 2, 4, 1, 3, 5])
        expectError("missing") { _ = try views.float32("a") }
        for (view, word) in [
            (TensorView.whole("a", shape: [5]), "[5]"), (.rows("a", 2..<4), "no rows 2 to 4"),
            (.transposed("c"), "a matrix"), (.joined(["a", "c"]), "cannot be joined"),
            (.whole("x", shape: []), "missing"),
        ] {
            expectError(word) { _ = try ViewedTensors(source, ["v": view]) }
        }
    }
}

/// A source that has names and shapes and nothing else.
struct ShapesOnly: TensorSource {
    let path = "shapes.safetensors"
    let tensors: [String: TensorInfo]

    init(_ shapes: [String: [Int]]) {
        tensors = Dictionary(
            uniqueKeysWithValues: shapes.map { name, shape in
                (name, TensorInfo(name: name, dtype: .f16, shape: shape, byteCount: 2 * shape.reduce(1, *)))
            })
    }

    func withBytes<R>(of name: String, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        throw missing(name)
    }
}

/// As zlib computes it.
func crc32(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var crc = ~UInt32(0)
    for byte in bytes {
        crc ^= UInt32(byte)
        for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    return ~crc
}
