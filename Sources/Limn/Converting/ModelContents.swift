import Checkpoints
import FoundationEssentials
import Glibc
import Models
import Platform

/// A model as something to be written down again: its weights under the names that diffusers has today, and what its
/// folder says, or would say.
///
/// Whatever changes weights on the way (other parts, merged LoRAs) puts another source in the place of a part's.
struct ModelContents {
    let path: String
    var description: ModelDescription
    var sources: [CheckpointPart: any TensorSource]
    var configs: [CheckpointPart: [String: JSON]]
    var index: [String: JSON]
    /// Small files beside the parts: their name in the folder, and where they lie or what is in them.
    var files: [(name: String, content: Content)] = []
    /// What is not kept.
    var leftOut: [String] = []
    /// What is not as the input has it.
    var changes: [String] = []
    /// The checkpoint, if that is what it comes from.
    var original: SingleFile?

    enum Content {
        case copy(of: String)
        case text(String)
    }

    /// - Throws: `LimnError` and the rooms' own errors; a model that cannot be loaded is not converted either
    init(path: String, options: OpenedModel.Options) throws {
        var isFolder = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw LimnError("\(path): there is no such file or folder")
        }
        self =
            isFolder
            ? try ModelContents(folder: try HubCache.snapshot(path), options) : try ModelContents(file: path, options)
    }

    /// Makes sure that every part is whole.
    ///
    /// - Parameter isLenient: whether tensors may be left over; they are not kept then
    private mutating func check(_ parts: ModelParts, isLenient: Bool) throws {
        var parts = parts
        parts.isLenient = isLenient
        if let problem = parts.problems(description).first { throw problem }
        leftOut += parts.notes.all
        for (part, source) in parts.sources {
            let unused = parts.notes.unused[part] ?? []
            sources[part] = unused.isEmpty ? source : try RenamedTensors(leavingOut: unused, of: source)
        }
    }

    // MARK: Folders

    private init(folder path: String, _ options: OpenedModel.Options) throws {
        let description = try ModelDescription(folder: path)
        self.path = path
        self.description = description
        (sources, configs, index) = ([:], [:], [:])
        try check(try ModelParts(folder: description), isLenient: options.isLenient)
        for (part, source) in sources {
            sources[part] = try OriginalCheckpoint.current(part, source)
            configs[part] = try Self.object("\(path)/\(part.rawValue)/config.json")
        }
        let indexPath = path + "/model_index.json"
        index = FileManager.default.fileExists(atPath: indexPath) ? try Self.object(indexPath) : [:]
        try addFiles()
    }

    static func object(_ path: String) throws -> [String: JSON] {
        guard let values = try ConfigFile.json(path: path).dictionary else {
            throw LimnError("\(path): this is not a JSON object")
        }
        return values
    }

    /// The folder's other parts: small ones are copied, those with weights of their own are none of ours.
    private mutating func addFiles() throws {
        let known = Set(sources.keys.map(\.rawValue))
        for name in try Self.names(in: path) where !known.contains(name) && !name.hasPrefix(".") {
            var isFolder = false
            let place = path + "/" + name
            guard FileManager.default.fileExists(atPath: place, isDirectory: &isFolder) else { continue }
            if !isFolder {
                if name == "limn.json", Self.isSmallFile(place) { files.append((name, .copy(of: place))) }
                continue
            }
            let inside = try Self.names(in: place).filter { !$0.hasPrefix(".") }
            let isSmall = inside.allSatisfy { Self.isSmallFile(place + "/" + $0) }
            guard isSmall, index[name] != nil || ["tokenizer", "tokenizer_2", "scheduler"].contains(name) else {
                leftOut.append("\(name)/, which limn does not run")
                if index[name] != nil { index[name] = .array([.null, .null]) }
                continue
            }
            files += inside.map { (name + "/" + $0, .copy(of: place + "/" + $0)) }
        }
    }

    private static func names(in folder: String) throws -> [String] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            throw LimnError("\(folder): cannot be read")
        }
        return names.sorted()
    }

    /// Vocabularies have up to some ten megabytes; weights do not count as small whatever their size.
    private static func isSmallFile(_ path: String) -> Bool {
        // Behind links, too, only ordinary files are read: a pipe would be waited for, a device read for ever.
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return false }
        let endings = [".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".onnx", ".msgpack", ".h5"]
        return status.st_size <= 64 << 20 && !endings.contains(where: path.hasSuffix)
    }

    // MARK: Single files

    private init(file path: String, _ options: OpenedModel.Options) throws {
        let file = try SingleFile(
            openTensors(file: path), prefersAverages: options.prefersAverages, isLenient: options.isLenient)
        let tokenizer = try? TokenizerFolder.find(options.tokenizer, beside: path)
        if options.tokenizer != nil, tokenizer == nil {
            _ = try TokenizerFolder.find(options.tokenizer, beside: path)
        }
        self.path = path
        description = try ModelDescription(file, tokenizer: tokenizer ?? "")
        (sources, configs, index) = ([:], file.configs, file.index)
        original = file
        leftOut += file.warnings.map { $0.replacing("\(path): ", with: "") }
        try check(ModelParts(file), isLenient: options.isLenient)
        files = [("scheduler/scheduler_config.json", .text(JSON(file.scheduler).text))]
        if let tokenizer { try addTokenizers(tokenizer, file) }
    }

    /// One vocabulary in as many folders as there are text encoders, each with its own padding.
    private mutating func addTokenizers(_ folder: String, _ file: SingleFile) throws {
        let inside = try Self.names(in: folder).filter { Self.isSmallFile(folder + "/" + $0) }
        let isCLIP = inside.contains("vocab.json")
        for text in description.texts {
            let name = text.part == .textEncoder ? "tokenizer" : "tokenizer_2"
            guard isCLIP else {
                // Another kind of tokenizer knows for itself how it fills up.
                files += inside.map { ("\(name)/\($0)", .copy(of: folder + "/" + $0)) }
                continue
            }
            for file in ["vocab.json", "merges.txt", "tokenizer.json", "added_tokens.json"] where inside.contains(file)
            {
                files.append(("\(name)/\(file)", .copy(of: folder + "/" + file)))
            }
            let end = JSON.string("<|endoftext|>")
            let config: [String: JSON] = [
                "add_prefix_space": .bool(false), "bos_token": .string("<|startoftext|>"), "do_lower_case": .bool(true),
                "eos_token": end, "model_max_length": .number(Double(text.config.maximumLength)),
                "pad_token": text.padding.map { .string($0) } ?? end, "tokenizer_class": .string("CLIPTokenizer"),
                "unk_token": end,
            ]
            files.append(("\(name)/tokenizer_config.json", .text(JSON(config).text)))
        }
    }
}
