import TestSupport
import Testing

@testable import Sampling

@Suite struct ParameterizationTests {
    /// Noise a known sample, hand over the output that would be right, and get sample and noise back.
    @Test(
        arguments: PredictionType.allCases,
        [
            NoiseLevel(alpha: 0.6, sigma: 0.8, timestep: 500),
            NoiseLevel(alpha: 1, sigma: 3, timestep: 700.5),
            NoiseLevel(alpha: 1, sigma: 0.02, timestep: 1),
        ])
    func bothWaysComeBack(_ prediction: PredictionType, _ level: NoiseLevel) {
        let pool = SamplePool(count: 4)
        let x0 = Sample([0.3, -1.2, 2, 0], in: pool)
        let epsilon = Sample([-0.4, 0.9, 1.5, -2], in: pool)
        let parameterization = Parameterization(prediction)
        let x = level.alpha * x0 + level.sigma * epsilon
        let scale = parameterization.inputScale(at: level)
        let output =
            switch prediction {
            case .epsilon: epsilon
            case .sample: x0
            case .score: -1 / level.sigma * epsilon
            case .velocity: level.alpha * scale * epsilon - level.sigma * scale * x0
            }
        let denoised = parameterization.denoised(x: x, output: output, at: level)
        #expect(relativeError(denoised.x0.values, x0.values) < 1e-6)
        #expect(relativeError(denoised.epsilon.values, epsilon.values) < 2e-5)
        // A network of the score is shown x as it is.
        guard prediction != .score else { return }
        #expect(abs(scale * (level.alpha * level.alpha + level.sigma * level.sigma).squareRoot() - 1) < 1e-6)
    }
}
