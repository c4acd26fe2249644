/// A way from noise to a sample. It knows no network: its caller says what lies under the noise.
package protocol Sampler: Sendable {
    /// The levels of a run, highest noise first; `levels.count` is the number of steps.
    var levels: [NoiseLevel] { get }

    /// The standard deviation of the noise that a run starts from (diffusers' init_noise_sigma).
    var initialNoiseScale: Float { get }

    /// Runs the steps from `firstStep` to the last.
    ///
    /// - Parameters:
    ///   - x: the sample of one picture at the level of `firstStep`.
    ///   - denoise: what the network says about a sample at a level.
    ///   - noise: standard normal values; asked for in the order in which diffusers draws them.
    ///   - afterStep: called with x at `levelAfter(step:)`; what it returns is gone on with. Called twice for a step
    ///     that evaluates the network twice (Heun's), as diffusers' inpainting does.
    /// - Returns: the sample without noise.
    func sample(
        _ x: Sample, from firstStep: Int, denoise: (_ x: Sample, _ level: NoiseLevel) throws -> Denoised,
        noise: NoiseSource, afterStep: (_ index: Int, _ x: Sample) throws -> Sample
    ) throws -> Sample
}

extension Sampler {
    /// x₀ noised to the level of a step (diffusers' add_noise): where image to image and inpainting start.
    package func noised(_ x0: Sample, noise: Sample, step index: Int) -> Sample {
        let level = levels[index]
        return level.alpha * x0 + level.sigma * noise
    }

    /// The level at which x lies after a step; nil after the last one, when it is clean.
    package func levelAfter(step index: Int) -> NoiseLevel? {
        levels.indices.contains(index + 1) ? levels[index + 1] : nil
    }
}

/// The step at which a run of `steps` starts when only the part `strength` of the noise is put on a picture:
/// `steps − min(int(steps·strength), steps)`, as in diffusers' StableDiffusionImg2ImgPipeline.get_timesteps.
///
/// PNDM's list of levels is longer than `steps`; as in diffusers, its run then goes on to the end of the list.
///
/// - Parameter strength: 0...1, in double precision: 10 steps at 0.7 are 7, at Float(0.7) they would be 6.
/// - Throws: `SamplingError.strength` if it is out of range or leaves no step to run.
package func firstStep(strength: Double, steps: Int) throws -> Int {
    guard strength >= 0, strength <= 1, steps > 0 else {
        throw SamplingError.strength(asked: strength, steps: steps)
    }
    let run = min(Int(Double(steps) * strength), steps)
    guard run > 0 else { throw SamplingError.strength(asked: strength, steps: steps) }
    return steps - run
}
