import TestSupport
import Testing

@testable import Sampling

@Suite struct GuidanceTests {
    @Test func guidanceAndItsRescalingAreDiffusers() throws {
        let values = try SamplingFixtures.decoded("guidance.json", as: [String: [Float]].self)
        let unconditional = try #require(values["unconditional"])
        let conditional = try #require(values["conditional"])
        let guided = Guidance.guided(unconditional: unconditional, conditional: conditional, scale: 7.5)
        #expect(relativeError(guided, try #require(values["guided"])) < 1e-6)
        let rescaled = Guidance.rescaled(guided: guided, conditional: conditional, amount: 0.7)
        #expect(relativeError(rescaled, try #require(values["rescaled"])) < 1e-6)
        #expect(Guidance.rescaled(guided: guided, conditional: conditional, amount: 0) == guided)
        #expect(Guidance.rescaled(guided: [1, 1], conditional: [1, 2], amount: 1) == [1, 1])
    }
}
