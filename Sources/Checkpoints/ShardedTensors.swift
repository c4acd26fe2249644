import Platform

/// A checkpoint that is spread over several files by an index (`*.safetensors.index.json`, `*.bin.index.json`), whose
/// `weight_map` says which file holds which tensor.
package final class ShardedTensors: TensorSource {
    package let path: String
    package let tensors: [String: TensorInfo]

    private let shardOfTensor: [String: any TensorSource]

    /// - Throws: `CheckpointError` if the index is not as described, names a file outside its own folder, a shard
    ///   cannot be read, or the index and the shards disagree in either direction about who holds what.
    package convenience init(indexPath: String) throws { try self.init(index: try MappedFile(path: indexPath)) }

    init(index: MappedFile) throws {
        let indexPath = index.path
        let weightMap = try Self.weightMap(index)
        let folder = parentFolder(indexPath)
        var shards: [String: any TensorSource] = [:]
        for name in Set(weightMap.values).sorted() {
            shards[name] = try openTensors(file: try MappedFile(path: joined(folder, name)), allowingIndex: false)
        }

        var tensors: [String: TensorInfo] = [:]
        var shardOfTensor: [String: any TensorSource] = [:]
        for (name, shardName) in weightMap.sorted(by: { $0.key < $1.key }) {
            guard let shard = shards[shardName], let info = shard.tensors[name] else {
                throw CheckpointError(
                    path: indexPath, tensor: name,
                    problem: "the index says that it is in \(quoted(shardName)), but it is not there; "
                        + "the files do not belong together, download them again")
            }
            tensors[name] = info
            shardOfTensor[name] = shard
        }
        for (shardName, shard) in shards.sorted(by: { $0.key < $1.key }) {
            let surplus = shard.tensors.keys.filter { weightMap[$0] != shardName }.sorted()
            guard surplus.isEmpty else {
                throw CheckpointError(
                    path: indexPath,
                    problem:
                        "\(quoted(shardName)) also holds \(listed(surplus)), which the index does not place "
                        + "there; the files do not belong together, download them again")
            }
        }
        path = indexPath
        self.tensors = tensors
        self.shardOfTensor = shardOfTensor
    }

    package func withBytes<R>(of name: String, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        guard let shard = shardOfTensor[name] else { throw missing(name) }
        return try shard.withBytes(of: name, body)
    }

    package func stored(_ name: String) throws -> StoredTensor {
        guard let shard = shardOfTensor[name] else { throw missing(name) }
        return try shard.stored(name)
    }

    /// Tensor name → name of the shard, as the index has it.
    private static func weightMap(_ file: MappedFile) throws -> [String: String] {
        let indexPath = file.path
        guard file.count <= SafetensorsHeader.lengthLimit else {
            throw CheckpointError(
                path: indexPath, problem: "the index has \(file.count) bytes, more than an index can need")
        }
        return try file.withBytes { bytes in
            var scanner = JSONScanner(bytes, path: indexPath, subject: "index")
            var weightMap: [String: String]?
            try scanner.object("the index") { scanner, key in
                guard key == "weight_map" else { return try scanner.skipValue() }
                var map: [String: String] = [:]
                try scanner.object("\"weight_map\"") { scanner, tensor in
                    let shard = try scanner.string("a file name in \"weight_map\"")
                    guard isPlainName(shard) else {
                        scanner.context = tensor
                        throw scanner.failure(
                            "its file \(quoted(shard)) is not a plain name; shards must lie in the index's folder"
                        )
                    }
                    map[tensor] = shard
                }
                weightMap = map
            }
            try scanner.finish()
            guard let weightMap else { throw scanner.failure("the index has no \"weight_map\"") }
            guard !weightMap.isEmpty else {
                throw scanner.failure("the index's \"weight_map\" lists no tensors")
            }
            return weightMap
        }
    }

    private static func isPlainName(_ name: String) -> Bool {
        !name.isEmpty && name != "." && name != ".."
            && !name.utf8.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
    }
}
