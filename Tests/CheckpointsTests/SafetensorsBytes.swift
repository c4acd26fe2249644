import Checkpoints
import Testing

/// A safetensors file made by hand, so that each rule can be broken.
func safetensors(_ header: String, data: [UInt8] = []) -> [UInt8] {
    safetensors(Array(header.utf8), data: data)
}

func safetensors(_ header: [UInt8], length: UInt64? = nil, data: [UInt8] = []) -> [UInt8] {
    withUnsafeBytes(of: (length ?? UInt64(header.count)).littleEndian) { Array($0) } + header + data
}

/// One tensor's entry in a header.
func entry(_ name: String, _ dtype: String = "F32", shape: String = "[2]", offsets: String = "[0,8]")
    -> String
{
    "\"\(name)\":{\"dtype\":\"\(dtype)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}"
}

/// Runs `body` and expects a `CheckpointError` whose text has all the words.
func expectError(
    _ words: String..., sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) {
    do {
        try body()
        Issue.record("no error was thrown; expected \(words)", sourceLocation: sourceLocation)
    } catch let error as CheckpointError {
        let text = error.description
        for word in words where !word.isEmpty && !text.contains(word) {
            Issue.record("\"\(text)\" does not say \"\(word)\"", sourceLocation: sourceLocation)
        }
        #expect(!text.contains("\n"), sourceLocation: sourceLocation)
    } catch {
        Issue.record("\(error) is not a CheckpointError", sourceLocation: sourceLocation)
    }
}

/// A source in memory.
struct MemorySource: TensorSource {
    let path: String
    let tensors: [String: TensorInfo]
    private let values: [String: [Float]]

    init(_ shapes: [String: [Int]], path: String = "memory.safetensors") {
        self.path = path
        var tensors: [String: TensorInfo] = [:]
        var values: [String: [Float]] = [:]
        for (name, shape) in shapes {
            let count = shape.reduce(1, *)
            tensors[name] = TensorInfo(name: name, dtype: .f32, shape: shape, byteCount: 4 * count)
            values[name] = (0..<count).map(Float.init)
        }
        self.tensors = tensors
        self.values = values
    }

    func withBytes<R>(of name: String, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        try (values[name] ?? []).withUnsafeBytes(body)
    }
}
