import Models

/// What guidance by attention needs of one UNet: which layers to perturb, and where to look.
struct AttentionGuidance {
    private let perturbed: Set<Int>
    private let watches: Bool
    private let unet: UNet2DConditionModel

    /// - Throws: `LimnError` if the network has no self-attention there
    init(_ plan: GuidancePlan, _ unet: UNet2DConditionModel) throws {
        self.unet = unet
        var slots: Set<Int> = []
        for layer in plan.perturbed?.layers ?? [] {
            let found = unet.selfAttentions(below: layer)
            guard !found.isEmpty else {
                throw LimnError(
                    "this model has no self-attention in \"\(layer.prefix(60))\" that could be perturbed; it has some "
                        + "in: \(unet.modulesWithSelfAttention.joined(separator: ", "))", isUsage: true)
            }
            slots.formUnion(found)
        }
        perturbed = slots
        watches = plan.selfAttentionScale != nil
        if watches, unet.mapOfMiddle() == nil {
            throw LimnError(
                "this model has no self-attention in its middle, which self-attention guidance looks at: leave out "
                    + "--sag-scale", isUsage: true)
        }
    }

    /// A phase with all rows of a network's conditioning, the prompt's being the last of them.
    func phase(_ whole: Conditioning) throws -> RunPhase {
        let isPerturbed = !perturbed.isEmpty
        let rows = Array(0..<whole.batch) + (isPerturbed ? [whole.batch - 1] : [])
        let conditioning = isPerturbed || watches ? try whole.pictures(rows) : whole
        var phase = RunPhase(unet: unet, conditioning: conditioning)
        phase.isPerturbed = isPerturbed
        if watches {
            phase.watched = unet.mapOfMiddle()
            phase.degraded = try whole.picture(0)
        }
        if isPerturbed || watches {
            var control = SelfAttentionControl()
            (control.perturbed, control.watched) = (perturbed, phase.watched)
            conditioning.selfAttention = control
        }
        return phase
    }
}
