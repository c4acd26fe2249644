import Checkpoints
import FoundationEssentials
import Models
import Sampling

/// A diffusers folder: which parts it has, and what their configurations say. Nothing large is read yet.
package struct ModelFolder: Sendable {
    package let path: String
    /// The pipeline's class, from `model_index.json`.
    package let pipelineClass: String?
    package let unet: UNetConfig
    package let vae: AutoencoderConfig
    package let text: CLIPTextConfig
    package let scheduler: SchedulerConfig
    /// Guidance that the model's maker recommends (`limn.json`, key `guidance_scale`).
    package let guidanceScale: Float?

    /// The folder's own name.
    package var name: String { URL(filePath: path).standardizedFileURL.lastPathComponent }

    private static let partClasses = [
        ("unet", "UNet2DConditionModel"), ("vae", "AutoencoderKL"), ("text_encoder", "CLIPTextModel"),
    ]

    private static let supportedPipelines = [
        "StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline", "StableDiffusionInpaintPipeline",
    ]

    /// - Throws: `LimnError`, `ModelError` or `SamplingError` naming the part that is missing or not supported
    package init(path: String) throws {
        try Self.checkFolder(path)
        self.path = path
        let index = path + "/model_index.json"
        if FileManager.default.fileExists(atPath: index) {
            let file = try ConfigFile(path: index)
            for (part, supported) in Self.partClasses {
                guard let found = file.partClass(part), found != supported else { continue }
                throw file.unsupported(part, "of the class \"\(found)\"", supported: supported)
            }
            pipelineClass = try file.optionalString("_class_name")
            if let pipelineClass, !Self.supportedPipelines.contains(pipelineClass) {
                throw file.unsupported(
                    "_class_name", "\"\(pipelineClass)\"",
                    supported: Self.supportedPipelines.joined(separator: ", "))
            }
        } else {
            pipelineClass = nil
        }
        for part in ["tokenizer", "text_encoder", "unet", "vae", "scheduler"]
        where !FileManager.default.fileExists(atPath: path + "/" + part) {
            throw LimnError(
                "\(path): the part \(part)/ is missing; a model folder has tokenizer, text_encoder, unet, vae and "
                    + "scheduler")
        }
        unet = try UNetConfig(try Self.config(path, "unet", supports: "UNet2DConditionModel"))
        vae = try AutoencoderConfig(try Self.config(path, "vae", supports: "AutoencoderKL"))
        text = try CLIPTextConfig(try Self.config(path, "text_encoder", supports: "CLIPTextModel"))
        scheduler = try Self.scheduler(path)
        guidanceScale = try Self.recommendedGuidance(path)
        try checkParts()
    }

    private static func checkFolder(_ path: String) throws {
        var isFolder = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw LimnError("\(path): there is no such model; give a diffusers folder with -m")
        }
        guard isFolder else {
            throw LimnError(
                "\(path): this is a file, but limn loads diffusers folders (model_index.json, unet, vae, …); "
                    + "diffusers' from_single_file and save_pretrained turn a checkpoint file into one")
        }
    }

    private static func config(_ folder: String, _ part: String, supports supported: String) throws -> ConfigFile {
        let file = try ConfigFile(path: "\(folder)/\(part)/config.json")
        var found = try file.optionalString("_class_name")
        if found == nil, file.isSet("architectures") { found = try file.strings("architectures", default: []).first }
        if let found, found != supported {
            throw file.unsupported("class", "\"\(found)\"", supported: supported)
        }
        return file
    }

    private static func scheduler(_ folder: String) throws -> SchedulerConfig {
        let path = folder + "/scheduler/scheduler_config.json"
        return try SchedulerConfig(json: try ConfigFile.data(path: path), file: path).readAsStableDiffusion()
    }

    private static func recommendedGuidance(_ folder: String) throws -> Float? {
        let path = folder + "/limn.json"
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let file = try ConfigFile(path: path)
        guard file.isSet("guidance_scale") else { return nil }
        return try file.float("guidance_scale", default: 7)
    }

    /// What two configurations must agree on.
    private func checkParts() throws {
        for channels in Set(unet.crossAttentionChannels) where channels != text.hiddenSize {
            throw LimnError(
                "\(path): the text encoder is \(text.hiddenSize) wide, but the UNet was made for \(channels); they "
                    + "are not parts of one model")
        }
        guard unet.outChannels == vae.latentChannels else {
            throw LimnError(
                "\(path): the UNet gives \(unet.outChannels) channels, but the VAE's latents have "
                    + "\(vae.latentChannels); they are not parts of one model")
        }
        let latent = vae.latentChannels
        guard [latent, 2 * latent + 1].contains(unet.inChannels) else {
            throw LimnError(
                "\(path): a UNet with \(unet.inChannels) input channels is not supported; limn knows \(latent) "
                    + "(text and pictures) and \(2 * latent + 1) (inpainting)")
        }
        guard unet.additionTimeChannels == nil, unet.timeConditionChannels == nil else {
            throw LimnError(
                "\(path): UNets with extra conditions (SDXL, latent consistency) cannot be run from a folder yet; "
                    + "limn runs Stable Diffusion 1 and 2 and their kin")
        }
    }
}
