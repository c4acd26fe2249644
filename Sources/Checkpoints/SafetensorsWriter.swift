/// A tensor that can be written: row-major, little-endian.
package protocol WritableTensor {
    var name: String { get }
    var dtype: DType { get }
    var shape: [Int] { get }
    var byteCount: Int { get }

    /// Writes exactly `byteCount` bytes.
    func write(to sink: FileSink) throws
}

/// A tensor in memory.
package struct OutputTensor: WritableTensor, Sendable {
    enum Values: Sendable {
        case bytes([UInt8])
        case floats([Float])
    }

    package let name: String
    package let dtype: DType
    package let shape: [Int]
    let values: Values

    /// `bytes` holds the stored form, `dtype.byteSize` bytes an element.
    package init(name: String, dtype: DType, shape: [Int], bytes: [UInt8]) {
        self.name = name
        self.dtype = dtype
        self.shape = shape
        values = .bytes(bytes)
    }

    /// An F32 tensor.
    package init(name: String, shape: [Int], values: [Float]) {
        self.name = name
        dtype = .f32
        self.shape = shape
        self.values = .floats(values)
    }

    func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        switch values {
        case .bytes(let bytes): try bytes.withUnsafeBytes(body)
        case .floats(let floats): try floats.withUnsafeBytes(body)
        }
    }

    package var byteCount: Int { withBytes { $0.count } }
    package func write(to sink: FileSink) throws { try withBytes { try sink.write($0) } }
}

/// Writes safetensors files that every reader of the format accepts.
package enum SafetensorsWriter {
    /// Writes all tensors, the widest dtype first and then by name, so that each is aligned; the same tensors
    /// give the same bytes whatever their order. The header is padded with spaces to a multiple of 8 bytes.
    ///
    /// The file appears under its name only when it is complete, and replaces one of that name.
    ///
    /// - Throws: `CheckpointError` if a name appears twice or is reserved, a shape does not fit its values, or the
    ///   file cannot be written (no such folder, disk full); nothing is left behind then.
    package static func write(_ tensors: [OutputTensor], metadata: [String: String] = [:], to path: String)
        throws
    {
        try write(tensors as [any WritableTensor], metadata: metadata, to: path)
    }

    /// The same for tensors of any kind, one after the other: nothing is held that the tensors do not hold themselves.
    ///
    /// - Parameter replacing: whether a file of that name may be replaced; otherwise it is an error
    package static func write(
        _ tensors: [any WritableTensor], metadata: [String: String] = [:], to path: String, replacing: Bool = true
    ) throws {
        try check(tensors, path: path)
        let ordered = tensors.sorted {
            ($1.dtype.byteSize, $0.name) < ($0.dtype.byteSize, $1.name)
        }
        let header = header(ordered, metadata: metadata)
        try AtomicFile.write(to: path, replacing: replacing) { sink in
            try withUnsafeBytes(of: UInt64(header.count).littleEndian) { try sink.write($0) }
            try header.withUnsafeBytes { try sink.write($0) }
            for tensor in ordered { try tensor.write(to: sink) }
        }
    }

    private static func check(_ tensors: [any WritableTensor], path: String) throws {
        var names: Set<String> = []
        var total = 0
        for tensor in tensors {
            func failure(_ problem: String) -> CheckpointError {
                CheckpointError(path: path, tensor: tensor.name, problem: "cannot be written: \(problem)")
            }
            guard names.insert(tensor.name).inserted else { throw failure("another has the same name") }
            guard tensor.name != "__metadata__" else {
                throw failure("the name is reserved for the file's notes")
            }
            guard let count = checkedCount(tensor.shape),
                case (let bytes, let overflow) = count.multipliedReportingOverflow(by: tensor.dtype.byteSize),
                !overflow,
                bytes == tensor.byteCount
            else {
                throw failure(
                    "shape \(tensor.shape) of \(tensor.dtype.rawValue) does not fit its \(tensor.byteCount) bytes"
                )
            }
            guard tensor.shape.count <= SafetensorsHeader.rankLimit else {
                throw failure("too many dimensions")
            }
            total += bytes
        }
    }

    private static func header(_ tensors: [any WritableTensor], metadata: [String: String]) -> [UInt8] {
        var members: [String] = []
        if !metadata.isEmpty {
            let notes = metadata.sorted { $0.key < $1.key }.map { "\(json($0.key)):\(json($0.value))" }
            members.append("\"__metadata__\":{\(notes.joined(separator: ","))}")
        }
        var begin = 0
        for tensor in tensors {
            let end = begin + tensor.byteCount
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            members.append(
                "\(json(tensor.name)):{\"dtype\":\"\(tensor.dtype.rawValue)\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(begin),\(end)]}")
            begin = end
        }
        var header = Array("{\(members.joined(separator: ","))}".utf8)
        while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }
        return header
    }

    /// A string as JSON writes it (RFC 8259, section 7).
    private static func json(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{0}"..."\u{1F}":
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
