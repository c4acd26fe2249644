import Sampling

// In which order a picture's noise is drawn, and from what.

extension RunPlan {
    /// The generator of the first noise.
    ///
    /// - Parameter count: values of a picture's latents
    func firstNoise(_ own: SeedPlan, count: Int) throws -> any NoiseGenerator {
        try shared((habits.firstNoise ?? own.generator).generator(seed: own.seed), own, count)
    }

    /// The generator of the noise that samplers add.
    ///
    /// - Parameter first: that of the first noise, which has been drawn
    func addedNoise(after first: any NoiseGenerator, _ own: SeedPlan, count: Int) throws -> any NoiseGenerator {
        if let delta = request.webUI.noiseSeedDelta, delta > 0 {
            return own.generator.generator(seed: own.seed &+ delta)
        }
        switch habits.noiseOnTheWay {
        case .goesOn: return first
        case .beginsAnew:
            // ComfyUI's default_noise_sampler: the seed's first noise of a CPU is the picture's own already.
            let begun = own.generator.generator(seed: own.generator == .cuda ? own.seed : own.seed &+ 1)
            return try shared(begun, own, count)
        }
    }

    /// The noise that what a mask keeps has in the network's eyes: the first noise, or for ComfyUI's DDIM that of the next
    /// seed.
    func noiseOfTheKept(_ first: Sample, _ own: SeedPlan) throws -> Sample {
        guard habits.repainting == .inInputsAndPredictions, request.sampler == "ddim" else { return first }
        var generator = try shared(
            (habits.firstNoise ?? own.generator).generator(seed: own.seed &+ 1), own, first.pool.count)
        return generator.normal(in: first.pool)
    }

    /// The picture's part of the noise of its batch.
    private func shared(_ generator: any NoiseGenerator, _ own: SeedPlan, _ count: Int) throws -> any NoiseGenerator {
        guard let place = own.place, place.count > 1 else { return generator }
        let most = BatchPart.most / max(count, 1)
        guard place.count <= most else {
            throw LimnError(
                "the noise of a batch of \(place.count) such pictures is too large: draw at most \(most) at a time, or "
                    + "smaller ones", isUsage: true)
        }
        return BatchPart(of: generator, index: place.index, pictures: place.count, count: count)
    }

    /// The path of a picture's noise, if samplers of an SDE are to follow one.
    func brownianPath(_ own: SeedPlan) -> BrownianSeed? {
        let follows = request.sampling.tuning.brownianNoise ?? habits.brownianNoise.contains(request.sampler ?? "")
        guard follows else { return nil }
        var seed = BrownianSeed(own.generator, seed: own.seed)
        seed.highest = sampling.pathStart
        if let place = own.place { seed.part = (place.index, place.count) }
        return seed
    }
}
