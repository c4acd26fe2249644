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
/// `base.safetensors.index.fp16.json`.
///
/// - Throws: `CheckpointError` if none is there (saying which were looked for, and whether there are weights of
///   a kind that is not read), or if the one that is there cannot be read.
package func openTensors(folder: String, base: String) throws -> any TensorSource {
    let candidates = [
        "\(base).safetensors", "\(base).safetensors.index.json", "\(base).fp16.safetensors",
        "\(base).fp16.safetensors.index.json", "\(base).safetensors.index.fp16.json",
    ]
    let present = try fileNames(in: folder)
    // The listing also has links whose target is gone; opening these says so, instead of passing on to the next.
    guard let name = candidates.first(where: present.contains) else {
        throw CheckpointError(path: folder, problem: noWeights(candidates, present: present))
    }
    let path = joined(folder, name)
    return name.hasSuffix(".json") ? try ShardedSafetensors(indexPath: path) : try SafetensorsFile(path: path)
}

/// Opens a file of weights, or the index of several.
///
/// - Throws: `CheckpointError` if the file cannot be opened, or breaks a rule of its format
package func openTensors(file path: String) throws -> any TensorSource {
    path.hasSuffix(".json") ? try ShardedSafetensors(indexPath: path) : try SafetensorsFile(path: path)
}

private func noWeights(_ candidates: [String], present: Set<String>) -> String {
    let looked = "no weights found; looked for \(candidates.joined(separator: ", "))"
    let otherEndings = [".bin", ".ckpt", ".pt", ".pth", ".msgpack", ".h5", ".onnx", ".gguf"]
    guard let other = present.sorted().first(where: { name in otherEndings.contains(where: name.hasSuffix) })
    else { return looked }
    return looked
        + ". There is \(quoted(other)), but only safetensors are read: convert it, or download the safetensors files"
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
