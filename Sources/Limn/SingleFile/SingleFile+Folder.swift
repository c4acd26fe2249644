import Models
import Platform
import Sampling

/// What a diffusers folder has besides its networks: the published ones' of each family.
extension SingleFile {
    /// `scheduler/scheduler_config.json`.
    package var scheduler: [String: JSON] {
        var config: [String: JSON] = [
            "_class_name": .string(schedulerClass), "beta_end": .number(0.012),
            "beta_schedule": .string("scaled_linear"),
            "beta_start": .number(0.00085), "clip_sample": .bool(false), "num_train_timesteps": .number(1000),
            "prediction_type": .string(prediction.type.rawValue), "set_alpha_to_one": .bool(false),
            "skip_prk_steps": .bool(true), "steps_offset": .number(1), "trained_betas": .null,
        ]
        if isXL { config["timestep_spacing"] = .string("leading") }
        if prediction.hasZeroSNR {
            config["rescale_betas_zero_snr"] = .bool(true)
            config["timestep_spacing"] = .string("trailing")
        }
        return config
    }

    private var schedulerClass: String {
        if isXL { return "EulerDiscreteScheduler" }
        if input == .picture { return "EulerAncestralDiscreteScheduler" }
        return family == .sd2 ? "DDIMScheduler" : "PNDMScheduler"
    }

    package var pipelineClass: String {
        switch (isXL, input) {
        case (false, .latents): "StableDiffusionPipeline"
        case (false, .maskedPicture): "StableDiffusionInpaintPipeline"
        case (false, .picture): "StableDiffusionInstructPix2PixPipeline"
        case (true, .latents): family == .xlRefiner ? "StableDiffusionXLImg2ImgPipeline" : "StableDiffusionXLPipeline"
        case (true, .maskedPicture): "StableDiffusionXLInpaintPipeline"
        case (true, .picture): "StableDiffusionXLInstructPix2PixPipeline"
        }
    }

    /// `model_index.json`.
    package var index: [String: JSON] {
        func part(_ library: String, _ name: String) -> JSON { .array([.string(library), .string(name)]) }
        let none = JSON.array([.null, .null])
        var index: [String: JSON] = [
            "_class_name": .string(pipelineClass), "_diffusers_version": .string("0.42.1"),
            "feature_extractor": none, "image_encoder": none, "scheduler": part("diffusers", schedulerClass),
            "unet": part("diffusers", "UNet2DConditionModel"), "vae": part("diffusers", "AutoencoderKL"),
        ]
        let hasFirst = texts.contains(.textEncoder)
        index["text_encoder"] = hasFirst ? part("transformers", "CLIPTextModel") : none
        index["tokenizer"] = hasFirst ? part("transformers", "CLIPTokenizer") : none
        if isXL {
            index["text_encoder_2"] = part("transformers", "CLIPTextModelWithProjection")
            index["tokenizer_2"] = part("transformers", "CLIPTokenizer")
            index["force_zeros_for_empty_prompt"] = .bool(zeroesEmptyNegative)
            if family == .xlRefiner || input == .maskedPicture {
                index["requires_aesthetics_score"] = .bool(family == .xlRefiner)
            }
        } else {
            index["safety_checker"] = none
            index["requires_safety_checker"] = .bool(false)
        }
        return index
    }

    /// Stable Diffusion XL's base has no states for an empty negative prompt.
    package var zeroesEmptyNegative: Bool { family == .xlBase }
}
