import Models
import Sampling

/// A request's guidance, checked, in the form that a run wants it.
struct GuidancePlan {
    /// Classifier-free guidance; 1 where the network is told the scale instead.
    var scale: Float
    var pictureScale: Float
    var rescale: Float
    var curve: GuidanceCurve?
    var projection: AdaptiveProjectedGuidance?
    var thresholding: DynamicThresholding?
    var limit: QuantileThreshold?
    var perturbed: GuidanceOptions.PerturbedAttention?
    /// nil: no self-attention guidance.
    var selfAttentionScale: Float?
    /// Whether classifier-free guidance does anything at all, in some step.
    let isGuided: Bool
    private let start: Double
    private let end: Double
    private let sigmas: GuidanceOptions.Sigmas?

    /// - Parameter isAlwaysGuided: whether the sampler wants to know what the network says without the prompt, whatever
    ///   the scale
    /// - Throws: `LimnError` for what is out of range, and for what does not go together
    init(
        _ request: Request, scale: Float, pictureScale: Float, description: ModelDescription, hasRefiner: Bool,
        isAlwaysGuided: Bool
    ) throws {
        let options = request.guidance
        (self.scale, self.pictureScale, rescale) = (scale, pictureScale, request.guidance.rescale)
        (start, end) = (options.start ?? 0, request.guidance.end)
        sigmas = options.sigmas
        curve = try options.curve.map(Self.curve)
        // As diffusers has it: a scale below 1 of either kind turns guidance off as a whole, and latent consistency
        // models are told the scale instead.
        let isTold = description.unet.timeConditionChannels != nil
        isGuided =
            ((curve?.highest(scale) ?? scale) > 1 || isAlwaysGuided) && !isTold
            && (description.input != .picture || pictureScale >= 1)
        guard curve == nil || !isTold else {
            throw Self.usage("\(description.name) is told one guidance scale for the whole run: leave out the curve")
        }
        projection = try options.adaptiveProjection.map(Self.projection)
        thresholding = try options.dynamicThresholding.map(Self.thresholding)
        limit = try options.threshold.map(Self.limit)
        perturbed = try options.perturbedAttention.flatMap(Self.perturbed)
        selfAttentionScale = options.selfAttentionScale.flatMap { $0 == 0 ? nil : $0 }
        try checkInterval()
        try checkCombinations(request, description, hasRefiner: hasRefiner)
    }

    /// Whether a step of `steps` is guided.
    func guides(step: Int, of steps: Int, at level: NoiseLevel) -> Bool {
        func index(_ part: Double) -> Int { Int((part * Double(steps)).rounded()) }
        guard isGuided, step >= index(start), step < index(end) else { return false }
        guard let sigmas else { return true }
        let sigma = Double(level.sigma / level.alpha)
        return sigmas.low < sigma && sigma <= sigmas.high
    }
}

// What is out of range is named, with the range.
extension GuidancePlan {
    private static func usage(_ text: String) -> LimnError { LimnError(text, isUsage: true) }

    private static func check(
        _ value: Float, _ name: String, _ range: ClosedRange<Float>, hint: String = "", exceptLowest: Bool = false
    ) throws {
        guard range.contains(value), !exceptLowest || value > range.lowerBound else {
            let from = exceptLowest ? "more than \(shown(range.lowerBound)) up" : "\(shown(range.lowerBound))"
            throw usage("\(name) of \(value) is out of range; give \(from) to \(shown(range.upperBound))\(hint)")
        }
    }

    private static func shown(_ value: Float) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }

    private static func curve(_ asked: GuidanceOptions.Curve) throws -> GuidanceCurve {
        for value in asked.values { try check(value, "a guidance scale", 0...1000) }
        guard let first = asked.values.first, asked.values.count <= 1000 else {
            throw usage("a guidance curve goes through 1 to 1000 values, not \(asked.values.count)")
        }
        switch asked.shape {
        case "values": return .values(asked.values)
        case "linear" where asked.values.count == 1: return .linear(from: first)
        case "cosine" where asked.values.count == 1: return .cosine(from: first)
        case "linear", "cosine":
            throw usage("a \(asked.shape) curve starts from one value, not \(asked.values.count)")
        default:
            throw usage("there is no guidance curve of this shape; known: linear, cosine, values")
        }
    }

    private static func projection(_ asked: GuidanceOptions.AdaptiveProjection) throws -> AdaptiveProjectedGuidance {
        try check(asked.eta, "an APG eta", 0...1, hint: ", 1 for plain guidance")
        try check(asked.threshold, "an APG threshold", 0...1e6, hint: ", 0 for none")
        guard (-1..<1).contains(asked.momentum) else {
            throw usage("an APG momentum of \(asked.momentum) is out of range; give −1 up to less than 1, 0 for none")
        }
        return AdaptiveProjectedGuidance(eta: asked.eta, threshold: asked.threshold, momentum: asked.momentum)
    }

    private static func thresholding(_ asked: GuidanceOptions.MimicScale) throws -> DynamicThresholding {
        try check(asked.scale, "a mimic scale", 0...1000)
        try check(asked.percentile, "a dynamic threshold's percentile", 0...1, exceptLowest: true)
        try check(asked.minimum, "a mimic scale's minimum", 0...1000)
        try check(asked.guidanceMinimum, "a guidance scale's minimum", 0...1000)
        try check(asked.power, "a dynamic threshold's power", 0...100)
        try check(asked.phi, "a dynamic threshold's phi", 0...1)
        return try withLimnErrors {
            DynamicThresholding(
                mimicScale: asked.scale, percentile: asked.percentile, mimicMode: try .init(named: asked.mode),
                mimicMinimum: asked.minimum, guidanceMode: try .init(named: asked.guidanceMode),
                guidanceMinimum: asked.guidanceMinimum, power: asked.power,
                startpoint: try .init(named: asked.startpoint), variability: try .init(named: asked.variability),
                separatesChannels: asked.separateChannels, phi: asked.phi)
        }
    }

    private static func limit(_ asked: GuidanceOptions.Threshold) throws -> QuantileThreshold {
        try check(asked.ratio, "an x0 threshold", 0...1, hint: ", usually 0.995", exceptLowest: true)
        try check(asked.range, "an x0 threshold's range", 0...1000, exceptLowest: true)
        try check(asked.maximum, "an x0 threshold's maximum", asked.range...1e6, hint: ", its range being the least")
        return QuantileThreshold(ratio: asked.ratio, range: asked.range, maximum: asked.maximum)
    }

    private static func perturbed(
        _ asked: GuidanceOptions.PerturbedAttention
    ) throws -> GuidanceOptions.PerturbedAttention? {
        try check(asked.scale, "a PAG scale", 0...100, hint: ", 0 for none")
        try check(asked.adaptiveScale, "a PAG adaptive scale", 0...100, hint: ", 0 for none")
        guard (1...100).contains(asked.layers.count) else {
            throw usage("perturbed-attention guidance names 1 to 100 layers, not \(asked.layers.count); usually mid")
        }
        return asked.scale == 0 ? nil : asked
    }

    private func checkInterval() throws {
        guard start <= end else {
            throw Self.usage("guidance would start at \(start) of the steps, after its end at \(end)")
        }
        guard let sigmas else { return }
        guard sigmas.low.isFinite, sigmas.high.isFinite, sigmas.low >= 0, sigmas.low < sigmas.high, sigmas.high <= 1e6
        else {
            throw Self.usage(
                "guided noise levels from \(sigmas.low) to \(sigmas.high) are not possible; give the lower one first, "
                    + "from 0, and one above it, at most 1000000")
        }
    }

    private func checkCombinations(_ request: Request, _ description: ModelDescription, hasRefiner: Bool) throws {
        let isEditing = description.input == .picture
        let named = [
            (projection != nil, "adaptive projected guidance", "--apg"),
            (thresholding != nil, "dynamic thresholding", "--dynamic-threshold"),
        ]
        for (isOn, name, flag) in named where isOn {
            guard !isEditing else {
                throw Self.usage("\(description.name) is guided by a picture too, which \(name) does not know")
            }
            guard isGuided else {
                throw Self.usage(
                    "\(name) needs a guidance scale above 1: raise --cfg-scale, or leave out \(flag)")
            }
        }
        guard projection == nil || thresholding == nil else {
            throw Self.usage("--apg and --dynamic-threshold both say how to guide: give one of them")
        }
        guard perturbed == nil || !isEditing else {
            throw Self.usage(
                "\(description.name) is guided by a picture too, which perturbed-attention guidance does not know")
        }
        guard let scale = request.guidance.selfAttentionScale, scale > 0 else { return }
        guard !isEditing else {
            throw Self.usage(
                "\(description.name) is guided by a picture too, which self-attention guidance does not know")
        }
        guard !hasRefiner else {
            throw Self.usage("self-attention guidance does not go together with a refiner: leave one of them out")
        }
        guard request.sampling.cacheInterval == 1 else {
            throw Self.usage(
                "self-attention guidance looks into the middle of the UNet at every step, which --cache-interval "
                    + "leaves out: give one of them")
        }
    }
}
