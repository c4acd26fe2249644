import ArgumentParser
import Limn

/// The flags of guidance beyond `--cfg-scale`.
struct GuidanceFlags: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.guidanceStart, "0…1"))
    var guidanceStart: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.guidanceSigmas, "low,high"))
    var guidanceSigmas: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.guidanceCurve, "curve"))
    var guidanceCurve: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.perturbedAttention, "scale"))
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
        help: ArgumentHelp(.selfAttentionScale, "scale"))
    var sagScale: Float?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.adaptiveProjection, "settings"))
    var apg: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.dynamicThresholding, "scale,settings"))
    var dynamicThreshold: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.threshold, "0…1,settings"))
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
