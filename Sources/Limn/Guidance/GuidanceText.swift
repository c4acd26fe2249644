import Sampling

// Guidance as people write it: "linear:1", "eta=0,momentum=-0.5". Ranges are checked with the request.

extension GuidanceOptions.Curve {
    /// - Parameter text: "linear:1" or "cosine:1", which start there and end at the guidance scale, or "1,8,3", values
    ///   that lie equally far from each other over the run
    /// - Throws: `LimnError` if it is none of these
    package init(parsing text: String) throws {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let shape = parts.count == 2 ? parts[0].lowercased() : "values"
        let values = (parts.last ?? "").split(separator: ",", omittingEmptySubsequences: false).map { Float($0) }
        guard parts.count <= 2, !values.contains(nil) else {
            throw LimnError(
                "\(shown(text)) is no guidance curve: give linear:START or cosine:START, which go from there to "
                    + "--cfg-scale, or values such as 1,8,3", isUsage: true)
        }
        self.init(shape: shape, values: values.compactMap(\.self))
    }
}

extension GuidanceOptions.Sigmas {
    /// - Parameter text: "0.28,5.42"
    package init(parsing text: String) throws {
        let values = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
        guard values.count == 2, let low = values[0], let high = values[1] else {
            throw LimnError(
                "\(shown(text)) are no noise levels: give the lowest and the highest, 0.28,5.42",
                isUsage: true)
        }
        self.init(low: low, high: high)
    }
}

extension GuidanceOptions.AdaptiveProjection {
    /// - Parameter text: "on" for the paper's values, or what differs from them: "eta=0.2,threshold=5"
    package init(parsing text: String) throws {
        self.init()
        let settings = try SettingsText(text, of: "--apg", main: nil, keys: ["eta", "threshold", "momentum"])
        eta = try settings.number("eta") ?? eta
        threshold = try settings.number("threshold") ?? threshold
        momentum = try settings.number("momentum") ?? momentum
    }
}

extension GuidanceOptions.Threshold {
    /// - Parameter text: "0.995", "0.995,range=4"
    package init(parsing text: String) throws {
        self.init()
        let settings = try SettingsText(
            text, of: "--x0-threshold", main: "ratio", keys: ["ratio", "range", "maximum"])
        ratio = try settings.number("ratio") ?? ratio
        range = try settings.number("range") ?? range
        maximum = try settings.number("maximum") ?? maximum
    }
}

extension GuidanceOptions.MimicScale {
    private static let keys = [
        "mimic", "percentile", "mode", "min", "cfg-mode", "cfg-min", "power", "startpoint", "variability", "channels",
        "phi",
    ]

    /// - Parameter text: "7", "7,percentile=0.98,mode=half-cosine-down"
    package init(parsing text: String) throws {
        self.init(scale: 7)
        let settings = try SettingsText(text, of: "--dynamic-threshold", main: "mimic", keys: Self.keys)
        scale = try settings.number("mimic") ?? scale
        percentile = try settings.number("percentile") ?? percentile
        mode = settings["mode"] ?? mode
        minimum = try settings.number("min") ?? minimum
        guidanceMode = settings["cfg-mode"] ?? guidanceMode
        guidanceMinimum = try settings.number("cfg-min") ?? guidanceMinimum
        power = try settings.number("power") ?? power
        startpoint = settings["startpoint"] ?? startpoint
        variability = settings["variability"] ?? variability
        phi = try settings.number("phi") ?? phi
        switch settings["channels"] {
        case nil, "separate": separateChannels = true
        case "together": separateChannels = false
        case let other?:
            throw LimnError(
                "--dynamic-threshold: channels are measured separate or together, not \(shown(other))", isUsage: true)
        }
    }
}

/// "key=value,key=value"; "on" for none of them.
private struct SettingsText {
    private var values: [String: String] = [:]
    private let flag: String

    /// - Parameter main: the key of a first value that stands without one
    init(_ text: String, of flag: String, main: String?, keys: [String]) throws {
        self.flag = flag
        guard text != "on" else { return }
        for (index, part) in text.split(separator: ",", omittingEmptySubsequences: false).enumerated() {
            let pieces = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let (key, value): (String, Substring)
            if pieces.count == 2 {
                let known = keys.map { (value: $0, names: [$0]) }
                key = try withLimnErrors { try lookUp(String(pieces[0]), "setting of \(flag)", in: known) }
                value = pieces[1]
            } else if let main, index == 0, let only = pieces.first {
                (key, value) = (main, only)
            } else {
                throw LimnError(
                    "\(flag): \(shown(String(part))) is no setting; write key=value, with commas between them, of: "
                        + keys.joined(separator: ", "), isUsage: true)
            }
            guard values.updateValue(String(value), forKey: key) == nil else {
                throw LimnError("\(flag): \(key) is given twice", isUsage: true)
            }
        }
    }

    subscript(key: String) -> String? { values[key] }

    func number(_ key: String) throws -> Float? {
        guard let text = values[key] else { return nil }
        guard let number = Float(text) else {
            throw LimnError("\(flag): \(key) wants a number, not \(shown(text))", isUsage: true)
        }
        return number
    }
}

/// Text from outside, short enough for a message.
private func shown(_ text: String) -> String { "\"\(text.prefix(60))\(text.count > 60 ? "…" : "")\"" }
