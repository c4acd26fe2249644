import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Opens the weights in a folder of a model in diffusers' layout. `base` is the file's name without its ending:
/// "diffusion_pytorch_model" for UNet and VAE, "model" for text encoders.
///
/// The first of these that exists is taken: `base.safetensors`, `base.safetensors.index.json`,
/// `base.fp16.safetensors`, `base.fp16.safetensors.index.json`; also diffusers' spelling of the last,
/// `base.safetensors.index.fp16.json`. After them the same with `.bin`, where text encoders' files are called
/// `pytorch_model`.
///
/// - Throws: `CheckpointError` if none is there (saying which were looked for, and whether there are weights of
///   a kind that is not read), or if the one that is there cannot be read.
package func openTensors(folder: String, base: String) throws -> any TensorSource {
    let candidates =
        candidates(base, ending: "safetensors") + candidates(base == "model" ? "pytorch_model" : base, ending: "bin")
    let present = try fileNames(in: folder)
    // The listing also has links whose target is gone; opening these says so, instead of passing on to the next.
    guard let name = candidates.first(where: present.contains) else {
        throw CheckpointError(path: folder, problem: noWeights(candidates, present: present))
    }
    return try openTensors(file: joined(folder, name))
}

/// Opens a file of weights of any kind that is read, told by its first bytes whatever its name: safetensors, what
/// `torch.save` writes, GGUF, or the JSON index of several files.
///
/// - Throws: `CheckpointError` if the file cannot be opened, is of no such kind, or breaks a rule of its format
package func openTensors(file path: String) throws -> any TensorSource {
    try openTensors(file: try MappedFile(path: path), allowingIndex: true)
}

/// An index that named another index as its part could lead in a circle, so parts are opened without.
func openTensors(file: MappedFile, allowingIndex: Bool) throws -> any TensorSource {
    let source = try openAsStored(file: file, allowingIndex: allowingIndex)
    let prefix = DataParallelNames.prefix
    guard !source.tensors.isEmpty, source.tensors.keys.allSatisfy({ $0.hasPrefix(prefix) && $0 != prefix }) else {
        return source
    }
    return try RenamedTensors(
        path: source.path, notes: source.notes, [(source, { String($0.dropFirst(prefix.count)) })])
}

/// PyTorch's `DataParallel` puts a network into a module of its own, and so all names below `module.`: those of a
/// network that was saved without taking it out again.
private enum DataParallelNames {
    static let prefix = "module."
}

private func openAsStored(file: MappedFile, allowingIndex: Bool) throws -> any TensorSource {
    func failure(_ problem: String) -> CheckpointError { CheckpointError(path: file.path, problem: problem) }
    switch file.withBytes(WeightFileKind.init) {
    case .safetensors: return try SafetensorsFile(file: file)
    case .index where allowingIndex: return try ShardedTensors(index: file)
    case .index: throw failure("it is a JSON file, but weights were expected")
    case .zip, .pickles, .tar: return try TorchFile(file: file)
    case .gguf: return try GGUFFile(file: file)
    // Their own readers know best what is wrong with them.
    case nil where file.path.hasSuffix(".safetensors"): return try SafetensorsFile(file: file)
    case nil where file.path.hasSuffix(".json") && allowingIndex: return try ShardedTensors(index: file)
    case nil: throw failure(file.withBytes(WeightFileKind.refusal))
    }
}

private func candidates(_ base: String, ending: String) -> [String] {
    [
        "\(base).\(ending)", "\(base).\(ending).index.json", "\(base).fp16.\(ending)",
        "\(base).fp16.\(ending).index.json", "\(base).\(ending).index.fp16.json",
    ]
}

private func noWeights(_ candidates: [String], present: Set<String>) -> String {
    let looked = "no weights found; looked for \(candidates.joined(separator: ", "))"
    let otherEndings = [".bin", ".ckpt", ".pt", ".pth", ".msgpack", ".h5", ".onnx", ".gguf", ".safetensors"]
    guard let other = present.sorted().first(where: { name in otherEndings.contains(where: name.hasSuffix) })
    else { return looked }
    return looked + ". There is \(quoted(other)), but a model's folder has its weights under one of these names"
}

private func fileNames(in folder: String) throws -> Set<String> {
    guard !folder.utf8.contains(0) else {
        throw CheckpointError(path: folder, problem: "a path cannot contain a NUL character")
    }
    guard let directory = opendir(folder) else {
        throw CheckpointError.system(folder, "open the folder", code: errno)
    }
    defer { closedir(directory) }
    var names: Set<String> = []
    while let entry = readdir(directory) {
        withUnsafePointer(to: &entry.pointee.d_name) { tuple in
            tuple.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: tuple.pointee)) {
                _ = names.insert(String(cString: $0))
            }
        }
    }
    return names
}
