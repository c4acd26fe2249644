import ArgumentParser
import Limn

/// The flags of the noise and of samplers that few pictures need.
struct TuningOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Noise levels by hand, instead of --steps and --schedule: falling, 1000 at most; the last 0 may be left \
            out.
            """,
            valueName: "σ,σ,…"))
    var sigmas: SigmaList?

    @Option(
        help: ArgumentHelp(
            """
            How the noise grows that the model was trained on: linear, scaled_linear (quadratic), squaredcos_cap_v2 \
            (cosine) or sigmoid. (default: the model's)
            """,
            valueName: "name"),
        completion: .list(Choices.noiseSchedules.map(\.name)))
    var noiseSchedule: String?

    @Flag(
        name: .customLong("zero-snr"), inversion: .prefixedNo,
        help: "Scale that noise so that it ends with nothing else; for models that predict v. (default: the model's)")
    var zeroSNR: Bool?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Factor of the noise that samplers add on the way, 0 to 2. (default: 1)", valueName: "factor"))
    var sNoise: Double?

    @Flag(
        inversion: .prefixedNo,
        help: """
            dpm++sde, dpm++2m_sde, dpm++3m_sde: noise of one path, however it is cut into steps, as the webui and \
            ComfyUI have it. (default: drawn anew in every step)
            """)
    var brownianNoise: Bool?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Euler, Heun and DPM2: noise added before steps and taken away again, shared out among them, 0 to 1000. \
            (default: 0)
            """,
            valueName: "amount"))
    var sChurn: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The lowest σ at which that is done, 0 to 100000. (default: 0)", valueName: "σ"))
    var sTmin: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The highest, from --s-tmin on. (default: none)", valueName: "σ"))
    var sTmax: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "DPM adaptive: error of a step, as a part of the values, 0.00001 to 1. (default: 0.05)", valueName: "part"))
    var rtol: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("And at least, 0.000001 to 1. (default: 0.0078)", valueName: "error"))
    var atol: Double?

    /// Puts the flags over what the request says.
    ///
    /// - Parameter sampling: the flags beside which these are given
    /// - Throws: `LimnError` for flags that contradict each other
    func apply(to request: inout Request, beside sampling: SamplingOptions) throws {
        if sigmas != nil, let other = sampling.steps != nil ? "--steps" : sampling.schedule != nil ? "--schedule" : nil
        {
            throw LimnError("--sigmas are steps and schedule in one: leave out \(other), or them", isUsage: true)
        }
        // What a recipe says of another sampler, or of another number of steps, does not hold any more.
        if sampling.sampler != nil { request.tuning = request.tuning.ofTheModel }
        if sampling.steps != nil || sampling.schedule != nil { request.tuning.sigmas = nil }
        if let sigmas { (request.tuning.sigmas, request.schedule) = (sigmas.values, nil) }
        func set<Value>(_ path: WritableKeyPath<SamplerTuning, Value?>, _ value: Value?) {
            if let value { request.tuning[keyPath: path] = value }
        }
        set(\.noiseSchedule, noiseSchedule)
        set(\.zeroSNR, zeroSNR)
        set(\.noiseFactor, sNoise)
        set(\.brownianNoise, brownianNoise)
        set(\.churn, sChurn)
        set(\.churnLowest, sTmin)
        set(\.churnHighest, sTmax)
        set(\.relativeTolerance, rtol)
        set(\.absoluteTolerance, atol)
    }
}

/// σ as given: 14.6,7,3,1,0.
struct SigmaList: ExpressibleByArgument {
    let values: [Double]

    init?(argument: String) {
        // Longer than any list that is taken, and short enough to be read at once.
        let parts = argument.prefix(100_000).split(separator: ",", omittingEmptySubsequences: false)
        let numbers = parts.map { Double($0.filter { !$0.isWhitespace }) }
        values = numbers.compactMap(\.self)
        guard values.count == numbers.count, !values.isEmpty else { return nil }
    }
}
