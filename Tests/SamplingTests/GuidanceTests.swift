import TestSupport
import Testing

@testable import Sampling

@Suite struct GuidanceTests {
    @Test func guidanceAndItsRescalingAreDiffusers() throws {
        let values = try SamplingFixtures.decoded("guidance.json", as: [String: [Float]].self)
        let expected = try #require(values["guided"])
        let pool = SamplePool(count: expected.count)
        let unconditional = Sample(try #require(values["unconditional"]), in: pool)
        let conditional = Sample(try #require(values["conditional"]), in: pool)
        let guided = Guidance.guided(unconditional: unconditional, conditional: conditional, scale: 7.5)
        #expect(relativeError(guided.values, expected) < 1e-6)
        let rescaled = Guidance.rescaled(guided: guided, conditional: conditional, amount: 0.7)
        #expect(relativeError(rescaled.values, try #require(values["rescaled"])) < 1e-6)
        #expect(Guidance.rescaled(guided: guided, conditional: conditional, amount: 0).values == guided.values)
        let pairs = SamplePool(count: 2)
        let (flat, steep) = (Sample([1, 1], in: pairs), Sample([1, 2], in: pairs))
        #expect(Guidance.rescaled(guided: flat, conditional: steep, amount: 1).values == [1, 1])
    }
}
