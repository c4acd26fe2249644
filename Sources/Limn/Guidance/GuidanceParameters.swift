import Images
import Sampling

// Guidance in the webui's text, for people, and what is read of the webui's own: the dynamic thresholding that its
// extension writes there. Limn's exact form has it all.

extension GuidanceOptions {
    /// The extension's keys, and ours for what it does not know.
    var parameters: [(key: String, value: String)] {
        var fields: [(key: String, value: String)] = []
        if let start { fields.append(("Guidance start", "\(start)")) }
        if let sigmas { fields.append(("Guidance sigmas", "\(sigmas.low) to \(sigmas.high)")) }
        if let curve {
            fields.append(("Guidance curve", curve.shape + " " + curve.values.map { "\($0)" }.joined(separator: " ")))
        }
        if let pag = perturbedAttention {
            fields.append(("PAG scale", "\(pag.scale)"))
            fields.append(("PAG layers", pag.layers.joined(separator: " ")))
            if pag.adaptiveScale != 0 { fields.append(("PAG adaptive scale", "\(pag.adaptiveScale)")) }
        }
        if let selfAttentionScale { fields.append(("SAG scale", "\(selfAttentionScale)")) }
        if let apg = adaptiveProjection {
            fields.append(("APG", "eta \(apg.eta) threshold \(apg.threshold) momentum \(apg.momentum)"))
        }
        if let dynamicThresholding { fields += dynamicThresholding.parameters }
        if let threshold { fields.append(("x0 threshold", "\(threshold.ratio) range \(threshold.range)")) }
        return fields
    }

    /// What another program's picture says of it.
    init(_ parameters: PictureParameters) {
        self.init()
        dynamicThresholding = MimicScale(parameters)
    }
}

extension GuidanceOptions.MimicScale {
    fileprivate var parameters: [(key: String, value: String)] {
        [
            ("Dynamic thresholding enabled", "True"), ("Mimic scale", "\(scale)"),
            ("Separate Feature Channels", separateChannels ? "True" : "False"),
            ("Scaling Startpoint", startpoint.uppercased()), ("Variability Measure", variability.uppercased()),
            ("Interpolate Phi", "\(phi)"), ("Threshold percentile", "\(100 * percentile)"),
            ("Mimic mode", Self.webUI(mode)), ("Mimic scale minimum", "\(minimum)"),
            ("CFG mode", Self.webUI(guidanceMode)), ("CFG scale minimum", "\(guidanceMinimum)"),
            ("Scheduler value", "\(power)"),
        ]
    }

    fileprivate init?(_ parameters: PictureParameters) {
        guard parameters["Dynamic thresholding enabled"] == "True",
            let scale = parameters["Mimic scale"].flatMap({ Float($0) })
        else { return nil }
        self.init(scale: scale)
        func number(_ key: String) -> Float? { parameters[key].flatMap { Float($0) } }
        percentile = number("Threshold percentile").map { $0 / 100 } ?? percentile
        phi = number("Interpolate Phi") ?? phi
        power = number("Scheduler value") ?? power
        minimum = number("Mimic scale minimum") ?? minimum
        guidanceMinimum = number("CFG scale minimum") ?? guidanceMinimum
        separateChannels = parameters["Separate Feature Channels"] != "False"
        // Names that are not known leave what is usual.
        func mode(_ key: String) -> String? {
            parameters[key].flatMap { try? DynamicThresholding.Mode(named: $0) }?.rawValue
        }
        self.mode = mode("Mimic mode") ?? self.mode
        guidanceMode = mode("CFG mode") ?? guidanceMode
        if parameters["Scaling Startpoint"] == "ZERO" { startpoint = "zero" }
        if parameters["Variability Measure"] == "STD" { variability = "std" }
    }

    /// "half-cosine-down" as "Half Cosine Down".
    private static func webUI(_ mode: String) -> String {
        mode.split(separator: "-").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(separator: " ")
    }
}
