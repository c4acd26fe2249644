import TestSupport
import Testing

@testable import Sampling

/// The single formulas of guidance against their published sources, run by Tools/reference/guidance.py.
@Suite struct GuidanceRulesTests {
    private struct Rules: Decodable {
        struct Projection: Decodable {
            var eta: Float
            var threshold: Float
            var momentum: Float
            var results: [[Float]]
        }

        struct Settings: Decodable {
            var scale: Float
            var percentile: Float
            var startpoint: String
            var variability: String
            var separateChannels: Bool
            var phi: Float
        }

        struct Dynamic: Decodable {
            var settings: Settings
            var result: [Float]
        }

        struct Scales: Decodable {
            var mode: String
            var power: Float
            var values: [Float]
        }

        struct Threshold: Decodable {
            var ratio: Float
            var range: Float
            var maximum: Float
            var result: [Float]
        }

        var unconditional: [[Float]]
        var conditional: [[Float]]
        var projected: [Projection]
        var dynamic: [Dynamic]
        var scales: [Scales]
        var image: [Float]
        var blurred: [Float]
        var thresholded: [Threshold]
    }

    private let rules: Rules
    /// 4 channels of 5×6.
    private let pool = SamplePool(count: 120)

    init() throws { rules = try SamplingFixtures.decoded("guidance-rules.json", as: Rules.self) }

    @Test func projectionIsThePapers() {
        for reference in rules.projected {
            var guidance = AdaptiveProjectedGuidance(
                eta: reference.eta, threshold: reference.threshold, momentum: reference.momentum)
            for index in rules.unconditional.indices {
                let guided = guidance.guided(
                    unconditional: Sample(rules.unconditional[index], in: pool),
                    conditional: Sample(rules.conditional[index], in: pool), scale: 7)
                #expect(relativeError(guided.values, reference.results[index]) < 1e-6)
            }
        }
        #expect(rules.projected.count == 4)
    }

    @Test func projectionWithoutItsPartsIsPlainGuidance() {
        let (unconditional, conditional) = (
            Sample(rules.unconditional[0], in: pool), Sample(rules.conditional[0], in: pool)
        )
        var guidance = AdaptiveProjectedGuidance(eta: 1, threshold: 0, momentum: 0)
        let plain = Guidance.guided(unconditional: unconditional, conditional: conditional, scale: 7)
        let projected = guidance.guided(unconditional: unconditional, conditional: conditional, scale: 7)
        #expect(relativeError(projected.values, plain.values) < 1e-6)
        let nothing = Sample([Float](repeating: 0, count: 120), in: pool)
        let unled = guidance.guided(unconditional: unconditional, conditional: nothing, scale: 2)
        #expect(unled.values.allSatisfy { $0.isFinite })
    }

    @Test func dynamicThresholdingIsTheExtensions() throws {
        for reference in rules.dynamic {
            let settings = reference.settings
            let thresholding = DynamicThresholding(
                mimicScale: settings.scale, percentile: settings.percentile,
                startpoint: try .init(named: settings.startpoint),
                variability: try .init(named: settings.variability), separatesChannels: settings.separateChannels,
                phi: settings.phi)
            let guided = thresholding.guided(
                unconditional: Sample(rules.unconditional[0], in: pool),
                conditional: Sample(rules.conditional[0], in: pool), scale: 7.5, at: 0, channels: 4)
            #expect(relativeError(guided.values, reference.result) < 2e-6, "\(settings)")
        }
        #expect(rules.dynamic.count == 8)
    }

    @Test func itsScalesGoAsTheExtensionsDo() throws {
        for reference in rules.scales {
            var thresholding = DynamicThresholding(mimicScale: 7)
            thresholding.power = reference.power
            let mode = try DynamicThresholding.Mode(named: reference.mode)
            for (step, expected) in reference.values.enumerated() {
                let scale = thresholding.scale(7, mode, minimum: 1.5, at: Double(step) / 8)
                #expect(abs(scale - expected) < 1e-5, "\(reference.mode), step \(step)")
            }
        }
        #expect(Set(rules.scales.map(\.mode)).count == DynamicThresholding.Mode.allCases.count)
    }

    /// What has no spread is left as it is, rather than divided by it.
    @Test(arguments: DynamicThresholding.Startpoint.allCases, DynamicThresholding.Variability.allCases)
    func flatPredictionsStayFinite(
        startpoint: DynamicThresholding.Startpoint, variability: DynamicThresholding.Variability
    ) {
        var thresholding = DynamicThresholding(mimicScale: 3)
        (thresholding.startpoint, thresholding.variability) = (startpoint, variability)
        let flat = Sample([Float](repeating: 0.5, count: 120), in: pool)
        for other in [flat, Sample(rules.conditional[0], in: pool)] {
            for (a, b) in [(flat, other), (other, flat)] {
                let guided = thresholding.guided(unconditional: a, conditional: b, scale: 9, at: 0.5, channels: 4)
                #expect(guided.values.allSatisfy { $0.isFinite })
            }
        }
    }

    @Test func blurIsDiffusers() {
        let pool = SamplePool(count: rules.image.count)
        let blurred = SelfAttentionGuidance.blurred(Sample(rules.image, in: pool), height: 7, width: 6)
        #expect(relativeError(blurred.values, rules.blurred) < 1e-6)
        // Sides on which the mirror images of the edges overlap.
        let narrow = SamplePool(count: 8)
        let even = SelfAttentionGuidance.blurred(
            Sample([Float](repeating: 3, count: 8), in: narrow), height: 1, width: 2)
        #expect(even.values.allSatisfy { abs($0 - 3) < 1e-5 })
    }

    @Test func onlyWhatIsLookedAtIsBlurred() {
        let pool = SamplePool(count: rules.image.count)
        let x0 = Sample(rules.image, in: pool)
        let blurred = SelfAttentionGuidance.blurred(x0, height: 7, width: 6).values
        let looked: [Float] = [1.2, 0.9, 1, 1.5]
        let degraded = looked.withUnsafeBufferPointer {
            SelfAttentionGuidance.degraded(
                x0, where: SelfAttentionGuidance.Map($0, height: 2, width: 2), height: 7, width: 6
            ).values
        }
        for index in degraded.indices {
            // torch's nearest neighbour: rows 0–3 are of the map's first row, columns 0–2 of its first column.
            let (row, column) = (index / 6 % 7 < 4 ? 0 : 1, index % 6 < 3 ? 0 : 1)
            #expect(degraded[index] == (looked[row * 2 + column] > 1 ? blurred[index] : rules.image[index]))
        }
    }

    @Test func thresholdIsImagens() {
        let pool = SamplePool(count: rules.image.count)
        let x0 = Sample(rules.image, in: pool)
        for reference in rules.thresholded {
            let threshold = QuantileThreshold(
                ratio: reference.ratio, range: reference.range, maximum: reference.maximum)
            #expect(relativeError(threshold.applied(to: x0).values, reference.result) < 1e-6)
            #expect(x0.values == rules.image)
        }
        #expect(rules.thresholded.count == 3)
    }

    @Test func quantilesAreThoseOfSortedValues() {
        var numbers = SplitMix(4)
        for count in [1, 2, 3, 10, 257] {
            let few = (0..<count).map { _ in Float(numbers.next() % 7) }
            let many = (0..<count).map { _ in Float(numbers.next() % 1000) / 100 - 5 }
            for values in [few, many] {
                for part: Float in [0, 0.3, 0.5, 0.995, 1] {
                    var scratch = values
                    let found = scratch.withUnsafeMutableBufferPointer { quantile(reordering: $0, at: part) }
                    let expected = interpolated(values.sorted(), at: Double(part * Float(count - 1)))
                    #expect(abs(Double(found) - expected) < 1e-5)
                    #expect(scratch.sorted() == values.sorted())
                }
            }
        }
    }

    @Test func curvesStartAndEndWhereTheySay() {
        #expect(GuidanceCurve.linear(from: 2).scale(8, at: 0) == 2)
        #expect(GuidanceCurve.linear(from: 2).scale(8, at: 0.5) == 5)
        #expect(GuidanceCurve.cosine(from: 2).scale(8, at: 0.5) == 5)
        #expect(abs(GuidanceCurve.cosine(from: 2).scale(8, at: 0.25) - 2.8787) < 1e-4)
        #expect(GuidanceCurve.cosine(from: 2).scale(8, at: 1) == 8)
        let values = GuidanceCurve.values([1, 7, 3])
        let scales = [0, 0.25, 0.5, 0.75, 1].map { values.scale(99, at: $0) }
        #expect(scales == [1, 4, 7, 5, 3])
        #expect(GuidanceCurve.values([4]).scale(99, at: 0.7) == 4)
        #expect(values.highest(99) == 7 && GuidanceCurve.linear(from: 9).highest(3) == 9)
    }

    @Test func positionsLieBetweenTheSteps() {
        let position = RunPosition(timesteps: [900, 600, 300])
        let parts = [999, 900, 750, 600, 450, 300, 0].map { position.part(at: $0) }
        #expect(parts == [0, 0, 0.25, 0.5, 0.75, 1, 1])
        #expect(RunPosition(timesteps: [500]).part(at: 500) == 0)
        // PNDM's list has timesteps twice.
        #expect(RunPosition(timesteps: [900, 600, 600, 300]).part(at: 600) == 1 / 3.0)
    }

    @Test(arguments: [PredictionType.epsilon, .velocity, .sample])
    func whatIsMeantCanBeSaid(prediction: PredictionType) {
        let parameterization = Parameterization(prediction)
        let (x, output) = (Sample(rules.unconditional[0], in: pool), Sample(rules.conditional[0], in: pool))
        for level in [NoiseLevel(alphaCumprod: 0.3, timestep: 500), NoiseLevel(exploding: 3, timestep: 700)] {
            let x0 = parameterization.denoised(x: x, output: output, at: level).x0
            let said = parameterization.output(x: x, x0: x0, at: level)
            #expect(relativeError(said.values, output.values) < 1e-5)
        }
    }
}
