extension Guidance {
    /// unconditional + Σ weightᵢ·(conditionalᵢ − unconditional): what takes the conditional output's place where several
    /// prompts are put together (Liu et al. 2022, Composable Diffusion, equation 11).
    ///
    /// - Parameter conditional: the output for the prompt of a weight
    package static func composed(
        unconditional: Sample, weights: [Float], conditional: (Int) -> Sample
    ) -> Sample {
        var result = unconditional
        for index in weights.indices { result += weights[index] * (conditional(index) - unconditional) }
        return result
    }
}
