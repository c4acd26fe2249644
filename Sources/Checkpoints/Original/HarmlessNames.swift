/// What original files carry besides a model, and what nobody misses.
enum HarmlessNames {
    private static let prefixes = ["denoiser.", "sqrt_", "log_one_minus_", "posterior_"]
    /// What training leaves behind: an embedding that was learnt with the original code (`embedding_manager.`), and the
    /// state of pytorch-lightning's trainer.
    private static let leftOvers = [
        "embedding_manager.", "loss.", "optimizer", "lr_scheduler", "callbacks", "loops.", "hyper_parameters",
        "hparams", "native_amp_scaling_state", "amp_scaling_state",
    ]
    /// The half of CLIP that looks at pictures, below a text encoder.
    private static let pictureEncoders = ["vision_model.", "visual_projection.", "visual."]
    private static let names: Set<String> = [
        "alphas_cumprod", "alphas_cumprod_prev", "betas", "logvar", "lvlb_weights", "global_step", "epoch",
        "scale_factor", "v_pred", "ztsnr", "pytorch-lightning_version", "logit_scale", "sigmas", "log_sigmas",
    ]
    private static let endings = [
        ".position_ids", ".logit_scale", ".attn_mask", ".num_batches_tracked",
    ]

    /// Left-overs that few files have, so that they are worth a word.
    static func areLeftOver(_ key: String) -> Bool {
        leftOvers.contains(where: key.hasPrefix)
            || OriginalCheckpoint.encoderPrefixes.contains { encoder in
                key.hasPrefix(encoder.prefix)
                    && pictureEncoders.contains(where: key.dropFirst(encoder.prefix.count).hasPrefix)
            }
            || OriginalCheckpoint.vaePrefixes.contains { prefix in
                key.hasPrefix(prefix) && key.dropFirst(prefix.count).hasPrefix("loss.")
            }
    }

    static func contain(_ key: String) -> Bool {
        names.contains(key) || prefixes.contains(where: key.hasPrefix) || endings.contains(where: key.hasSuffix)
            || areLeftOver(key)
            || OriginalCheckpoint.vaePrefixes.contains { prefix in
                key.hasPrefix(prefix) && containInAutoencoder(String(key.dropFirst(prefix.count)))
            }
    }

    /// The training loss and its own network lie beside some autoencoders.
    static func containInAutoencoder(_ key: String) -> Bool {
        ["loss.", "model_ema."].contains(where: key.hasPrefix) || names.contains(key)
    }
}
