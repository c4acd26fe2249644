import Images
import Sampling

// Guidance that takes several keys in the webui's text, and the dynamic thresholding that its extension writes there.

extension GuidanceOptions.PerturbedAttention {
    var texts: [(key: String, value: String)] {
        let adaptive = adaptiveScale == 0 ? [] : [("PAG adaptive scale", "\(adaptiveScale)")]
        return [("PAG scale", "\(scale)"), ("PAG layers", layers.joined(separator: " "))] + adaptive
    }
}

extension GuidanceOptions.MimicScale {
    /// The extension's keys.
    var texts: [(key: String, value: String)] {
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

    init?(_ parameters: PictureParameters) {
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
