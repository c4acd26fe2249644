/// Tensors of several sources as one.
package final class JoinedTensors: TensorSource {
    package let path: String
    package let tensors: [String: TensorInfo]
    package let notes: [String: String]
    private let sources: [String: any TensorSource]

    /// - Parameters:
    ///   - path: what messages call the whole
    ///   - notes: what the whole says about itself
    /// - Throws: `CheckpointError` if two sources have a tensor of the same name
    package init(_ parts: [any TensorSource], path: String, notes: [String: String] = [:]) throws {
        var tensors: [String: TensorInfo] = [:]
        var sources: [String: any TensorSource] = [:]
        for part in parts {
            for (name, info) in part.tensors {
                guard tensors.updateValue(info, forKey: name) == nil else {
                    throw CheckpointError(path: path, tensor: name, problem: "two parts have a tensor of this name")
                }
                sources[name] = part
            }
        }
        (self.path, self.notes, self.tensors, self.sources) = (path, notes, tensors, sources)
    }

    private func source(_ name: String) throws -> any TensorSource {
        guard let source = sources[name] else { throw missing(name) }
        return source
    }

    package func withBytes<R>(of name: String, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        try source(name).withBytes(of: name, body)
    }

    package func stored(_ name: String) throws -> StoredTensor { try source(name).stored(name) }
}
