import Checkpoints
import FoundationEssentials
import Models
import Sampling
import Tokenizers

/// What a model's folder or a weight file holds, without loading it: headers and configurations are read, weights
/// are not. Of a broken or incomplete folder it tells what is there and what is wrong.
///
///     let inspection = try Inspection(of: "weights/icons-128")
///     print(inspection.kind, inspection.problems)
public struct Inspection: Sendable, Encodable {
    public let path: String
    /// What it is, in words.
    public internal(set) var kind: String
    /// What its configurations say, in the order in which they are worth reading.
    public internal(set) var facts: [Fact] = []
    public internal(set) var parts: [Part] = []
    /// What is out of the ordinary, in words.
    public internal(set) var unusual: [String] = []
    /// What stands in the way of loading it; empty if nothing does that can be seen from here.
    public internal(set) var problems: [String] = []
    /// Whether `Model.load` can take it, as far as configurations and headers tell.
    public internal(set) var isLoadable: Bool

    public struct Fact: Sendable, Encodable, Equatable {
        public let name: String
        public let value: String
    }

    /// The tensors of one network, or of a file.
    public struct Part: Sendable, Encodable {
        /// The folder's or the file's name.
        public let name: String
        /// The file or index that was read.
        public let file: String
        /// How many tensors there are of each type.
        public let tensorsByType: [String: Int]
        /// Elements of all tensors together.
        public let parameters: Int
        public let bytes: Int
        /// The tensors by name, if they were asked for.
        public let listing: [Tensor]?

        public var tensors: Int { tensorsByType.values.reduce(0, +) }

        private enum CodingKeys: String, CodingKey {
            case name, file, parameters, bytes, listing
            case tensorsByType = "tensors_by_type"
        }
    }

    /// One tensor of a file.
    public struct Tensor: Sendable, Encodable, Equatable {
        public let name: String
        public let type: String
        public let shape: [Int]
    }

    private enum CodingKeys: String, CodingKey {
        case path, kind, facts, parts, unusual, problems
        case isLoadable = "loadable"
    }

    /// - Parameters:
    ///   - path: a diffusers folder, a file of weights or an index of several
    ///   - listsTensors: whether each tensor is listed too
    /// - Throws: `LimnError` if there is nothing at `path`, or a file that cannot be read
    public init(of path: String, listsTensors: Bool = false) throws {
        guard !path.isEmpty else { throw LimnError("the name is empty; give a folder's or a file's", isUsage: true) }
        var isFolder = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw LimnError("\(path): there is no such file or folder")
        }
        self.path = isFolder ? try HubCache.snapshot(path) : path
        if isFolder {
            (kind, isLoadable) = ("a model folder", false)
            if inspectAutoencoder(listsTensors) { return }
            inspectFolder(listsTensors)
            isLoadable = problems.isEmpty
        } else {
            let source = try withLimnErrors { try openTensors(file: path) }
            let fileKind = FileKind(source)
            (kind, isLoadable) = (fileKind.description, false)
            inspect(source, fileKind, listsTensors)
            isLoadable = fileKind == .checkpoint && problems.isEmpty
        }
        tellPrecision()
    }

    static func lastComponent(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }
}

extension Inspection.Part {
    init(name: String, _ source: any TensorSource, _ listsTensors: Bool) {
        self.name = name
        file = source.path
        var types: [String: Int] = [:]
        // A header is checked against the file's length, so the sums stay far below Int's end.
        var (parameters, bytes) = (0, 0)
        for tensor in source.tensors.values {
            types[tensor.storedType, default: 0] += 1
            parameters += tensor.elementCount
            bytes += tensor.storedByteCount
        }
        tensorsByType = types
        listing = listsTensors ? source.tensors.values.map(Inspection.Tensor.init).sorted { $0.name < $1.name } : nil
        (self.parameters, self.bytes) = (parameters, bytes)
    }
}

extension Inspection.Tensor {
    init(_ tensor: TensorInfo) { (name, type, shape) = (tensor.name, tensor.storedType, tensor.shape) }
}

// MARK: - Folders

extension Inspection {
    private mutating func inspectFolder(_ listsTensors: Bool) {
        for part in ModelParts.Part.allCases where part != .textEncoder2 || exists(part.rawValue) {
            inspect(part, listsTensors)
        }
        inspectTokenizer()
        if !exists("scheduler/scheduler_config.json") { problems.append("scheduler/scheduler_config.json is missing") }
        do {
            // Only once the parts are there: it stops at the first that is not, which is listed already.
            guard problems.isEmpty else {
                if !exists("model_index.json"), parts.isEmpty { kind = "a folder that is not a model's" }
                return
            }
            let description = try withLimnErrors { try ModelDescription(folder: path) }
            describe(description)
            problems += try ModelParts(folder: description).problems(description).map { String(describing: $0) }
        } catch {
            problems.append(String(describing: error))
        }
    }

    /// A folder with nothing but an autoencoder, which stands in for a model's own.
    ///
    /// - Returns: false for other folders, of which nothing is told then
    private mutating func inspectAutoencoder(_ listsTensors: Bool) -> Bool {
        let parts = ["model_index.json", "unet", "vae", "text_encoder", "tokenizer", "scheduler"]
        guard !parts.contains(where: exists),
            let found = try? SeparateAutoencoder(path: path, usualScaling: 0.18215)
        else { return false }
        let isTiny = found.config is AutoencoderTinyConfig
        kind = isTiny ? "a tiny VAE (TAESD)" : "a VAE"
        facts = [
            Fact(
                name: "latents",
                value: "\(found.config.latentChannels) channels, \(found.config.factor) times smaller"),
            Fact(
                name: "to be used",
                value: isTiny ? "with --taesd, or with --vae if it can encode too" : "with --vae"),
        ]
        self.parts = [Part(name: Self.lastComponent(path), found.source, listsTensors)]
        problems += found.problem.map { [String(describing: $0)] } ?? []
        tellPrecision()
        return true
    }

    private func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path + "/" + name) }

    private mutating func inspect(_ part: ModelParts.Part, _ listsTensors: Bool) {
        let folder = path + "/" + part.rawValue
        guard exists(part.rawValue) else {
            problems.append("\(part.rawValue)/ is missing")
            return
        }
        _ = attempt { try ConfigFile(path: folder + "/config.json") }
        if let source = attempt({ try openTensors(folder: folder, base: part.base) }) {
            parts.append(Part(name: part.rawValue, source, listsTensors))
        }
    }

    private mutating func inspectTokenizer() {
        guard exists("tokenizer") else {
            problems.append("tokenizer/ is missing")
            return
        }
        let folder = path + "/tokenizer"
        if let tokenizer = attempt({ try TokenizerLoader.load(folder: folder) }) {
            facts.append(Fact(name: "tokenizer", value: "\(tokenizer.kind), \(tokenizer.vocabularySize) entries"))
        }
    }

    /// The result of `body`; nil if it throws, which is then a problem more.
    mutating func attempt<R>(_ body: () throws -> R) -> R? {
        do {
            return try body()
        } catch {
            problems.append(String(describing: error))
            return nil
        }
    }

    mutating func describe(_ folder: ModelDescription) {
        let (unet, vae) = (folder.unet, folder.vae)
        kind = "a Stable Diffusion \(folder.isXL ? "XL " : "")model"
        let draws: String
        switch folder.input {
        case .latents: draws = "from text, pictures, masks"
        case .maskedPicture: (kind, draws) = (kind + " for inpainting", "masked parts of pictures")
        case .picture: (kind, draws) = (kind + " that follows instructions", "pictures changed as a prompt says")
        }
        let own = unet.sampleSize * vae.factor
        var facts = [
            Fact(name: "pipeline", value: folder.pipelineClass ?? "no model_index.json"),
            Fact(name: "draws", value: draws),
            Fact(name: "own size", value: "\(own)×\(own) pixels, sides in multiples of \(vae.factor)"),
            Fact(name: "predicts", value: folder.scheduler.predictionType.rawValue),
            Fact(name: "sampler", value: SamplerName.configured(folder.scheduler)?.rawValue ?? "none that limn knows"),
            Fact(name: "scheduler", value: folder.scheduler.className ?? "without a class"),
        ]
        facts += folder.texts.map { text in
            Fact(
                name: text.part == .textEncoder ? "text encoder" : "text encoder 2",
                value:
                    "\(text.config.layerCount) layers of \(text.config.channels), \(text.config.maximumLength) tokens")
        }
        facts += [
            Fact(
                name: "unet",
                value: "\(unet.levels) levels of \(unet.blockOutChannels.map(String.init).joined(separator: ", ")); "
                    + "\(unet.inChannels) channels in, \(unet.outChannels) out"),
            Fact(name: "vae", value: "\(vae.latentChannels) latent channels, \(vae.factor) times smaller"),
        ]
        if let scale = folder.guidanceScale { facts.append(Fact(name: "guidance", value: "\(scale)")) }
        self.facts = facts + self.facts
    }
}
