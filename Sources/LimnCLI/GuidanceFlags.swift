import ArgumentParser
import Limn

/// The flags of guidance beyond `--cfg-scale`.
struct GuidanceFlags: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Part of the steps after which guidance begins; those before do half the work. (default: 0)",
            valueName: "0…1"))
    var guidanceStart: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Guide only where the noise lies between these levels, such as 0.28,5.42, from 0 to 1000000; off: everywhere.",
            valueName: "low,high"))
    var guidanceSigmas: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            How the guidance scale goes over the run: linear:START or cosine:START, which end at --cfg-scale, or values \
            such as 1,8,3, each 0 to 1000. (default: off, one scale)
            """,
            valueName: "curve"))
    var guidanceCurve: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Perturbed-attention guidance, 0 to 100, usually 2 to 4: half as much work again. (default: 0, off)",
            valueName: "scale"))
    var pagScale: Float?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "By how much that falls with each timestep below 1000, 0 to 100, such as 0.005. (default: 0)",
            valueName: "scale"))
    var pagAdaptiveScale: Float?

    @Option(
        help: ArgumentHelp(
            "Whose self-attentions are perturbed, such as mid,up_blocks.0.attentions.1. (default: mid)",
            valueName: "modules"))
    var pagLayers: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Self-attention guidance, 0 to 100, usually 0.5 to 1: half as much work again. (default: 0, off)",
            valueName: "scale"))
    var sagScale: Float?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Adaptive projected guidance, against the over-saturation of high scales: on, or what differs from \
            eta=0,threshold=15,momentum=-0.5. (default: off)
            """,
            valueName: "settings"))
    var apg: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            The webui's dynamic thresholding: the scale to mimic, such as 7, and behind commas what differs from \
            percentile=1, mode=constant, min=0, cfg-mode=constant, cfg-min=0, power=4, startpoint=mean, \
            variability=ad, channels=separate, phi=1. (default: off)
            """,
            valueName: "scale,settings"))
    var dynamicThreshold: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Imagen's dynamic thresholding: the part of each prediction's values that is not clipped, such as \
            0.995,range=4. (default: off)
            """,
            valueName: "0…1,settings"))
    var x0Threshold: String?

    /// Over what there is, such as a picture's own; "off" takes that away.
    func apply(to guidance: inout GuidanceOptions) throws {
        if let guidanceStart { guidance.start = guidanceStart }
        func set<Value>(
            _ path: WritableKeyPath<GuidanceOptions, Value?>, _ text: String?, _ parse: (String) throws -> Value
        ) throws {
            guard let text else { return }
            guidance[keyPath: path] = text == "off" ? nil : try parse(text)
        }
        try set(\.sigmas, guidanceSigmas) { try .init(parsing: $0) }
        try set(\.curve, guidanceCurve) { try .init(parsing: $0) }
        try set(\.adaptiveProjection, apg) { try .init(parsing: $0) }
        try set(\.dynamicThresholding, dynamicThreshold) { try .init(parsing: $0) }
        try set(\.threshold, x0Threshold) { try .init(parsing: $0) }
        if let sagScale { guidance.selfAttentionScale = sagScale }
        try applyPerturbation(to: &guidance)
    }

    private func applyPerturbation(to guidance: inout GuidanceOptions) throws {
        if let pagScale {
            var perturbed = guidance.perturbedAttention ?? .init(scale: pagScale)
            perturbed.scale = pagScale
            guidance.perturbedAttention = perturbed
        }
        guard pagAdaptiveScale != nil || pagLayers != nil else { return }
        guard var perturbed = guidance.perturbedAttention else {
            throw LimnError("--pag-layers and --pag-adaptive-scale need --pag-scale", isUsage: true)
        }
        if let pagAdaptiveScale { perturbed.adaptiveScale = pagAdaptiveScale }
        if let pagLayers {
            perturbed.layers = pagLayers.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        guidance.perturbedAttention = perturbed
    }
}
