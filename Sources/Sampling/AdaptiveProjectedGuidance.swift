/// Adaptive projected guidance (Sadat, Hilliges and Weber 2024, algorithm 1): classifier-free guidance whose step from
/// the unconditional to the conditional prediction of x₀ is averaged with those before it, kept short, and freed of
/// the part that lies along the conditional prediction, which is what over-saturates.
///
///     Δ  ← D(prompt) − D(∅) + momentum·Δ
///     Δ′ = Δ·min(1, threshold / ‖Δ‖)
///     D  = D(prompt) + (scale − 1)·(Δ′⊥ + eta·Δ′∥)
///
/// With eta 1 and neither threshold nor momentum it is classifier-free guidance.
package struct AdaptiveProjectedGuidance {
    package var eta: Float
    /// The longest that a step may be; 0: as long as it likes.
    package var threshold: Float
    package var momentum: Float
    private var average: Sample?

    package init(eta: Float, threshold: Float, momentum: Float) {
        (self.eta, self.threshold, self.momentum) = (eta, threshold, momentum)
    }

    /// - Parameters:
    ///   - unconditional: x₀ as predicted without the prompt
    ///   - conditional: x₀ as predicted with it
    package mutating func guided(unconditional: Sample, conditional: Sample, scale: Float) -> Sample {
        var update = conditional - unconditional
        if momentum != 0 {
            if let average { update += momentum * average }
            average = update
        }
        let length = dot(update, update).squareRoot()
        if threshold > 0, length > Double(threshold) { update = Double(threshold) / length * update }
        // Of a direction that is nowhere, nothing is parallel to it.
        let square = dot(conditional, conditional)
        let share = square > 0 ? dot(update, conditional) / square : 0
        let parallel = share * conditional
        return conditional + (scale - 1) * (update - parallel + eta * parallel)
    }

    private func dot(_ x: Sample, _ y: Sample) -> Double {
        x.withValues { x in
            y.withValues { y in
                var sum = 0.0
                for index in x.indices { sum += Double(x[index]) * Double(y[index]) }
                return sum
            }
        }
    }
}
