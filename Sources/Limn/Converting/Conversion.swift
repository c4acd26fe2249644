import Checkpoints
import FoundationEssentials
import Models
import Platform

/// Writes a model, or a file of weights, in another form: a diffusers folder, or one safetensors file with the names of
/// the original code.
///
///     var conversion = Conversion(from: "model.ckpt", to: "model-folder")
///     conversion.type = .float16
///     for line in try conversion.run().notes { print(line) }
///
/// Values are not changed unless another type is asked for. What is written appears under its name only when it is whole,
/// and never in the place of something else. Weights are read and written one tensor at a time.
public struct Conversion: Sendable {
    /// What numbers are written as.
    public enum NumberType: String, Sendable, CaseIterable {
        case float32 = "f32"
        case float16 = "f16"
        case bfloat16 = "bf16"

        var dtype: DType {
            switch self {
            case .float32: .f32
            case .float16: .f16
            case .bfloat16: .bf16
            }
        }
    }

    /// How much is written of how much.
    public struct Progress: Sendable, Equatable {
        public var bytes: Int
        public var ofBytes: Int
    }

    /// What was done.
    public struct Report: Sendable, Equatable, Encodable {
        /// The file or folder that was written.
        public var output: String
        public var tensors: Int
        public var bytes: Int
        /// What was told from the input, and what was left out, changed or added.
        public var notes: [String]
    }

    /// A diffusers folder, or a file of weights of any kind that limn reads.
    public var input: String
    /// With the ending `.safetensors` a file, else a folder; nothing may be there yet.
    public var output: String
    /// nil: each tensor stays what it is.
    public var type: NumberType?
    /// A VAE to put in the place of the model's: a folder or a file, of diffusers or with the original code's names.
    public var vae: String?
    /// Merged into the weights, in this order; what they change is float32 unless another type is asked for.
    public var loras: [LoRA] = []
    /// Whether tensors of a LoRA that find no place in the model are left out, instead of being an error.
    public var isLenientWithLoRAs = false
    /// Whether tensors of the model that belong to no part of it are left out, instead of being an error.
    public var isLenient = false
    /// The tokenizer's folder for a single file; nil to look beside it.
    public var tokenizer: String?
    /// Takes the averaged weights (EMA) of a single file's UNet.
    public var prefersAverages = false

    public init(from input: String, to output: String) { (self.input, self.output) = (input, output) }

    /// - Parameter progress: called after every tensor; what it throws ends the work, and nothing is left behind
    /// - Throws: `LimnError` if the input cannot be read, would lose something in the other form, or the output cannot be
    ///   written or is there already
    public func run(progress: (Progress) throws -> Void = { _ in }) throws -> Report {
        try withLimnErrors {
            try checkOutput()
            return writesFile ? try writeFile(progress) : try writeFolder(progress)
        }
    }

    private var writesFile: Bool { output.hasSuffix(".safetensors") }

    private func checkOutput() throws {
        guard !input.isEmpty, !output.isEmpty else {
            throw LimnError("the name is empty; give a folder's or a file's", isUsage: true)
        }
        guard !FileManager.default.fileExists(atPath: output) else {
            throw LimnError("\(output): there is something of this name already; give another name")
        }
        let others = [".ckpt", ".pt", ".pth", ".bin", ".gguf", ".onnx"]
        if let ending = others.first(where: output.hasSuffix) {
            throw LimnError(
                "\(output): limn writes no \(ending) files; end the name in .safetensors, or give a folder's",
                isUsage: true)
        }
    }

    private func contents() throws -> ModelContents {
        var contents = try ModelContents(
            path: input,
            options: .init(tokenizer: tokenizer, prefersAverages: prefersAverages, isLenient: isLenient))
        if let vae { try contents.replaceVAE(vae) }
        try contents.merge(loras, isLenient: isLenientWithLoRAs)
        return contents
    }

    // MARK: One file

    private func writeFile(_ progress: (Progress) throws -> Void) throws -> Report {
        guard let source = try loneWeights() else {
            let contents = try contents()
            let single = try SingleFileForm(contents, name: output)
            return try write(single.tensors, notes: single.fileNotes, remarks: single.remarks, progress)
        }
        guard vae == nil, !prefersAverages, loras.isEmpty else {
            throw LimnError(
                "\(input): this is \(FileKind(source).description), no whole model; --vae, --ema and --lora do not go "
                    + "with it",
                isUsage: true)
        }
        let copies = try JoinedTensors([source], path: input)
        return try write(
            copies, notes: source.notes, remarks: ["\(FileKind(source).description), under the names that it has"],
            progress)
    }

    /// The tensors of a file that is no whole model; nil for models.
    private func loneWeights() throws -> (any TensorSource)? {
        var isFolder = false
        guard FileManager.default.fileExists(atPath: input, isDirectory: &isFolder), !isFolder else { return nil }
        let source = try openTensors(file: input)
        return OriginalCheckpoint.isOriginal(source.tensors.keys) ? nil : source
    }

    private func write(
        _ source: any TensorSource, notes: [String: String], remarks: [String], _ progress: (Progress) throws -> Void
    ) throws -> Report {
        let tensors = try copies(of: source)
        var notes = notes
        notes["format"] = "pt"
        try withoutActuallyEscaping(progress) { progress in
            let tracker = ConversionTracker(total: tensors.reduce(0) { $0 + $1.byteCount }, progress)
            try SafetensorsWriter.write(
                tracker.tracked(tensors), metadata: notes, to: output, replacing: false)
        }
        return report(tensors, remarks)
    }

    private func copies(of source: any TensorSource) throws -> [TensorCopy] {
        try source.tensors.keys.map { try TensorCopy($0, of: source, $0, floats: type?.dtype) }
    }

    private func report(_ tensors: [TensorCopy], _ remarks: [String]) -> Report {
        var notes = remarks
        if let type { notes.append("numbers are \(type.rawValue)") }
        return Report(
            output: output, tensors: tensors.count, bytes: tensors.reduce(0) { $0 + $1.byteCount }, notes: notes)
    }

    // MARK: A folder

    private func writeFolder(_ progress: (Progress) throws -> Void) throws -> Report {
        if let source = try loneWeights() {
            throw LimnError(
                "\(input): this is \(FileKind(source).description), not a whole model; give it a name that ends in "
                    + ".safetensors", isUsage: true)
        }
        let contents = try contents()
        var remarks = contents.remarks
        let parts = try contents.sources.sorted { $0.key.rawValue < $1.key.rawValue }.map { part, source in
            (part, try copies(of: source))
        }
        if contents.original != nil, !contents.files.contains(where: { $0.name.hasPrefix("tokenizer") }) {
            remarks.append(
                "no tokenizer was found, so the folder has none: put vocab.json and merges.txt into tokenizer/, or give "
                    + "--tokenizer")
        }
        let total = parts.reduce(0) { $0 + $1.1.reduce(0) { $0 + $1.byteCount } }
        try withoutActuallyEscaping(progress) { progress in
            let tracker = ConversionTracker(total: total, progress)
            try AtomicFolder.write(to: output) { folder in
                try folder.write("model_index.json", JSON(contents.index).text)
                for (name, content) in contents.files {
                    switch content {
                    case .copy(let place): try folder.copy(place, to: name)
                    case .text(let text): try folder.write(name, text)
                    }
                }
                for (part, tensors) in parts {
                    let config = JSON(contents.config(part, type))
                    try folder.write("\(part.rawValue)/config.json", config.text)
                    try SafetensorsWriter.write(
                        tracker.tracked(tensors), metadata: ["format": "pt"],
                        to: folder.place("\(part.rawValue)/\(part.base).safetensors"))
                }
            }
        }
        return report(parts.flatMap(\.1), remarks)
    }
}

extension ModelContents {
    /// A part's configuration, which may name the type of its weights.
    func config(_ part: CheckpointPart, _ type: Conversion.NumberType?) -> [String: JSON] {
        var config = configs[part] ?? [:]
        guard let type else { return config }
        let name =
            switch type {
            case .float32: "float32"
            case .float16: "float16"
            case .bfloat16: "bfloat16"
            }
        for key in ["dtype", "torch_dtype"] where config[key] != nil { config[key] = .string(name) }
        return config
    }

    /// What was told and left out.
    var remarks: [String] {
        var remarks: [String] = []
        if let original {
            remarks.append("it is \(original.name)")
            remarks.append("it predicts \(original.prediction.type.rawValue): \(original.prediction.reason)")
            let checkpoint = original.checkpoint
            if !checkpoint.harmless.isEmpty {
                let averages = checkpoint.hasAverages ? ", averaged weights among them" : ""
                remarks.append("left out: \(checkpoint.harmless.count) tensors that no model needs\(averages)")
            }
            if !checkpoint.unusedLayer.isEmpty {
                remarks.append("left out: the text encoder's last layer, which Stable Diffusion 2 never runs")
            }
        }
        return remarks + leftOut.map { "left out: \($0)" } + changes
    }

    /// Puts merged weights in the place of the model's.
    mutating func merge(_ loras: [LoRA], isLenient: Bool) throws {
        let (merged, warnings, embeddings) = try ModelParts(sources: sources).merging(
            loras, description, isLenient: isLenient)
        sources = merged.sources
        changes += loras.map { lora in
            let unet = lora.unetWeight.map { " in text encoders and \($0) in the UNet" } ?? ""
            return "merged: \(lora.path), weight \(lora.weight)\(unet)"
        }
        changes += warnings
        leftOut += embeddings.map { "the embedding \"\($0.name)\" of \($0.path), which no model has a place for" }
    }

    /// Puts another VAE in the place of the model's: whatever `LoadOptions.vae` takes, but for a tiny one.
    ///
    /// - Throws: `LimnError` and the rooms' own errors: it is missing, tiny, not whole, or does not fit the model
    mutating func replaceVAE(_ path: String) throws {
        let other = try SeparateAutoencoder(path: path, usualScaling: description.usualScaling)
        guard !(other.config is AutoencoderTinyConfig) else {
            throw LimnError(
                "\(path): this is a tiny autoencoder (TAESD), which stands in for a VAE when pictures are drawn "
                    + "(--taesd); a model is written with a whole VAE", isUsage: true)
        }
        try other.check(fits: description)
        let vae = try OriginalCheckpoint.current(.vae, other.source)
        func check(_ config: any VAEConfig) throws {
            try ModelParts(sources: [.vae: vae]).check(.vae, config.rules, config.autoencoder)
        }
        // A file without a configuration is what the model's own says, where that fits: it knows more than shapes tell.
        let keepsConfig = other.configFile == nil && (try? check(description.vae)) != nil
        if !keepsConfig {
            try check(other.config)
            description.vae = other.config
            configs[.vae] = try other.configFile.map(Self.object) ?? other.told
        }
        sources[.vae] = vae
        leftOut.append("the model's own VAE; \(path) is in its place")
    }
}
