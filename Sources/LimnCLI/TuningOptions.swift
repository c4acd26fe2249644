import ArgumentParser
import Limn

/// The flags of the noise and of samplers that few pictures need.
struct TuningOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.sigmas, "σ,σ,…"))
    var sigmas: SigmaList?

    @Option(
        help: ArgumentHelp(.noiseSchedule, "name"),
        completion: .list(Choices.noiseSchedules.map(\.name)))
    var noiseSchedule: String?

    @Flag(
        name: .customLong("zero-snr"), inversion: .prefixedNo,
        help: ArgumentHelp(.zeroSNR))
    var zeroSNR: Bool?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.noiseFactor, "factor"))
    var sNoise: Double?

    @Flag(
        inversion: .prefixedNo,
        help: ArgumentHelp(.brownianNoise))
    var brownianNoise: Bool?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.churn, "amount"))
    var sChurn: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.churnLowest, "σ"))
    var sTmin: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.churnHighest, "σ"))
    var sTmax: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.relativeTolerance, "part"))
    var rtol: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.absoluteTolerance, "error"))
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
        if sampling.sampler != nil { request.sampling.tuning = request.sampling.tuning.ofTheModel }
        if sampling.steps != nil || sampling.schedule != nil { request.sampling.tuning.sigmas = nil }
        if let sigmas { (request.sampling.tuning.sigmas, request.schedule) = (sigmas.values, nil) }
        func set<Value>(_ path: WritableKeyPath<SamplerTuning, Value?>, _ value: Value?) {
            if let value { request.sampling.tuning[keyPath: path] = value }
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
