import ArgumentParser
import Limn

/// The flags that make a picture the same as another program's.
struct LikenessOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Draw what this program draws of the same settings: diffusers, webui, comfyui or sd.cpp. It decides about \
            random numbers, spacing of noise, steps of a strength, prompts, masks and all that is not asked for; flags \
            that are given win. (default: diffusers; with --from what drew the picture)
            """,
            valueName: "program"),
        completion: .list(Likeness.allCases.map(\.rawValue)))
    var like: Likeness?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "--like webui: what is added to the seed for noise on the way, 0 to 4294967296. (default: 0)",
            valueName: "number"))
    var ensd: UInt64?

    @Flag(
        name: .customLong("sgm-noise"), inversion: .prefixedNo,
        help: "--like webui: begin with the noise of its \"SGM noise multiplier\". (default: no)")
    var sgmNoise: Bool?

    @Flag(
        name: .customLong("discard-penultimate-sigma"), inversion: .prefixedNo,
        help: "--like webui: leave out the last σ but one with all samplers. (default: with DPM2 and DPM++ 3M SDE)")
    var discardPenultimate: Bool?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "--like webui: factor of the noise that is put on a picture, 0 to 2. (default: 1)", valueName: "factor"))
    var noiseMultiplier: Double?

    @Option(
        help: ArgumentHelp(
            """
            --like webui: what lies where a mask repaints: original, \"latent noise\" or \"latent nothing\". \
            (default: original)
            """,
            valueName: "content"))
    var maskedContent: MaskedContent?

    func apply(to request: inout Request) {
        if let like, like != request.likeness {
            // What another program decided goes with it.
            (request.likeness, request.generator, request.promptStyle) = (like, nil, nil)
            (request.webUI, request.place) = (WebUIOptions(), nil)
        }
        request.webUI.noiseSeedDelta = ensd ?? request.webUI.noiseSeedDelta
        request.webUI.usesSGMNoise = sgmNoise ?? request.webUI.usesSGMNoise
        request.webUI.leavesOutPenultimate = discardPenultimate ?? request.webUI.leavesOutPenultimate
        request.webUI.noiseMultiplier = noiseMultiplier ?? request.webUI.noiseMultiplier
        request.webUI.maskedContent = maskedContent ?? request.webUI.maskedContent
    }
}

extension Likeness: ExpressibleByArgument {
    public init?(argument: String) { try? self.init(named: argument) }
}

extension MaskedContent: ExpressibleByArgument {
    public init?(argument: String) {
        self.init(rawValue: argument.lowercased().replacing("-", with: " ").replacing("_", with: " "))
    }
}
