import ArgumentParser
import Limn

/// The flags that make a picture the same as another program's.
struct LikenessOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(.likeness, "program"),
        completion: .list(Likeness.allCases.map(\.rawValue)))
    var like: Likeness?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.noiseSeedDelta, "number"))
    var ensd: UInt64?

    @Flag(
        name: .customLong("sgm-noise"), inversion: .prefixedNo,
        help: ArgumentHelp(.usesSGMNoise))
    var sgmNoise: Bool?

    @Flag(
        name: .customLong("discard-penultimate-sigma"), inversion: .prefixedNo,
        help: ArgumentHelp(.leavesOutPenultimate))
    var discardPenultimate: Bool?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.noiseMultiplier, "factor"))
    var noiseMultiplier: Double?

    @Option(
        help: ArgumentHelp(.maskedContent, "content"))
    var maskedContent: MaskedContent?

    func apply(to request: inout Request) {
        if let like, like != request.likeness {
            // What another program decided goes with it.
            (request.likeness, request.seeds.generator, request.text.style) = (like, nil, nil)
            (request.webUI, request.seeds.place) = (WebUIOptions(), nil)
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
