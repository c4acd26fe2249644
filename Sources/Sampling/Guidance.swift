/// Classifier-free guidance: the arithmetic on a network's raw outputs, whatever they mean.
package enum Guidance {
    /// unconditional + scale·(conditional − unconditional) (Ho and Salimans 2022).
    package static func guided(unconditional: Sample, conditional: Sample, scale: Float) -> Sample {
        unconditional + scale * (conditional - unconditional)
    }

    /// unconditional + scale·(conditional − picture) + pictureScale·(picture − unconditional) (Brooks et al. 2022,
    /// InstructPix2Pix, equation 3).
    ///
    /// - Parameters:
    ///   - picture: told the picture, not the prompt
    ///   - conditional: told both
    package static func guided(
        unconditional: Sample, picture: Sample, conditional: Sample, scale: Float, pictureScale: Float
    ) -> Sample {
        let byPrompt = scale * (conditional - picture) + unconditional
        return byPrompt + pictureScale * (picture - unconditional)
    }

    /// guided + scale·(conditional − perturbed): away from what a network says whose self-attention sees nothing (Ahn et
    /// al. 2024, perturbed-attention guidance, equation 14), or whose picture was degraded where it looks (Hong et al.
    /// 2023, self-attention guidance, equation 16).
    package static func led(_ guided: Sample, from perturbed: Sample, to better: Sample, scale: Float) -> Sample {
        guided + scale * (better - perturbed)
    }

    /// Brings the guided output's spread back to the conditional one's, in part (Lin et al. 2023, section 3.4;
    /// diffusers' rescale_noise_cfg).
    ///
    /// - Parameters:
    ///   - guided: the output of one picture.
    ///   - amount: 0 none, 1 all.
    package static func rescaled(guided: Sample, conditional: Sample, amount: Float) -> Sample {
        guard amount != 0 else { return guided }
        let spread = standardDeviation(guided)
        guard spread > 0 else { return guided }
        let factor = Float(standardDeviation(conditional) / spread)
        return guided.map { amount * ($0 * factor) + (1 - amount) * $0 }
    }

    /// Unbiased, as torch's.
    private static func standardDeviation(_ sample: Sample) -> Double {
        guard sample.count > 1 else { return 0 }
        return sample.withValues { values in
            let mean = values.reduce(0) { $0 + Double($1) } / Double(values.count)
            let squares = values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
            return (squares / Double(values.count - 1)).squareRoot()
        }
    }
}
