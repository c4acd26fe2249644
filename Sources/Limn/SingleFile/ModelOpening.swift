import Checkpoints
import FoundationEssentials
import Models
import Platform
import Sampling

/// A model that was found, be it a folder or a file: what it is, and where its weights are. Nothing large is read yet.
package struct OpenedModel {
    package var description: ModelDescription
    package var parts: ModelParts
    /// What is left out, in sentences.
    package var warnings: [String] = []

    /// What to open, beside the path.
    package struct Options: Sendable {
        /// Where the tokenizer of a single file lies; nil to look beside it.
        package var tokenizer: String?
        /// Averaged weights (EMA) of a single file's UNet instead of the last ones.
        package var prefersAverages = false
        /// What is taken where none is found for a single file.
        package var usualTokenizer: String?
        /// Whether tensors that belong to no part of a model are left out instead of being an error.
        package var isLenient = false

        package init(
            tokenizer: String? = nil, prefersAverages: Bool = false, usualTokenizer: String? = nil,
            isLenient: Bool = false
        ) {
            (self.tokenizer, self.prefersAverages) = (tokenizer, prefersAverages)
            (self.usualTokenizer, self.isLenient) = (usualTokenizer, isLenient)
        }
    }

    /// - Throws: `LimnError` and the rooms' own errors, naming what is missing or not supported
    package init(path: String, options: Options = Options()) throws {
        guard Self.isFile(path) else {
            let folder = try HubCache.snapshot(path)
            description = try ModelDescription(folder: folder, tokenizer: options.tokenizer)
            parts = try ModelParts(folder: description)
            parts.isLenient = options.isLenient
            return
        }
        let (folder, name) = (URL(filePath: path).deletingLastPathComponent(), URL(filePath: path).lastPathComponent)
        guard !["model_index.json", "config.json"].contains(name) else {
            throw LimnError("\(path): this is only the description of a model; give the folder, \(folder.relativePath)")
        }
        let source = try withLimnErrors { try openTensors(file: path) }
        let file = try SingleFile(
            source, prefersAverages: options.prefersAverages, isLenient: options.isLenient)
        warnings = file.warnings
        let tokenizer = try TokenizerFolder.find(options.tokenizer, beside: path, otherwise: options.usualTokenizer)
        description = try ModelDescription(file, tokenizer: tokenizer)
        parts = ModelParts(file)
        parts.isLenient = options.isLenient
    }

    private static func isFile(_ path: String) -> Bool {
        var isFolder = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder
    }
}

extension ModelParts {
    package init(_ file: SingleFile) {
        self.init(sources: file.checkpoint.parts.mapValues { $0 as any TensorSource }, areDescribed: false)
    }
}

extension ModelDescription {
    /// - Parameter tokenizer: the folder of a CLIP tokenizer, which a single file does not have
    package init(_ file: SingleFile, tokenizer: String) throws {
        let texts = try file.texts.map { part in
            // One vocabulary for both; CLIP's encoder was trained on texts filled up with the end, OpenCLIP's on "!".
            let isOpenCLIP = file.checkpoint.encoders[part] == .openCLIP
            return Text(
                part: part, tokenizer: tokenizer, config: try TextEncoderClasses.config(file.config(part)),
                padding: isOpenCLIP ? "!" : "<|endoftext|>")
        }
        try self.init(
            path: file.path, pipelineClass: file.pipelineClass, texts: texts,
            unet: try UNetConfig(file.config(.unet)), vae: try AutoencoderConfig(file.config(.vae)),
            scheduler: try SchedulerConfig(JSON(file.scheduler), file: file.path),
            zeroesEmptyNegative: file.zeroesEmptyNegative)
        if !isXL, input != .picture { scheduler = scheduler.readAsStableDiffusion() }
    }
}

/// Where the tokenizer of a model lies that has none of its own.
package enum TokenizerFolder {
    /// Names a folder to take where none is given.
    package static let environmentVariable = "LIMN_TOKENIZER"

    /// The vocabulary that comes with Limn: CLIP's, which all of Stable Diffusion's single files were trained with.
    package static let ownName = "clip-tokenizer"

    /// Looked for in this order: the folder that was given; `tokenizer` in the model file's folder, or the folder itself;
    /// what the environment names; `usual`; and CLIP's own, which comes with Limn. Each may also be a whole model's
    /// folder, with the tokenizer in it.
    ///
    /// - Throws: `LimnError` that says what to do
    package static func find(
        _ given: String?, beside file: String, otherwise usual: String? = nil
    ) throws -> String {
        if let given {
            if let found = tokenizer(in: given) { return found }
            throw LimnError(
                "\(given): there is no tokenizer in it; a CLIP tokenizer's folder has vocab.json and merges.txt, or "
                    + "tokenizer.json")
        }
        let folder = URL(filePath: file).deletingLastPathComponent().path
        if let found = tokenizer(in: folder) { return found }
        if let named = ProcessInfo.processInfo.environment[environmentVariable], !named.isEmpty {
            if let found = tokenizer(in: named) { return found }
            throw LimnError("\(named): there is no tokenizer in the folder that \(environmentVariable) names")
        }
        if let usual, let found = tokenizer(in: usual) { return found }
        if let found = SharedFolder.find(ownName, holding: "vocab.json") { return found }
        throw LimnError(
            """
            \(file): a single file holds no tokenizer, none lies beside it, and CLIP's, which comes with limn, was not \
            found (weights/\(ownName)). Give the folder of a CLIP tokenizer \
            (vocab.json and merges.txt, the same for all Stable Diffusion models) with --tokenizer, put it beside the \
            file as "tokenizer", or name it in the environment variable \(environmentVariable). Any Stable Diffusion \
            model in diffusers' layout has one.
            """)
    }

    /// The folder itself, or `tokenizer` in it.
    private static func tokenizer(in folder: String) -> String? {
        [folder + "/tokenizer", folder].first { candidate in
            ["vocab.json", "tokenizer.json", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model"].contains {
                FileManager.default.fileExists(atPath: candidate + "/" + $0)
            }
        }
    }
}
