import Sampling

/// What a network says of the rows of a batch, in its own terms (ε, v or x₀).
struct Predictions {
    /// Told the negative prompt; nil where guidance is off.
    var unconditional: Sample?
    /// Told the picture, but not the prompt: of models that follow instructions.
    var picture: Sample?
    var conditional: Sample
    /// Told the prompt, with self-attentions that see nothing; nil without perturbed-attention guidance.
    var perturbed: Sample?
}

/// Makes one prediction of those that a network gives. Adaptive projection remembers: each picture has its own.
final class Guider {
    private let plan: GuidancePlan
    private let parameterization: Parameterization
    private let position: RunPosition
    private let channels: Int
    private var projection: AdaptiveProjectedGuidance?

    /// - Parameters:
    ///   - position: where in the run a timestep lies
    ///   - channels: of the latents
    init(_ plan: GuidancePlan, _ parameterization: Parameterization, position: RunPosition, channels: Int) {
        (self.plan, self.parameterization, self.position) = (plan, parameterization, position)
        self.channels = channels
        projection = plan.projection
    }

    /// Guided by the prompt, and away from what the perturbed network says.
    func guided(_ rows: Predictions, x: Sample, at level: NoiseLevel) -> Sample {
        var prediction = guidedByPrompt(rows, x: x, at: level)
        if let perturbed = rows.perturbed {
            prediction = Guidance.led(
                prediction, from: perturbed, to: rows.conditional, scale: perturbedScale(at: level.timestep))
        }
        return prediction
    }

    /// CFG rescale, where there is guidance.
    func rescaled(_ prediction: Sample, _ rows: Predictions) -> Sample {
        guard rows.unconditional != nil else { return prediction }
        return Guidance.rescaled(guided: prediction, conditional: rows.conditional, amount: plan.rescale)
    }

    private func guidedByPrompt(_ rows: Predictions, x: Sample, at level: NoiseLevel) -> Sample {
        guard let unconditional = rows.unconditional else { return rows.conditional }
        let part = position.part(at: level.timestep)
        let scale = plan.curve?.scale(plan.scale, at: part) ?? plan.scale
        if let picture = rows.picture {
            return Guidance.guided(
                unconditional: unconditional, picture: picture, conditional: rows.conditional, scale: scale,
                pictureScale: plan.pictureScale)
        }
        guard projection != nil || plan.thresholding != nil else {
            return Guidance.guided(unconditional: unconditional, conditional: rows.conditional, scale: scale)
        }
        // These two speak of clean latents.
        let without = parameterization.denoised(x: x, output: unconditional, at: level).x0
        let with = parameterization.denoised(x: x, output: rows.conditional, at: level).x0
        let x0 =
            projection?.guided(unconditional: without, conditional: with, scale: scale)
            ?? plan.thresholding?.guided(
                unconditional: without, conditional: with, scale: scale, at: part, channels: channels) ?? with
        return parameterization.output(x: x, x0: x0, at: level)
    }

    /// diffusers' _get_pag_scale.
    private func perturbedScale(at timestep: Float) -> Float {
        guard let perturbed = plan.perturbed else { return 0 }
        return max(0, perturbed.scale - perturbed.adaptiveScale * (1000 - timestep))
    }
}
