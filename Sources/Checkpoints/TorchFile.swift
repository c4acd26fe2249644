import Platform

/// A checkpoint as `torch.save` writes it (`.ckpt`, `.pt`, `.pth`, `.bin`), memory-mapped and read-only, in any of the
/// three forms that it has had. Its pickle is read by a machine that knows tensors and plain values and executes
/// nothing; everything that it says is checked when the file is opened, so that reading a tensor afterwards cannot go
/// out of bounds.
///
/// Tensors are used where they lie. Those whose values do not lie one after the other, such as transposed ones, are
/// copied in order.
package final class TorchFile: TensorSource {
    package let path: String
    package let tensors: [String: TensorInfo]
    /// Numbers and short texts that stand beside the weights: `epoch`, `global_step`, an embedding's `name`.
    package let notes: [String: String]

    private let file: MappedFile
    private let layouts: [String: StridedLayout]

    /// - Throws: `CheckpointError` if the file cannot be opened, is damaged, or asks for anything but tensors and what
    ///   is known to stand beside them in checkpoints
    package convenience init(path: String) throws { try self.init(file: try MappedFile(path: path)) }

    init(file: MappedFile) throws {
        let (contents, records) = try file.withBytes { bytes in
            switch WeightFileKind(bytes) {
            case .zip: try Self.readZip(bytes, path: file.path)
            case .tar: try Self.readTar(bytes, path: file.path)
            default: try Self.readPickles(bytes, path: file.path)
            }
        }
        var tensors: [String: TensorInfo] = [:]
        var layouts: [String: StridedLayout] = [:]
        for (name, tensor) in contents.tensors {
            guard let record = records[tensor.storage.key] else {
                throw CheckpointError(path: file.path, tensor: name, problem: "its values are missing from the file")
            }
            let layout = try StridedLayout(tensor, in: record, path: file.path, name: name)
            tensors[name] = TensorInfo(
                name: name, dtype: tensor.dtype, shape: tensor.shape, byteCount: layout.count * layout.size)
            layouts[name] = layout
        }
        path = file.path
        self.file = file
        self.tensors = tensors
        self.layouts = layouts
        notes = contents.notes
    }

    package func withBytes<R>(of name: String, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        guard let layout = layouts[name] else { throw missing(name) }
        if let range = layout.contiguous {
            // Weights are packed into memory of their own; keeping the file's pages too would count them twice.
            defer { if range.count > 1 << 16 { file.release(range) } }
            return try file.withBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
        }
        let block = try inOrder(layout, name)
        defer { Scratch.giveBack(block) }
        return try body(UnsafeRawBufferPointer(start: block.memory, count: layout.count * layout.size))
    }

    package func stored(_ name: String) throws -> StoredTensor {
        guard let info = tensors[name], let layout = layouts[name] else { throw missing(name) }
        guard let format = info.dtype.storedFormat else { return try converted(info) }
        if let range = layout.contiguous {
            return StoredTensor(format, count: layout.count, owner: file, bytes: range)
        }
        let owner = OwnedScratch(try inOrder(layout, name))
        return StoredTensor(format, count: layout.count, owner: owner, bytes: 0..<layout.count * layout.size)
    }

    /// A tensor's values one after the other, in memory of their own.
    private func inOrder(_ layout: StridedLayout, _ name: String) throws -> Scratch.Block {
        let block = try scratchBytes(layout.count * layout.size, path: path, tensor: name)
        file.withBytes { layout.copy($0, to: block.memory) }
        return block
    }
}

// MARK: - The three forms

extension TorchFile {
    private typealias Parts = (contents: PickledContents, records: [String: Range<Int>])

    /// Since 1.6: a zip file with a pickle, and a file for every storage.
    private static func readZip(_ bytes: UnsafeRawBufferPointer, path: String) throws -> Parts {
        func failure(_ problem: String) -> CheckpointError { CheckpointError(path: path, problem: problem) }
        let zip = try ZipDirectory(bytes, path: path)
        let pickles = zip.entries.keys.filter {
            $0 == "data.pkl" || $0.hasSuffix("/data.pkl") && $0.utf8.count { $0 == UInt8(ascii: "/") } == 1
        }
        guard let name = pickles.first, pickles.count == 1 else {
            throw failure(
                pickles.isEmpty
                    ? "it is a zip file, but none that torch.save wrote: it has no data.pkl. If a checkpoint is packed "
                        + "in it, unpack it"
                    : "it is a zip file with several data.pkl; which one is meant is not to be told")
        }
        let folder = name.dropLast("data.pkl".count)
        guard zip.entries[folder + "constants.pkl"] == nil else {
            throw failure("it is a TorchScript program, not a checkpoint; save the model's state_dict() instead")
        }
        if zip.entries[folder + "byteorder"] != nil {
            let order = try zip.bytes(of: folder + "byteorder")
            guard bytes[order].elementsEqual("little".utf8) else {
                throw failure("its values are not stored with the lowest byte first; save it again on another machine")
            }
        }
        let pickle = try zip.bytes(of: name)
        var machine = PickleMachine(ByteReader(bytes, part: pickle, path: path, subject: "its pickle"))
        let root = try machine.load()
        let contents = try PickledContents(root, in: machine.values, path: path)
        var records: [String: Range<Int>] = [:]
        for tensor in contents.tensors.values where records[tensor.storage.key] == nil {
            records[tensor.storage.key] = try zip.bytes(of: folder + "data/" + tensor.storage.key)
        }
        try refuseOverlaps(records, path: path)
        return (contents, records)
    }

    /// Storages that share bytes would make more of a file than it has.
    private static func refuseOverlaps(_ records: [String: Range<Int>], path: String) throws {
        var end = 0
        for (key, range) in records.sorted(by: { ($0.value.lowerBound, $0.key) < ($1.value.lowerBound, $1.key) }) {
            guard range.lowerBound >= end else {
                throw CheckpointError(
                    path: path, problem: "the zip file is damaged: its entry \(quoted("data/" + key)) overlaps another")
            }
            end = range.upperBound
        }
    }

    /// Before 1.6: pickles of a magic number, a version, the machine, the object and the storages' keys, and then the
    /// storages in that order.
    private static func readPickles(_ bytes: UnsafeRawBufferPointer, path: String) throws -> Parts {
        func failure(_ problem: String) -> CheckpointError { CheckpointError(path: path, problem: problem) }
        var machine = PickleMachine(ByteReader(bytes, path: path, subject: "its pickle"))
        guard case .magic = try machine.load() else {
            throw failure("it is a pickle, but none that torch.save wrote; save the weights with PyTorch")
        }
        guard case .integer(1001) = try machine.load() else {
            throw failure("it was written by a version of PyTorch that limn does not know; save it again")
        }
        let system = try machine.load()
        if case .bool(false)? = machine.values.member("little_endian", of: system) {
            throw failure("it was saved by a machine that stores the highest byte first; save it again on another")
        }
        let root = try machine.load()
        // Of one storage everything must be told in the same way, since its size in the file is told in values.
        var storages: [String: PickledStorage] = [:]
        for storage in machine.values.storages {
            let known = storages[storage.key, default: storage]
            guard known.dtype == storage.dtype, known.total == storage.total else {
                throw failure("its storage \(quoted(storage.key)) is described in two ways; the file is damaged")
            }
            storages[storage.key] = storage
        }
        let keys = try machine.loadElements() ?? []
        var reader = machine.reader
        var records: [String: Range<Int>] = [:]
        for key in keys {
            guard let key = key.text, let storage = storages[key], records[key] == nil else {
                throw failure("its list of storages does not fit its pickle; the file is damaged")
            }
            records[key] = try storageBytes(&reader, of: storage.dtype, count: storage.total)
        }
        return (try PickledContents(root, in: machine.values, path: path), records)
    }

    /// A count of values, and the values.
    private static func storageBytes(_ reader: inout ByteReader, of dtype: DType, count: Int?) throws -> Range<Int> {
        let stored: Int64 = try reader.number("a storage's size")
        guard count == nil || Int64(exactly: count ?? 0) == stored else {
            throw reader.failure("and its storages speak of different sizes; the file is damaged")
        }
        let (size, overflow) = Int(stored).multipliedReportingOverflow(by: dtype.byteSize)
        return try reader.take(overflow ? .max : size, "a storage")
    }

    /// Before 0.1.10: a tar file with storages, tensors and a pickle that speaks of them.
    private static func readTar(_ bytes: UnsafeRawBufferPointer, path: String) throws -> Parts {
        let files = try TarEntries(bytes, path: path).files
        func reader(_ name: String) throws -> ByteReader {
            guard let range = files[name] else {
                throw CheckpointError(
                    path: path,
                    problem: "it is a tar file, but none that torch.save wrote: it has no file "
                        + "\(quoted(name)). If a checkpoint is packed in it, unpack it")
            }
            return ByteReader(bytes, part: range, path: path, subject: "its file \(quoted(name))")
        }
        var (storages, records) = try tarStorages(reader("storages"))
        let tensors = try tarTensors(reader("tensors"), &storages)
        var machine = PickleMachine(try reader("pickle"), outside: tensors)
        let root = try machine.load()
        let contents = try PickledContents(root, in: machine.values, path: path)
        let used = Set(contents.tensors.values.map(\.storage.key))
        records = records.filter { used.contains($0.key) }
        return (contents, records)
    }

    private static func tarStorages(
        _ reader: ByteReader
    ) throws -> (storages: [Int: PickledStorage], records: [String: Range<Int>]) {
        var machine = PickleMachine(reader)
        var storages: [Int: PickledStorage] = [:]
        var records: [String: Range<Int>] = [:]
        guard let count = try machine.load().integer else { throw machine.damaged("it has no count") }
        for _ in 0..<max(0, count) {
            guard let parts = try machine.loadElements(), parts.count == 3,
                let key = parts[0].integer, case .global(.storage(let dtype)) = parts[2], storages[key] == nil
            else { throw machine.damaged("a storage is described in an unknown way") }
            let range = try storageBytes(&machine.reader, of: dtype ?? .u8, count: nil)
            let total = range.count / (dtype ?? .u8).byteSize
            storages[key] = PickledStorage(key: String(key), dtype: dtype ?? .u8, total: total, view: 0..<total)
            records[String(key)] = range
        }
        for view in try machine.loadElements() ?? [] {
            guard let parts = machine.values.integers(view), parts.count == 4, let root = storages[parts[1]],
                storages[parts[0]] == nil, parts[2] >= 0, parts[3] >= 0, parts[2] <= root.view.count,
                parts[3] <= root.view.count - parts[2]
            else { throw machine.damaged("a view of a storage is described in an unknown way") }
            let start = root.view.lowerBound + parts[2]
            storages[parts[0]] = PickledStorage(
                key: root.key, dtype: root.dtype, total: root.total, view: start..<start + parts[3])
        }
        return (storages, records)
    }

    private static func tarTensors(
        _ reader: ByteReader, _ storages: inout [Int: PickledStorage]
    ) throws -> [Int: PickledTensor] {
        var machine = PickleMachine(reader)
        var tensors: [Int: PickledTensor] = [:]
        guard let count = try machine.load().integer else { throw machine.damaged("it has no count") }
        for _ in 0..<max(0, count) {
            guard let parts = try machine.loadElements(), parts.count == 3,
                let key = parts[0].integer, let storage = parts[1].integer.flatMap({ storages[$0] }),
                tensors[key] == nil
            else { throw machine.damaged("a tensor is described in an unknown way") }
            let rank: Int32 = try machine.reader.number("a tensor's rank")
            _ = try machine.reader.take(4, "a tensor's rank")
            guard (0...Int32(PickleMachine.rankLimit)).contains(rank) else {
                throw machine.damaged("a tensor has \(rank) dimensions")
            }
            var numbers: [Int] = []
            for _ in 0..<2 * rank + 1 { numbers.append(Int(try machine.reader.number("a tensor's shape") as Int64)) }
            tensors[key] = PickledTensor(
                storage: storage, dtype: storage.dtype, offset: numbers[2 * Int(rank)],
                shape: Array(numbers[..<Int(rank)]), strides: Array(numbers[Int(rank)..<2 * Int(rank)]))
        }
        return tensors
    }
}
