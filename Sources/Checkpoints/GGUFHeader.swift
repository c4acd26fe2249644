import Platform

/// The beginning of a GGUF file, versions 2 and 3: notes, and what there is of tensors. Everything in it is treated as
/// hostile: counts, lengths and places are bounded by the file before anything is made of them.
struct GGUFHeader {
    static let tensorLimit = 65_536
    static let nameLimit = 256
    static let rankLimit = 8
    /// Vocabularies, the longest lists that there are, have 256,000.
    static let elementLimit = 4_000_000

    struct Entry {
        let name: String
        let type: GGUFType
        /// The last dimension the fastest, as PyTorch counts.
        let shape: [Int]
        let range: Range<Int>
    }

    private(set) var entries: [Entry] = []
    private(set) var notes: [String: String] = [:]
    /// Shapes that the file's writer had to change: ComfyUI's converter keeps the true ones in notes.
    private var originalShapes: [String: [Int]] = [:]
    private var alignment = 32
    private var elements = 0

    init(_ file: UnsafeRawBufferPointer, path: String) throws {
        var reader = ByteReader(file, at: 4, path: path, subject: "its header")
        let version: UInt32 = try reader.number("its version")
        guard (2...3).contains(version) else {
            throw CheckpointError(
                path: path,
                problem: version.byteSwapped < 256
                    ? "it is a GGUF file with the highest byte first, which limn does not read"
                    : "it is a GGUF file of version \(version), but limn knows 2 and 3; make it anew with a current "
                        + "program")
        }
        let tensorCount: UInt64 = try reader.number("its counts")
        let noteCount: UInt64 = try reader.number("its counts")
        // A tensor takes 24 bytes at least, a note 13.
        guard tensorCount <= UInt64(min(Self.tensorLimit, reader.rest / 24)) else {
            throw reader.failure("speaks of \(tensorCount) tensors, more than it can have")
        }
        guard noteCount <= UInt64(min(Self.tensorLimit, reader.rest / 13)) else {
            throw reader.failure("speaks of \(noteCount) notes, more than it can have")
        }
        for _ in 0..<noteCount { try readNote(&reader) }
        var descriptions: [(name: String, type: GGUFType, shape: [Int], offset: UInt64)] = []
        descriptions.reserveCapacity(Int(tensorCount))
        for _ in 0..<tensorCount { descriptions.append(try Self.readTensor(&reader)) }
        let start = (reader.position + alignment - 1) / alignment * alignment
        entries.reserveCapacity(descriptions.count)
        for (name, type, shape, offset) in descriptions {
            func failure(_ problem: String) -> CheckpointError {
                CheckpointError(path: path, tensor: name, problem: problem)
            }
            let size = try Self.byteCount(type, shape, failure)
            guard offset.isMultiple(of: UInt64(alignment)) else {
                throw failure("its data is misaligned: it begins at byte \(offset), not at a multiple of \(alignment)")
            }
            guard let begin = Int(exactly: offset), begin <= file.count - start, size <= file.count - start - begin
            else {
                throw failure("its data ends beyond the file, which is truncated or damaged; download it again")
            }
            let shape = try originalShape(of: name, stored: shape, failure)
            entries.append(Entry(name: name, type: type, shape: shape, range: start + begin..<start + begin + size))
        }
        try checkLayout(path)
    }

    private static func byteCount(
        _ type: GGUFType, _ shape: [Int], _ failure: (String) -> CheckpointError
    ) throws -> Int {
        // The values are counted as float32, which is what becomes of quantized ones.
        guard let count = checkedCount(shape), count <= Int.max / 8 else {
            throw failure("its shape \(shape) is too large: the number of bytes overflows")
        }
        switch type {
        case .plain(let dtype): return count * dtype.byteSize
        case .quantized(let quantization):
            guard let last = shape.last, last.isMultiple(of: quantization.blockCount) else {
                throw failure(
                    "its rows of \(shape.last ?? 1) values are no whole blocks of \(quantization.rawValue), which have "
                        + "\(quantization.blockCount)")
            }
            return count / quantization.blockCount * quantization.blockSize
        }
    }

    private func originalShape(
        of name: String, stored: [Int], _ failure: (String) -> CheckpointError
    ) throws -> [Int] {
        guard let shape = originalShapes[name] else { return stored }
        guard checkedCount(shape) == checkedCount(stored) else {
            throw failure("its shape \(stored) should have been \(shape), which does not fit")
        }
        return shape
    }

    /// Two tensors in the same bytes would make more of a file than it has.
    private func checkLayout(_ path: String) throws {
        var names: Set<String> = []
        var end = 0
        for entry in entries.sorted(by: {
            ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
        }) {
            guard names.insert(entry.name).inserted else {
                throw CheckpointError(path: path, tensor: entry.name, problem: "the header has it twice")
            }
            guard entry.range.lowerBound >= end else {
                throw CheckpointError(path: path, tensor: entry.name, problem: "its data overlaps that of another")
            }
            end = entry.range.upperBound
        }
    }

    private static func readTensor(
        _ reader: inout ByteReader
    ) throws -> (name: String, type: GGUFType, shape: [Int], offset: UInt64) {
        let name = try readString(&reader, limit: nameLimit, "a tensor's name")
        func failure(_ problem: String) -> CheckpointError {
            CheckpointError(path: reader.path, tensor: name, problem: problem)
        }
        let rank: UInt32 = try reader.number("a tensor's shape")
        guard rank <= UInt32(rankLimit) else { throw failure("it has \(rank) dimensions, more than GGUF knows") }
        var shape: [Int] = []
        for _ in 0..<rank {
            let dimension: UInt64 = try reader.number("a tensor's shape")
            guard let dimension = Int(exactly: dimension) else { throw failure("its shape is too large") }
            shape.append(dimension)
        }
        let code: UInt32 = try reader.number("a tensor's type")
        guard let type = GGUFType(code) else {
            throw failure(
                "its type \(GGUFType.otherNames[code] ?? String(code)) is not supported; known are F32, F16, BF16, "
                    + "\(Quantization.allCases.map(\.rawValue).joined(separator: ", ")). Choose another version of the "
                    + "model")
        }
        return (name, type, shape.reversed(), try reader.number("a tensor's place"))
    }

    private static func readString(_ reader: inout ByteReader, limit: Int, _ what: String) throws -> String {
        let count: UInt64 = try reader.number(what)
        guard count <= UInt64(limit) else { throw reader.failure("has \(what) of \(count) bytes, too many") }
        return reader.text(try reader.take(count, what))
    }
}

// MARK: - Notes

extension GGUFHeader {
    private static let originalShapePrefix = "comfy.gguf.orig_shape."

    private mutating func readNote(_ reader: inout ByteReader) throws {
        let key = try Self.readString(&reader, limit: 65_535, "a note's name")
        let type: UInt32 = try reader.number("a note's type")
        if type == 9 {
            try readArray(&reader, key, depth: 0)
        } else if type == 8 {
            let count: UInt64 = try reader.number("a note")
            let range = try reader.take(count, "a note")
            keep(key, reader.text(range.prefix(1_000)))
        } else {
            let value = try Self.readNumber(&reader, type)
            if key == "general.alignment" {
                guard let value = Int(value), value >= 1, value <= 1 << 20, value.nonzeroBitCount == 1 else {
                    throw reader.failure("has an alignment of \(value), which is no power of two up to 1048576")
                }
                alignment = value
            }
            keep(key, value)
        }
    }

    private mutating func keep(_ key: String, _ value: String) {
        if notes.count < 100, key.utf8.count <= Self.nameLimit { notes[key] = value }
    }

    /// Passes over an array; shapes are kept.
    private mutating func readArray(_ reader: inout ByteReader, _ key: String, depth: Int) throws {
        guard depth < 4 else { throw reader.failure("has lists in lists more than four deep") }
        let type: UInt32 = try reader.number("a list's type")
        let count: UInt64 = try reader.number("a list's length")
        if type != 8, type != 9 {
            guard let size = Self.sizes[type] else { throw reader.failure("has a note of the unknown type \(type)") }
            guard count <= UInt64(reader.rest / size) else { throw reader.failure("ends within a list") }
            if key.hasPrefix(Self.originalShapePrefix), count <= UInt64(Self.rankLimit) {
                var shape: [Int] = []
                for _ in 0..<count {
                    guard let value = Int(try Self.readNumber(&reader, type)), value >= 0 else {
                        throw reader.failure("has a shape that is none, \(quoted(key))")
                    }
                    shape.append(value)
                }
                originalShapes[String(key.dropFirst(Self.originalShapePrefix.count))] = shape
            } else {
                _ = try reader.take(count * UInt64(size), "a list")
            }
            return
        }
        guard count <= UInt64(Self.elementLimit - elements) else { throw reader.failure("has lists that are too long") }
        elements += Int(count)
        for _ in 0..<count {
            if type == 9 {
                try readArray(&reader, "", depth: depth + 1)
            } else {
                _ = try reader.take(try reader.number("a list") as UInt64, "a list")
            }
        }
    }

    /// Bytes of the types of single values, by their numbers.
    private static let sizes: [UInt32: Int] = [
        0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8,
    ]

    private static func readNumber(_ reader: inout ByteReader, _ type: UInt32) throws -> String {
        switch type {
        case 0: return String(try reader.number("a note") as UInt8)
        case 1: return String(try reader.number("a note") as Int8)
        case 2: return String(try reader.number("a note") as UInt16)
        case 3: return String(try reader.number("a note") as Int16)
        case 4: return String(try reader.number("a note") as UInt32)
        case 5: return String(try reader.number("a note") as Int32)
        case 6: return String(Float(bitPattern: try reader.number("a note")))
        case 7: return String((try reader.number("a note") as UInt8) != 0)
        case 10: return String(try reader.number("a note") as UInt64)
        case 11: return String(try reader.number("a note") as Int64)
        case 12: return String(Double(bitPattern: try reader.number("a note")))
        default: throw reader.failure("has a note of the unknown type \(type)")
        }
    }
}

/// What a GGUF file's tensor is stored as.
enum GGUFType: Equatable {
    case plain(DType)
    case quantized(Quantization)

    /// By the number that GGML gives it; nil for those that are not read.
    init?(_ code: UInt32) {
        guard let type = Self.codes[code] else { return nil }
        self = type
    }

    private static let codes: [UInt32: GGUFType] = [
        0: .plain(.f32), 1: .plain(.f16), 30: .plain(.bf16), 28: .plain(.f64), 24: .plain(.i8), 25: .plain(.i16),
        26: .plain(.i32), 27: .plain(.i64),
        2: .quantized(.q40), 3: .quantized(.q41), 6: .quantized(.q50), 7: .quantized(.q51),
        8: .quantized(.q80), 10: .quantized(.q2K), 11: .quantized(.q3K), 12: .quantized(.q4K),
        13: .quantized(.q5K), 14: .quantized(.q6K),
    ]

    static let otherNames: [UInt32: String] = [
        9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S",
        22: "IQ2_S", 23: "IQ4_XS", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4",
    ]
}
