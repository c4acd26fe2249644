import Checkpoints
import Foundation
import TestSupport
import Tokenizers

/// A kind of file, with valid ones to damage, and what is done with the outcome.
enum FuzzTarget: String, CaseIterable, Sendable {
    case safetensors, index, zip, zippedPickle, stream, tar, gguf
    case sentencePiece, sentencePieceJSON, vocabulary, merges, tokenizerConfig

    /// The files' names below the fixtures.
    private var files: [String] {
        switch self {
        case .safetensors: ["Checkpoints/dtypes.safetensors", "Checkpoints/torch/expected.safetensors"]
        case .index: []
        case .zip, .zippedPickle:
            ["lightning.ckpt", "zip-2.bin", "zip-4.bin", "embedding.pt"].map { "Checkpoints/torch/" + $0 }
        case .stream: ["stream-1.ckpt", "stream-2.ckpt", "stream-4.ckpt"].map { "Checkpoints/torch/" + $0 }
        case .tar: ["Checkpoints/torch/tar.pt"]
        case .gguf: ["Checkpoints/gguf/types.gguf"]
        case .sentencePiece: ["tokenizers/t5/spiece.model"]
        case .sentencePieceJSON: ["tokenizers/t5-json/tokenizer.json"]
        case .vocabulary: ["tokenizers/clip/vocab.json"]
        case .merges: ["tokenizers/clip/merges.txt"]
        case .tokenizerConfig: ["tokenizers/clip/tokenizer_config.json"]
        }
    }

    func seeds() throws -> [[UInt8]] {
        if self == .index {
            let index =
                #"{"metadata":{"size":8},"weight_map":{"string_to_token.*":"one.bin","string_to_param.*":"one.bin"}}"#
            return [Array(index.utf8)]
        }
        return try files.map { try Fixtures.bytes($0) }
    }

    /// Of so many runs of all targets, how many one gets: tokenizers take milliseconds to load.
    var share: Double {
        switch self {
        case .safetensors, .gguf, .stream, .zippedPickle: 0.2
        case .zip: 0.1
        case .index, .tar: 0.04
        case .sentencePiece: 0.01
        case .vocabulary, .merges, .tokenizerConfig: 0.0025
        case .sentencePieceJSON: 0.0025
        }
    }

    var fragments: [[UInt8]] {
        switch self {
        case .safetensors, .index, .sentencePieceJSON, .vocabulary, .tokenizerConfig:
            [
                "\"", "\\", "\\ud800", "{", "}", "[", "]", ",", ":", "-", "1e999", "null", "true", "[[[[[[[[",
                "\"F16\"",
                "\"data_offsets\":", "\"shape\":[0,0]", "\"__metadata__\":", "\u{0}", "é", "\"content\":",
            ].map { Array($0.utf8) }
        case .zip, .zippedPickle, .stream, .tar:
            [
                "(", "t", "R", "b", "}", "]", "u", "e", "s", "a", "0", "1", "2", ".", "q\u{0}", "h\u{0}", "h\u{1}",
                "h\u{7}",
                "K\u{1}", "N", "Q", "cos\nsystem\n", "ccollections\nOrderedDict\n",
                "ctorch._utils\n_rebuild_tensor_v2\n",
                "ctorch\nFloatStorage\n", "ctorch\nHalfStorage\n", "I12\n", "S'a'\n", "X\u{1}\u{0}\u{0}\u{0}a",
            ].map { Array($0.utf8) } + [
                [0x81], [0x85], [0x86], [0x87], [0x93], [0x94],
                [0x8A, 8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
                [0x50, 0x4B, 1, 2], [0x50, 0x4B, 3, 4], [0x50, 0x4B, 5, 6], [0x50, 0x4B, 6, 6], [0x50, 0x4B, 6, 7],
            ]
        case .gguf:
            (UInt8(0)..<31).map { [$0, 0, 0, 0] } + [
                [1, 0, 0, 0, 0, 0, 0, 0], [32, 0, 0, 0, 0, 0, 0, 0], Array("general.alignment".utf8),
            ]
        case .sentencePiece:
            [[0x0A], [0x12], [0x15], [0x18], [0x0A, 0x80, 0x80, 0x01], [0xFF, 0xFF, 0xFF, 0xFF, 0x0F]]
        case .merges: ["\n", " ", "a p", "</w>", "#version"].map { Array($0.utf8) }
        }
    }

    /// Where a damaged file goes in its folder.
    var name: String {
        switch self {
        case .sentencePiece: "spiece.model"
        case .sentencePieceJSON: "tokenizer.json"
        case .vocabulary: "vocab.json"
        case .merges: "merges.txt"
        case .tokenizerConfig: "tokenizer_config.json"
        case .index: "index.json"
        default: "weights"
        }
    }

    /// What must lie beside it.
    func prepare(_ folder: TemporaryFolder) throws {
        let beside: [String] =
            switch self {
            case .vocabulary: ["tokenizers/clip/merges.txt"]
            case .merges, .tokenizerConfig: ["tokenizers/clip/vocab.json", "tokenizers/clip/merges.txt"]
            default: []
            }
        for file in beside where !file.hasSuffix(name) {
            try folder.write(Fixtures.bytes(file), to: String(file.split(separator: "/").last ?? ""))
        }
        if self == .index { try folder.write(Fixtures.bytes("Checkpoints/torch/embedding.pt"), to: "one.bin") }
    }

    /// Damages a file. Changes that need others to be noticed at all get them: lengths of headers, whole zip files.
    func damage(_ seeds: [[UInt8]], _ mutator: inout Mutator) -> [UInt8] {
        var bytes = mutator.pick(seeds)
        switch self {
        case .zippedPickle:
            guard var zip = ZipParts(bytes) else { return bytes }
            mutator.damage(&zip.entries[0].data)
            if mutator.below(8) == 0 { mutator.damage(&zip.entries[mutator.below(zip.entries.count)].data) }
            return zip.bytes
        case .safetensors:
            let length = Int(bytes[0]) | Int(bytes[1]) << 8 | Int(bytes[2]) << 16
            if mutator.below(4) == 0 {
                mutator.damage(&bytes)
                return bytes
            }
            var header = Array(bytes[8..<8 + length])
            mutator.damage(&header)
            return withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header
                + bytes[(8 + length)...]
        default:
            mutator.damage(&bytes)
            return bytes
        }
    }

    /// Opens the file and uses all of it.
    ///
    /// - Returns: bytes of the values that were made of it
    func use(_ path: String, folder: TemporaryFolder) throws -> Int {
        switch self {
        case .safetensors, .index, .zip, .zippedPickle, .stream, .tar, .gguf:
            let file = try openTensors(file: path)
            var total = 0
            for (name, info) in file.tensors {
                total += info.byteCount
                // Values that are repeated may come to 64 MB each, which would take its time.
                if total > 1 << 22 { continue }
                try file.withBytes(of: name) { precondition($0.count == info.byteCount) }
                let stored = try file.stored(name)
                precondition(stored.count == info.elementCount)
                _ = try file.withFloat32(name) { $0.reduce(0) { $0.bitPattern > $1.bitPattern ? $0 : $1 } }
            }
            return total
        case .sentencePiece, .sentencePieceJSON, .vocabulary, .merges, .tokenizerConfig:
            let tokenizer = try TokenizerLoader.load(folder: folder.path)
            _ = try tokenizer.encode("a red Äpple (É:1.2) 红色 ① \u{1F34E}")
            return 0
        }
    }
}
