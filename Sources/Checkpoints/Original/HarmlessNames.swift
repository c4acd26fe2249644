/// What original files carry besides a model, and what nobody misses.
enum HarmlessNames {
    private static let prefixes = [
        "denoiser.", "sqrt_", "log_one_minus_", "posterior_", "loss.", "optimizer", "lr_scheduler",
    ]
    private static let names: Set<String> = [
        "alphas_cumprod", "alphas_cumprod_prev", "betas", "logvar", "lvlb_weights", "global_step", "epoch",
        "scale_factor", "v_pred", "ztsnr", "pytorch-lightning_version",
    ]
    private static let endings = [
        ".position_ids", ".logit_scale", ".attn_mask", ".num_batches_tracked",
    ]

    static func contain(_ key: String) -> Bool {
        names.contains(key) || prefixes.contains(where: key.hasPrefix) || endings.contains(where: key.hasSuffix)
            || OriginalCheckpoint.vaePrefixes.contains { prefix in
                key.hasPrefix(prefix) && containInAutoencoder(String(key.dropFirst(prefix.count)))
            }
    }

    /// The training loss and its own network lie beside some autoencoders.
    static func containInAutoencoder(_ key: String) -> Bool {
        ["loss.", "model_ema."].contains(where: key.hasPrefix) || names.contains(key)
    }
}
