import Testing

@testable import Sampling

/// Errors as people read them.
struct SamplingErrorTests {
    @Test func stepsAndTheirLimits() {
        for asked in [0, 1, 1001] {
            let text = SamplingError.steps(asked: asked, allowed: 1...1000, reason: "so it is").description
            #expect(text == "The number of steps must be between 1 and 1000, not \(asked): so it is.")
        }
    }

    /// Few digits, and enough for one step.
    @Test(arguments: [(7, "0.15"), (1, "1.0"), (2, "0.5"), (3, "0.34"), (20, "0.05"), (999, "0.0011")])
    func theLeastStrengthIsReadable(_ steps: Int, _ least: String) throws {
        let text = SamplingError.strength(asked: 0, steps: steps).description
        #expect(text.contains("at least \(least) or"), "\(text)")
        #expect(text.contains(steps == 1 ? "none of 1 step to" : "none of \(steps) steps to"), "\(text)")
        #expect(try #require(Double(least)) * Double(steps) >= 1)
    }
}
