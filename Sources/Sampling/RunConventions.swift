#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How a program other than diffusers lays out a run: which σ it steps through, what it tells the network of them, and
/// how much noise it begins with.
package struct RunConventions: Sendable, Equatable {
    /// Whose σ are meant, where two programs have different ones under one name.
    package enum Tables: Sendable { case webUI, comfyUI, sdcpp }

    /// What a run begins with.
    package enum Start: Sendable {
        /// σ·ε
        case sigma
        /// √(1 + σ²)·ε: as if there were a picture of unit variance under the noise.
        case variance
        /// That where it begins with all of the training's noise, else σ·ε.
        case varianceAtHighest
    }

    /// Which of the steps of a ladder are run.
    package enum Part: Sendable, Equatable {
        case all
        /// Those from this one on.
        case from(Int)
        /// So many of the last.
        case last(Int)
    }

    package var tables: Tables
    package var start: Start
    /// Whether the network is told the training step nearest to a σ, or a place between two.
    package var tellsWholeTimesteps: Bool
    /// Whether a ladder is made a step longer, and the last σ before its end then left out.
    package var leavesOutPenultimate: Bool
    package var part = Part.all

    package init(
        tables: Tables, start: Start = .sigma, tellsWholeTimesteps: Bool = false, leavesOutPenultimate: Bool = false
    ) {
        (self.tables, self.start) = (tables, start)
        (self.tellsWholeTimesteps, self.leavesOutPenultimate) = (tellsWholeTimesteps, leavesOutPenultimate)
    }
}

extension RunConventions {
    /// The longest ladder: ComfyUI makes one of steps/strength, of which it runs the end.
    private static let longest = 100_000

    /// The steps to run, and the σ that the last of them ends at.
    ///
    /// - Throws: `SamplingError` for a schedule that the program has not, or for steps of no length
    func ladder(_ settings: SamplerSettings, of table: SigmaTable) throws -> (ladder: SigmaLadder, end: Double) {
        guard (1...Self.longest).contains(settings.steps) else {
            throw SamplingError.steps(
                asked: settings.steps, allowed: 1...Self.longest, reason: "of these a part is run")
        }
        var (sigmas, end) = try sigmas(settings, table)
        if leavesOutPenultimate, settings.sigmas == nil, sigmas.count > 1 { sigmas.removeLast() }
        switch part {
        case .all: break
        case .from(let first): sigmas.removeFirst(min(max(first, 0), sigmas.count - 1))
        case .last(let count): sigmas = Array(sigmas.suffix(max(count, 1)))
        }
        for (sigma, next) in zip(sigmas, sigmas.dropFirst() + [end]) where !(Float(sigma) > Float(next)) {
            throw SamplingError.steps(
                asked: settings.steps, allowed: 1...max(1, table.count / 2), reason: "two of them have the same noise")
        }
        return (SigmaLadder(sigmas, of: table), end)
    }

    private func sigmas(_ settings: SamplerSettings, _ table: SigmaTable) throws -> (sigmas: [Double], end: Double) {
        if let sigmas = settings.sigmas { return (sigmas, 0) }
        let input = ScheduleInput(
            count: settings.steps + (leavesOutPenultimate ? 1 : 0), highest: table.highest, lowest: table.lowest,
            trainedHighest: table.highest, trainedLowest: table.lowest, table: table, family: settings.family)
        // k-diffusion's own σ (get_sigmas), which stable-diffusion.cpp calls discrete.
        var schedule = settings.schedule ?? .normal
        if schedule == .discrete { schedule = .normal }
        guard case .sigmas(let spaced) = schedule.kind else {
            throw SamplingError.unsupported(
                what: "The schedule \(schedule), which is diffusers' alone,",
                supported: "normal, karras and others that space σ; or --like diffusers")
        }
        switch (tables, schedule) {
        case (.sdcpp, .normal), (.sdcpp, .sgmUniform), (.sdcpp, .karras), (.sdcpp, .exponential):
            return (try spaced(input), 0)
        case (_, .normal), (_, .sgmUniform), (_, .karras), (_, .exponential):
            return (singleSigmas(schedule, input), 0)
        case (.webUI, .klOptimal):
            // A step shorter, for it ends at the training's lowest σ.
            var longer = input
            longer.count += 1
            let sigmas = try spaced(longer)
            return (Array(sigmas.dropLast()), sigmas.last ?? 0)
        case (.webUI, .alignYourSteps): return (try ScheduleName.alignedOfTheWebUI(input), 0)
        case (.sdcpp, .alignYourSteps): return (try ScheduleName.alignedOfSDCPP(input), 0)
        case (.comfyUI, .beta), (.sdcpp, .beta):
            guard case .sigmas(let inTime) = ScheduleName.betaTimesteps.kind else { return (try spaced(input), 0) }
            return (try inTime(input), 0)
        default: return (try spaced(input), 0)
        }
    }

    /// σ in float32, as PyTorch has them: where noise follows a Brownian path, their sixth digit shows.
    private func singleSigmas(_ schedule: ScheduleName, _ input: ScheduleInput) -> [Double] {
        let (high, low, table) = (input.highest, input.lowest, input.table)
        let last = Double(table.count - 1)
        switch schedule {
        case .karras:
            let (first, end) = (pow(high, 1 / 7), pow(low, 1 / 7))
            return Self.line(from: 0, to: 1, input.count).map {
                Double(Float(pow(Double(Float(first) + $0 * Float(end - first)), 7)))
            }
        case .exponential:
            return Self.line(from: log(high), to: log(low), input.count).map { Double(Float(exp(Double($0)))) }
        case .sgmUniform:
            return Self.line(from: last, to: 0, input.count + 1).dropLast().map { table.singleSigma(at: $0) }
        default: return Self.line(from: last, to: 0, input.count).map { table.singleSigma(at: $0) }
        }
    }

    /// torch.linspace: from both ends to the middle.
    private static func line(from start: Double, to end: Double, _ count: Int) -> [Float] {
        guard count > 1 else { return [Float(start)] }
        let step = (Float(end) - Float(start)) / Float(count - 1)
        return (0..<count).map {
            $0 < count / 2 ? Float(start) + step * Float($0) : Float(end) - step * Float(count - 1 - $0)
        }
    }

    /// The noise of the training. The webui and ComfyUI make it in double precision, diffusers and stable-diffusion.cpp in
    /// single.
    func table(_ config: SchedulerConfig) -> SigmaTable {
        var table = SigmaTable(config)
        let isPlain = config.trainedBetas == nil && !config.rescaleBetasZeroSNR
        if tables != .sdcpp, isPlain, config.numTrainTimesteps > 1, let alphas = Self.alphasCumprod(config) {
            switch tables {
            case .webUI: table = SigmaTable(alphas.map { ((1 - Float($0)) / Float($0)).squareRoot() })
            default:
                let sigmas = alphas.map { ((1 - $0) / $0).squareRoot() }
                table = SigmaTable(sigmas.map { Float($0) }, logarithms: sigmas.map { Float(log($0)) })
            }
        }
        table.isWhole = tellsWholeTimesteps
        return table
    }

    /// nil for β that neither program makes
    private static func alphasCumprod(_ config: SchedulerConfig) -> [Double]? {
        let (start, end) = (config.betaStart ?? 0.0001, config.betaEnd ?? 0.02)
        let count = config.numTrainTimesteps
        func step(_ start: Double, _ end: Double) -> Double { (end - start) / Double(count - 1) }
        var product = 1.0
        switch config.betaSchedule {
        case .linear:
            return (0..<count).map {
                product *= 1 - (start + step(start, end) * Double($0))
                return product
            }
        case .scaledLinear:
            let (first, last) = (start.squareRoot(), end.squareRoot())
            return (0..<count).map {
                let root = first + step(first, last) * Double($0)
                product *= 1 - root * root
                return product
            }
        default: return nil
        }
    }

    /// The standard deviation of the noise that a run begins with.
    ///
    /// - Parameter first: its first level
    package func noiseScale(at first: NoiseLevel, _ config: SchedulerConfig) -> Float {
        let sigma = Double(first.sigma) / Double(first.alpha)
        let highest = table(config).highest
        let isFull =
            switch start {
            case .sigma: false
            case .variance: true
            case .varianceAtHighest: sigma > highest || abs(sigma - highest) <= 1e-5 * max(sigma, highest)
            }
        return first.alpha * Float(isFull ? (1 + sigma * sigma).squareRoot() : sigma)
    }
}

extension SamplerSettings {
    /// The highest σ of all the steps that a run could have.
    package func highestOfAll() throws -> Float? {
        guard var conventions else { return nil }
        conventions.part = .all
        let table = conventions.table(config)
        return try conventions.ladder(self, of: table).ladder.sigmas.first.map { Float($0) }
    }
}

extension SchedulerConfig {
    /// The noise of the training and what the network predicts, without what diffusers' classes add: other programs do
    /// not read it.
    package var withoutHabits: SchedulerConfig {
        var plain = SchedulerConfig()
        plain.numTrainTimesteps = numTrainTimesteps
        (plain.betaStart, plain.betaEnd, plain.betaSchedule) = (betaStart, betaEnd, betaSchedule)
        plain.trainedBetas = trainedBetas
        (plain.rescaleBetasZeroSNR, plain.alwaysRescalesBetas) = (rescaleBetasZeroSNR, rescaleBetasZeroSNR)
        plain.predictionType = predictionType
        return plain
    }
}
