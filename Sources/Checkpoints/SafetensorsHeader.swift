import Platform

/// The header of a safetensors file: 8 bytes of little-endian length n, then n bytes of JSON, then the data.
///
/// Everything in it is treated as hostile. The rules are those of the format's description and its reference
/// reader: the tensors tile the data without gap or overlap. A tensor that does not begin at a multiple of its
/// element size (counted from the beginning of the data) is refused too, since it points to a damaged file: the
/// reference writer orders tensors so that it cannot happen. A header of odd length is accepted; not every writer
/// pads it.
struct SafetensorsHeader {
    static let lengthLimit = 100_000_000
    /// No network has tensors of so many dimensions; a hostile header could list millions.
    static let rankLimit = 32

    struct Entry {
        let name: String
        let dtype: DType
        let shape: [Int]
        let begin: Int
        let end: Int
    }

    let metadata: [String: String]
    let entries: [Entry]
    /// Where the data begins in the file.
    let dataStart: Int

    /// - Parameter file: the whole file's bytes.
    /// - Throws: `CheckpointError` that names the file and, where one is to blame, the tensor.
    init(_ file: UnsafeRawBufferPointer, path: String) throws {
        guard file.count >= 8 else {
            throw CheckpointError(
                path: path,
                problem: file.isEmpty
                    ? "the file is empty (0 bytes); download or copy it again"
                    : "the file has only \(file.count) bytes, too few for a safetensors file; download it again"
            )
        }
        let length = UInt64(littleEndian: file.loadUnaligned(as: UInt64.self))
        guard length <= UInt64(Self.lengthLimit) else {
            throw CheckpointError(
                path: path,
                problem: Self.otherFormat(file)
                    ?? "its header claims \(length) bytes, more than the \(Self.lengthLimit) that are allowed; "
                    + "it is damaged or not a safetensors file")
        }
        guard length >= 2 else {
            throw CheckpointError(
                path: path,
                problem: "its header claims \(length) bytes, fewer than the smallest JSON object has; "
                    + "it is damaged or not a safetensors file")
        }
        dataStart = 8 + Int(length)
        guard dataStart <= file.count else {
            throw CheckpointError(
                path: path,
                problem: Self.otherFormat(file)
                    ?? "its header claims \(length) bytes but only \(file.count - 8) follow; "
                    + "the file is truncated or not a safetensors file; download it again")
        }
        (metadata, entries) = try Self.parse(
            UnsafeRawBufferPointer(rebasing: file[8..<dataStart]), path: path)
        try Self.checkLayout(entries, dataCount: file.count - dataStart, path: path)
    }

    /// Says so when the file is something else that people often hold for weights.
    private static func otherFormat(_ file: UnsafeRawBufferPointer) -> String? {
        if file.starts(with: "PK\u{3}\u{4}".utf8) || (file[0] == 0x80 && file[1] < 6) {
            return "this is a PyTorch pickle, not a safetensors file"
        }
        if file.starts(with: "version ".utf8) {
            return "this is a Git LFS pointer, not the file itself; run `git lfs pull`"
        }
        if file.starts(with: "GGUF".utf8) { return "this is a GGUF file, not a safetensors file" }
        return nil
    }

    private static func parse(
        _ json: UnsafeRawBufferPointer, path: String
    ) throws -> ([String: String], [Entry]) {
        var scanner = JSONScanner(json, path: path, subject: "header")
        guard json.first == UInt8(ascii: "{") else {
            throw scanner.failure("its header is not a JSON object: it does not begin with \"{\"")
        }
        var metadata: [String: String] = [:]
        var entries: [Entry] = []
        try scanner.object("the header") { scanner, name in
            if name == "__metadata__" {
                try scanner.object("\"__metadata__\"") { scanner, key in
                    metadata[key] = try scanner.string("the value of \(quoted(key)) in \"__metadata__\"")
                }
            } else {
                scanner.context = name
                entries.append(try entry(name, &scanner))
                scanner.context = nil
            }
        }
        try scanner.finish()
        return (metadata, entries)
    }

    private static func entry(_ name: String, _ scanner: inout JSONScanner) throws -> Entry {
        var dtype: DType?
        var shape: [Int]?
        var offsets: [Int]?
        try scanner.object("its entry") { scanner, key in
            switch key {
            case "dtype":
                let text = try scanner.string("its dtype")
                dtype = DType(rawValue: text)
                if dtype == nil {
                    let known = DType.allCases.map(\.rawValue).joined(separator: ", ")
                    throw scanner.failure("its dtype \(quoted(text)) is not supported; known are \(known)")
                }
            case "shape": shape = try numbers("its shape", limit: rankLimit, &scanner)
            case "data_offsets": offsets = try numbers("data_offsets", limit: 2, &scanner)
            default: try scanner.skipValue()
            }
        }
        guard let dtype else { throw scanner.failure("the header gives it no dtype") }
        guard let shape else { throw scanner.failure("the header gives it no shape") }
        guard let offsets else { throw scanner.failure("the header gives it no data_offsets") }
        guard offsets.count == 2 else {
            throw scanner.failure(
                "data_offsets has \(offsets.count) numbers, but begin and end were expected")
        }
        return Entry(name: name, dtype: dtype, shape: shape, begin: offsets[0], end: offsets[1])
    }

    private static func numbers(_ what: String, limit: Int, _ scanner: inout JSONScanner) throws -> [Int] {
        var numbers: [Int] = []
        numbers.reserveCapacity(4)
        try scanner.array(what) { scanner in
            guard numbers.count < limit else {
                throw scanner.failure("\(what) has more than \(limit) numbers in the header")
            }
            numbers.append(try scanner.wholeNumber(what))
        }
        return numbers
    }
}

// MARK: - Layout

extension SafetensorsHeader {
    /// Checks each tensor's byte range by itself, then that the ranges tile the data.
    private static func checkLayout(_ entries: [Entry], dataCount: Int, path: String) throws {
        for entry in entries { try check(entry, dataCount: dataCount, path: path) }

        // An empty tensor sorts before the tensor that begins at the same byte, so it overlaps nothing.
        var position = 0
        var previous = ""
        for entry in entries.sorted(by: { ($0.begin, $0.end) < ($1.begin, $1.end) }) {
            if entry.begin < position {
                throw CheckpointError(
                    path: path, tensor: entry.name,
                    problem: "its data (bytes \(entry.begin) to \(entry.end)) overlaps that of tensor "
                        + "\(quoted(previous)), which ends at \(position)")
            }
            if entry.begin > position {
                throw CheckpointError(
                    path: path, tensor: entry.name,
                    problem:
                        "there is a gap before it: bytes \(position) to \(entry.begin) belong to no tensor")
            }
            position = entry.end
            previous = entry.name
        }
        guard position == dataCount else {
            throw CheckpointError(
                path: path,
                problem: "the last \(dataCount - position) bytes belong to no tensor; "
                    + "the file is damaged, download it again")
        }
    }

    private static func check(_ entry: Entry, dataCount: Int, path: String) throws {
        func failure(_ problem: String) -> CheckpointError {
            CheckpointError(path: path, tensor: entry.name, problem: problem)
        }
        guard entry.begin <= entry.end else {
            throw failure("its data begins at byte \(entry.begin), after its end at \(entry.end)")
        }
        let size = entry.dtype.byteSize
        guard let count = checkedCount(entry.shape),
            case (let needed, let overflow) = count.multipliedReportingOverflow(by: size), !overflow
        else { throw failure("its shape \(entry.shape) is too large: the number of bytes overflows") }
        guard entry.end - entry.begin == needed else {
            throw failure(
                "shape \(entry.shape) of \(entry.dtype.rawValue) needs \(needed) bytes, but the header gives it "
                    + "\(entry.end - entry.begin)")
        }
        guard entry.end <= dataCount else {
            throw failure(
                "its data ends at byte \(entry.end), out of range: only \(dataCount) bytes of data follow the "
                    + "header; the file is truncated or damaged, download it again")
        }
        guard needed == 0 || entry.begin % size == 0 else {
            throw failure(
                "its data is misaligned: it begins at byte \(entry.begin), not a multiple of the \(size) bytes of "
                    + "\(entry.dtype.rawValue); save the file again with a current safetensors library")
        }
    }
}
