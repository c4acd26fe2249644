import Checkpoints
import FoundationEssentials
import Layers
import Models
import Platform
import Tensors

/// An autoencoder that lies apart from a model, found but not yet packed: what `LoadOptions.vae` and `.taesd` name.
///
/// It may be a folder with `config.json` and weights, as diffusers has them; a whole model's folder, for its `vae/`; a
/// folder with TAESD's two files; or a file: an `AutoencoderKL` or `AutoencoderTiny` with diffusers' names or the
/// original ones, or a whole model's checkpoint, for the VAE in it.
struct SeparateAutoencoder {
    let path: String
    let config: any VAEConfig
    /// Where the configuration lies; nil if there is none.
    let configFile: String?
    /// What shapes tell in its place, of an `AutoencoderKL`.
    let told: [String: JSON]?
    let source: any TensorSource

    /// - Parameter usualScaling: the scaling factor of an `AutoencoderKL` that comes without a configuration
    /// - Throws: `LimnError`, `ModelError` or `CheckpointError` naming the file and what is wrong with it
    init(path: String, usualScaling: Float) throws {
        var isFolder = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw LimnError("\(path): there is no such VAE; give a folder or a file of weights", isUsage: true)
        }
        self.path = path
        let folder = isFolder ? try Self.folder(path) : Self.folder(ofPart: path)
        configFile = folder.map { $0 + "/config.json" }
        if let folder {
            config = try AutoencoderClasses.config(try ConfigFile(path: folder + "/config.json"))
            source = try openTensors(folder: folder, base: ModelParts.Part.vae.base)
            told = nil
        } else {
            let path = isFolder ? try Self.tinyDecoder(in: path) : path
            let file = try AutoencoderFile(try openTensors(file: path)) {
                try Self.encoder(beside: path).map { try openTensors(file: $0) }
            }
            let shapes = TensorShapes(file.source)
            source = file.source
            switch file.kind {
            case .tiny:
                config = try AutoencoderTinyConfig(shapes)
                told = nil
            case .kl:
                let values = try AutoencoderShapes(shapes).config(
                    sampleSize: 512, scalingFactor: Double(usualScaling), isXL: false)
                config = try AutoencoderConfig(ConfigFile(path: path, values: values))
                told = values
            }
        }
    }

    private static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    /// The folder that has the configuration: this one, or a model's `vae/`; nil if it is in neither.
    private static func folder(_ path: String) throws -> String? {
        if exists(path + "/model_index.json") { return path + "/vae" }
        return exists(path + "/config.json") ? path : nil
    }

    /// The folder of a file that is one's weights under the name that diffusers gives them.
    private static func folder(ofPart file: String) -> String? {
        let (folder, name) = split(file)
        guard name.hasPrefix(ModelParts.Part.vae.base), exists(folder + "config.json") else { return nil }
        return folder.isEmpty ? "." : folder
    }

    /// The file of TAESD's decoder.
    private static func tinyDecoder(in folder: String) throws -> String {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
        let decoders =
            [".safetensors", ".pth"].lazy.map { ending in names.filter { $0.hasSuffix("_decoder" + ending) } }
            .first { !$0.isEmpty } ?? []
        guard let decoder = decoders.first else {
            throw LimnError(
                "\(folder): there is no VAE in it: neither config.json nor a file like taesd_decoder.safetensors")
        }
        guard decoders.count == 1 else {
            throw LimnError(
                "\(folder): there are several decoders in it (\(decoders.joined(separator: ", "))); give one of them",
                isUsage: true)
        }
        return folder + "/" + decoder
    }

    /// The file of the encoder that belongs to a file of TAESD's decoder: `taesd_encoder.safetensors` beside
    /// `taesd_decoder.safetensors`.
    private static func encoder(beside decoder: String) -> String? {
        let (folder, name) = split(decoder)
        let other = folder + name.replacing("decoder", with: "encoder")
        return other != decoder && exists(other) ? other : nil
    }

    private static func split(_ path: String) -> (folder: String, name: String) {
        let cut = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
        return (String(path[..<cut]), String(path[cut...]))
    }

    /// What it is called in a picture's recipe.
    var name: String { URL(filePath: path).standardizedFileURL.lastPathComponent }

    var fingerprint: String { ModelParts(sources: [.vae: source]).fingerprint }

    /// - Throws: `LimnError` if its latents are not those of a model
    func check(fits model: ModelDescription) throws {
        let own = model.vae
        guard config.latentChannels == own.latentChannels else {
            throw LimnError(
                "\(path): this VAE's latents have \(config.latentChannels) channels, but those of \(model.name) have "
                    + "\(own.latentChannels); it belongs to another family of models")
        }
        guard config.factor == own.factor else {
            throw LimnError(
                "\(path): this VAE makes pictures \(config.factor) times smaller, but that of \(model.name) "
                    + "\(own.factor) times; it belongs to another family of models")
        }
    }

    /// Packs the weights, and makes sure that none was missing, left over or misshapen.
    ///
    /// - Parameter isLenient: whether some may be left over
    /// - Returns: also a sentence about those
    func load(_ compute: Compute, isLenient: Bool) throws -> (any Autoencoder, note: String?) {
        let weights = Weights(source, rules: config.rules, plan: isDescribed ? .configuration : .otherTensors)
        let network = try config.autoencoder(LayerSource(weights, compute: compute))
        return (network, try weights.finish(isLenient: isLenient)?.description)
    }

    /// What is wrong with the weights, without reading values; nil if nothing is.
    var problem: (any Error)? {
        var parts = ModelParts(sources: [:])
        parts.replace(.vae, by: source, isDescribed: isDescribed)
        do {
            try parts.check(.vae, config.rules, config.autoencoder)
            return nil
        } catch {
            return error
        }
    }

    /// Whether a configuration says what its tensors should be.
    var isDescribed: Bool { configFile != nil }
}

extension ModelDescription {
    /// The scaling factor of the autoencoders of a model's kind.
    var usualScaling: Float { vae.drawsLatents ? vae.scalingFactor : isXL ? 0.13025 : 0.18215 }

    /// Puts another autoencoder in the place of the model's own.
    ///
    /// - Returns: its name
    mutating func replaceVAE(_ path: String, _ parts: inout ModelParts) throws -> String {
        let other = try SeparateAutoencoder(path: path, usualScaling: usualScaling)
        try other.check(fits: self)
        if let tiny = other.config as? AutoencoderTinyConfig, !tiny.hasEncoder {
            throw LimnError(
                "\(path): the encoder that belongs to this decoder is missing; put it beside it, or give the decoder "
                    + "with --taesd", isUsage: true)
        }
        vae = other.config
        parts.replace(.vae, by: other.source, isDescribed: other.isDescribed)
        return other.name
    }
}

/// A tiny autoencoder that decodes in the VAE's place, or only for previews.
struct TinyDecoder: Sendable {
    let network: any Autoencoder
    let config: any VAEConfig
    let isForPreviewsOnly: Bool
    let name: String
    let fingerprint: String
    /// What was left out; nil if nothing was.
    let note: String?

    init(
        path: String, isForPreviewsOnly: Bool, for model: ModelDescription, isLenient: Bool, _ compute: Compute
    ) throws {
        let separate = try SeparateAutoencoder(path: path, usualScaling: 1)
        guard separate.config is AutoencoderTinyConfig else {
            throw LimnError(
                "\(path): this is no tiny autoencoder (TAESD) but a whole VAE; give it with --vae", isUsage: true)
        }
        try separate.check(fits: model)
        (network, note) = try separate.load(compute, isLenient: isLenient)
        config = separate.config
        self.isForPreviewsOnly = isForPreviewsOnly
        (name, fingerprint) = (separate.name, separate.fingerprint)
    }
}
