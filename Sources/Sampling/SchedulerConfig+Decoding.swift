import Platform

extension SchedulerConfig {
    /// Decodes a `scheduler_config.json`.
    ///
    /// - Parameters:
    ///   - json: the file's bytes, of any origin
    ///   - file: the file's name, for messages.
    /// - Throws: `SamplingError`, naming the key, its value and what would be right.
    package init(json: [UInt8], file: String) throws {
        do {
            try self.init(JSON(parsing: json), file: file)
        } catch let error as JSONError {
            throw SamplingError.notAConfig(file: file, reason: error.description)
        }
    }

    /// Reads a configuration's values. (Python writes `"lambda_min_clipped": -Infinity`, which `JSON` reads too.)
    ///
    /// - Throws: `SamplingError`, naming the key, its value and what would be right.
    package init(_ json: JSON, file: String) throws {
        guard json.members != nil else {
            throw SamplingError.notAConfig(file: file, reason: "its JSON is not an object")
        }
        do {
            self = try json.decode(SchedulerConfig.self)
        } catch let error as SamplingError {
            throw error.naming(file: file)
        }
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init()

        className = try values.text(.className)
        numTrainTimesteps = try values.integer(.numTrainTimesteps, in: 1...100_000) ?? numTrainTimesteps
        betaStart = try values.number(.betaStart, "a number between 0 and 1") { $0 > 0 && $0 < 1 }
        betaEnd = try values.number(.betaEnd, "a number between 0 and 1") { $0 > 0 && $0 < 1 }
        // The one class with another default.
        let usual = className == "LCMScheduler" ? BetaSchedule.scaledLinear : betaSchedule
        betaSchedule = try values.choice(.betaSchedule) ?? usual
        let count = numTrainTimesteps
        trainedBetas = try values.checked(
            .trainedBetas, as: [Float].self,
            "\(count) numbers from 0 up to 1, one a training step"
        ) { $0.count == count && $0.allSatisfy { $0 >= 0 && $0 < 1 } }
        rescaleBetasZeroSNR = try values.flag(.rescaleBetasZeroSNR) ?? false
        predictionType = try values.choice(.predictionType) ?? Self.usualPrediction(className)

        timestepSpacing = try values.choice(.timestepSpacing)
        stepsOffset = try values.integer(.stepsOffset, in: 0...numTrainTimesteps - 1) ?? 0
        setAlphaToOne = try values.flag(.setAlphaToOne)
        finalSigmasType = try values.choice(.finalSigmasType) ?? finalSigmasType
        useKarrasSigmas = try values.flag(.useKarrasSigmas) ?? false
        useExponentialSigmas = try values.flag(.useExponentialSigmas) ?? false
        useBetaSigmas = try values.flag(.useBetaSigmas) ?? false
        sigmaMin = try values.number(.sigmaMin, "a number above 0") { $0 > 0 && $0 < 1e6 }
        let floor = sigmaMin ?? 0
        sigmaMax = try values.number(.sigmaMax, "a number above sigma_min") { $0 > floor && $0 < 1e6 }
        try readPreconditioning(values)

        clipSample = try values.flag(.clipSample)
        clipSampleRange = Float(
            try values.number(.clipSampleRange, "a number above 0") { $0 > 0 && $0 < 1e6 } ?? 1)
        thresholding = try values.flag(.thresholding) ?? false
        dynamicThresholdingRatio = Float(
            try values.number(.dynamicThresholdingRatio, "a number from 0 to 1") { $0 >= 0 && $0 <= 1 }
                ?? 0.995)
        sampleMaxValue = Float(
            try values.number(.sampleMaxValue, "a number above 0") { $0 > 0 && $0 < 1e6 } ?? 1)

        skipPRKSteps = try values.flag(.skipPRKSteps) ?? false
        solverOrder = try values.integer(.solverOrder, in: 1...3) ?? solverOrder
        solverType = try values.text(.solverType)
        algorithmType = try values.text(.algorithmType)
        lowerOrderFinal = try values.flag(.lowerOrderFinal)
        eulerAtFinal = try values.flag(.eulerAtFinal) ?? false
        predictX0 = try values.flag(.predictX0) ?? true
        disableCorrector =
            try values.checked(.disableCorrector, as: [Int].self, "a list of step numbers") { _ in true }
            ?? []
        lambdaMinClipped = try values.number(.lambdaMinClipped, "a number or -Infinity") { $0 < 1e6 }
        if lambdaMinClipped == -.infinity { lambdaMinClipped = nil }
        varianceType = try values.text(.varianceType)
        predictorOrder = try values.integer(.predictorOrder, in: 1...4) ?? predictorOrder
        correctorOrder = try values.integer(.correctorOrder, in: 1...4) ?? correctorOrder
        snr = try values.number(.snr, "a number above 0, up to 1") { $0 > 0 && $0 <= 1 }
        correctorSteps = try values.integer(.correctorSteps, in: SolverOptions.correctorSteps)
        betaMin = try values.number(.betaMin, "a number above 0") { $0 > 0 && $0 < 1e4 } ?? betaMin
        let least = betaMin
        betaMax =
            try values.number(.betaMax, "a number from beta_min") { $0 >= least && $0 < 1e4 } ?? max(betaMax, least)
        samplingEpsilon = try values.number(.samplingEpsilon, "a number between 0 and 1") { $0 > 0 && $0 < 1 }
        originalInferenceSteps =
            try values.integer(.originalInferenceSteps, in: 1...numTrainTimesteps) ?? min(50, numTrainTimesteps)
        timestepScaling = try values.number(.timestepScaling, "a number above 0") { $0 > 0 && $0 < 1e6 } ?? 10
        interpolationType = try values.text(.interpolationType)
        timestepType = try values.text(.timestepType)
        useLuLambdas = try values.flag(.useLuLambdas) ?? false
        useFlowSigmas = try values.flag(.useFlowSigmas) ?? false
        useDynamicShifting = try values.flag(.useDynamicShifting) ?? false
    }

    /// What the EDM classes have of their own, and what they leave open otherwise than the others.
    private mutating func readPreconditioning(_ values: KeyedDecodingContainer<CodingKeys>) throws {
        guard className?.hasPrefix("EDM") == true else { return }
        sigmaData = try values.number(.sigmaData, "a number above 0") { $0 > 0 && $0 < 1e4 } ?? 0.5
        sigmaSchedule = try values.choice(.sigmaSchedule) ?? .karras
        let (low, high) = (sigmaMin ?? 0.002, sigmaMax ?? 80)
        guard low < high else {
            throw SamplingError.badValue(
                file: nil, key: CodingKeys.sigmaMin.rawValue, value: "\(low)",
                expected: "a number below sigma_max, \(high)")
        }
        (sigmaMin, sigmaMax) = (low, high)
        rho = try values.checked(.rho, as: Double.self, "7, as in the paper") { $0 == 7 }
    }

    /// What the networks predict that a class was written for.
    private static func usualPrediction(_ className: String?) -> PredictionType {
        switch className {
        case "IPNDMScheduler": .velocity
        case "ScoreSdeVeScheduler": .score
        default: .epsilon
        }
    }
}

extension KeyedDecodingContainer<SchedulerConfig.CodingKeys> {
    /// The key's value, nil if it is missing or null.
    fileprivate func checked<Value: Decodable>(
        _ key: Key, as type: Value.Type, _ expected: String, where isRight: (Value) -> Bool
    ) throws -> Value? {
        guard contains(key), !((try? decodeNil(forKey: key)) ?? false) else { return nil }
        guard let value = try? decode(type, forKey: key), isRight(value) else {
            throw SamplingError.badValue(file: nil, key: key.rawValue, value: shown(key), expected: expected)
        }
        return value
    }

    fileprivate func text(_ key: Key) throws -> String? {
        try checked(key, as: String.self, "a text") { _ in true }
    }

    fileprivate func flag(_ key: Key) throws -> Bool? {
        try checked(key, as: Bool.self, "true or false") { _ in true }
    }

    fileprivate func integer(_ key: Key, in range: ClosedRange<Int>) throws -> Int? {
        try checked(key, as: Int.self, "a whole number from \(range.lowerBound) to \(range.upperBound)") {
            range.contains($0)
        }
    }

    fileprivate func number(_ key: Key, _ expected: String, where isRight: (Double) -> Bool) throws -> Double? {
        try checked(key, as: Double.self, expected, where: isRight)
    }

    fileprivate func choice<Value: RawRepresentable & CaseIterable>(_ key: Key) throws -> Value?
    where Value.RawValue == String {
        let known = Value.allCases.map(\.rawValue)
        let name = try checked(key, as: String.self, "one of \(known.joined(separator: ", "))") {
            known.contains($0)
        }
        return name.flatMap(Value.init(rawValue:))
    }

    /// What the file says, for a message.
    private func shown(_ key: Key) -> String {
        if let text = try? decode(String.self, forKey: key) { return quoted(text) }
        if let flag = try? decode(Bool.self, forKey: key) { return "\(flag)" }
        if let number = try? decode(Int.self, forKey: key) { return "\(number)" }
        if let number = try? decode(Double.self, forKey: key) { return "\(number)" }
        if let list = try? decode([Double].self, forKey: key) { return "a list of \(list.count) numbers" }
        return "something else"
    }
}
