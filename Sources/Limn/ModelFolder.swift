import FoundationEssentials
import Models
import Sampling

/// A diffusers folder as a description of the model in it.
extension ModelDescription {
    private static let partClasses = [("unet", ["UNet2DConditionModel"]), ("vae", AutoencoderClasses.names)]

    private static let supportedPipelines = [
        "StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline", "StableDiffusionInpaintPipeline",
        "StableDiffusionInstructPix2PixPipeline", "StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline",
        "StableDiffusionXLInpaintPipeline", "LatentConsistencyModelPipeline", "LatentConsistencyModelImg2ImgPipeline",
        "AltDiffusionPipeline", "AltDiffusionImg2ImgPipeline",
    ]

    /// - Throws: `LimnError`, `ModelError` or `SamplingError` naming the part that is missing or not supported
    ///
    /// - Parameter tokenizer: a folder to take the tokenizers from in place of the model's own
    package init(folder path: String, tokenizer: String? = nil) throws {
        try Self.checkFolder(path)
        let index = try Self.index(path)
        let textParts = Self.textParts(path, index)
        let given = try tokenizer.map { try TokenizerFolder.find($0, beside: path) }
        for part in textParts.flatMap({ (given == nil ? [$0.tokenizer] : []) + [$0.encoder.rawValue] }) + [
            "unet", "vae", "scheduler",
        ]
        where !Self.exists(path, part) {
            throw LimnError(
                "\(path): the part \(part)/ is missing; a model folder has tokenizer, text_encoder, unet, vae and "
                    + "scheduler")
        }
        let unet = try UNetConfig(try Self.config(path, "unet", supports: "UNet2DConditionModel"))
        let vae = try AutoencoderClasses.config(try ConfigFile(path: path + "/vae/config.json"))
        let texts = try textParts.map { tokenizer, encoder in
            Text(
                part: encoder, tokenizer: given ?? path + "/" + tokenizer,
                config: try TextEncoderClasses.config(
                    ConfigFile(path: "\(path)/\(encoder.rawValue)/config.json")))
        }
        let isXL = unet.additionTimeChannels != nil
        try self.init(
            path: path, pipelineClass: try index?.optionalString("_class_name"), texts: texts, unet: unet, vae: vae,
            scheduler: try Self.scheduler(path), guidanceScale: try Self.recommendedGuidance(path),
            zeroesEmptyNegative: try isXL && (index?.bool("force_zeros_for_empty_prompt", default: true) ?? true))
        // diffusers corrects the schedulers of Stable Diffusion's own pipelines alone.
        if !isXL, input != .picture { scheduler = scheduler.readAsStableDiffusion() }
    }

    /// The text encoders in use with their tokenizers: those that the index names; without one, those that are there.
    private static func textParts(
        _ path: String, _ index: ConfigFile?
    ) -> [(tokenizer: String, encoder: ModelParts.Part)] {
        func isUsed(_ part: String) -> Bool {
            if let index, index.has(part) { return index.partClass(part) != nil }
            return exists(path, part)
        }
        var parts: [(tokenizer: String, encoder: ModelParts.Part)] = []
        let hasSecond = isUsed(ModelParts.Part.textEncoder2.rawValue)
        // Where neither is found, the first is the one that is missed.
        if isUsed(ModelParts.Part.textEncoder.rawValue) || !hasSecond { parts.append(("tokenizer", .textEncoder)) }
        if hasSecond { parts.append(("tokenizer_2", .textEncoder2)) }
        return parts
    }

    /// `model_index.json`, checked as far as it speaks of classes; nil if there is none.
    private static func index(_ path: String) throws -> ConfigFile? {
        guard exists(path, "model_index.json") else { return nil }
        let file = try ConfigFile(path: path + "/model_index.json")
        for (part, supported) in partClasses {
            guard let found = file.partClass(part), !supported.contains(found) else { continue }
            throw file.unsupported(
                part, "of the class \"\(found)\"", supported: supported.joined(separator: ", "))
        }
        for part in ["text_encoder", "text_encoder_2"] {
            guard let found = file.partClass(part), !TextEncoderClasses.names.contains(found) else { continue }
            throw file.unsupported(
                part, "of the class \"\(found)\"", supported: TextEncoderClasses.names.joined(separator: ", "))
        }
        if let pipeline = try file.optionalString("_class_name"), !supportedPipelines.contains(pipeline) {
            throw file.unsupported(
                "_class_name", "\"\(pipeline)\"", supported: supportedPipelines.joined(separator: ", "))
        }
        return file
    }

    private static func exists(_ folder: String, _ name: String) -> Bool {
        FileManager.default.fileExists(atPath: folder + "/" + name)
    }

    private static func checkFolder(_ path: String) throws {
        var isFolder = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw LimnError(
                "\(path): there is no such model; give a diffusers folder or a checkpoint file with -m (limn downloads "
                    + "none)")
        }
        guard isFolder else { throw LimnError("\(path): this is a file, but a model's folder was expected") }
    }

    private static func config(_ folder: String, _ part: String, supports supported: String) throws -> ConfigFile {
        let file = try ConfigFile(path: "\(folder)/\(part)/config.json")
        if let found = try file.optionalString("_class_name"), found != supported {
            throw file.unsupported("class", "\"\(found)\"", supported: supported)
        }
        return file
    }

    private static func scheduler(_ folder: String) throws -> SchedulerConfig {
        let path = folder + "/scheduler/scheduler_config.json"
        return try SchedulerConfig(try ConfigFile.json(path: path), file: path)
    }

    private static func recommendedGuidance(_ folder: String) throws -> Float? {
        guard exists(folder, "limn.json") else { return nil }
        let file = try ConfigFile(path: folder + "/limn.json")
        guard file.isSet("guidance_scale") else { return nil }
        return try file.float("guidance_scale", default: 7)
    }
}
