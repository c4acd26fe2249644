import Glibc
import Images
import Models
import Sampling
import Tensors

/// Where a run starts, and what it must keep. Noise is drawn in the order of diffusers' pipelines, or of the program that
/// the picture is to be like.
struct StartingPoint {
    /// [channels, height, width] at the level of the first step.
    var latents: Sample
    /// Inpainting with an ordinary UNet: the picture's latents, the noise on them, and where to repaint.
    var kept: Kept?
    /// What the UNet sees beside the latents: inpainting models [height, width, 1 + channels], mask and masked picture;
    /// models that follow instructions [height, width, channels], the picture.
    var extraChannels: [Float]?

    struct Kept {
        var picture: Sample
        var noise: Sample
        /// [height, width], 1 = repaint
        var mask: [Float]
        var repainting = Habits.Repainting.afterSteps

        /// The picture where it is kept, x where it is repainted.
        func mixed(_ picture: Sample, _ x: Sample) -> Sample {
            let pixels = mask.count
            return Sample(in: x.pool) { result in
                picture.withValues { picture in
                    x.withValues { x in
                        for index in x.indices {
                            let mask = mask[index % pixels]
                            result[index] = (1 - mask) * picture[index] + mask * x[index]
                        }
                    }
                }
            }
        }
    }

    /// Puts the kept region back, noised to where the sample is now.
    func restored(_ x: Sample, after step: Int, _ job: RunPlan) -> Sample {
        guard let kept else { return x }
        let isLast = job.sampling.sampler.levelAfter(step: step) == nil
        if isLast { return job.habits.restoresAtEnd ? kept.mixed(kept.picture, x) : x }
        guard kept.repainting == .afterSteps else { return x }
        return kept.mixed(job.sampling.sampler.noised(kept.picture, noise: kept.noise, step: step + 1), x)
    }

    /// What the network says of x, with the kept region put back into what it says, and into what it sees.
    func keeping(
        _ x: Sample, at level: NoiseLevel, _ denoise: (Sample) throws -> Denoised
    ) rethrows -> Denoised {
        guard let kept, kept.repainting != .afterSteps else { return try denoise(x) }
        var seen = x
        switch kept.repainting {
        case .inInputsAndPredictions: seen = kept.mixed(level.alpha * kept.picture + level.sigma * kept.noise, x)
        case .inInputs: return try denoise(kept.mixed(kept.picture, x))
        case .inPredictions, .afterSteps: break
        }
        var denoised = try denoise(seen)
        denoised.x0 = kept.mixed(kept.picture, denoised.x0)
        if level.sigma > 0 { denoised.epsilon = 1 / level.sigma * (x - level.alpha * denoised.x0) }
        return denoised
    }
}

extension Model {
    func startingPoint(
        _ job: RunPlan, _ own: PicturePlan, _ generator: inout any NoiseGenerator
    ) throws -> StartingPoint {
        let shape = latentShape(job)
        let pool = SamplePool(count: shape.count)
        let sampler = job.sampling.sampler
        guard let picture = job.canvas.picture, job.canvas.kind != .editing else {
            let noise: Sample
            if let given = own.latents {
                noise = Sample(given.values, in: pool)
            } else {
                noise = startingNoise(job, own).draw(from: &generator, in: pool)
            }
            return StartingPoint(
                latents: job.sampling.noiseScale * noise,
                // The likeliest latents, and not scaled: so these models were trained.
                extraChannels: try job.canvas.picture.map {
                    shape.channelsLast(Array(try encoded($0.signed, job)[..<shape.count]))
                })
        }
        guard let mask = job.canvas.mask else {
            let latents = Sample(try encode(picture.signed, job, own, &generator), in: pool)
            let noise = startingNoise(job, own).draw(from: &generator, in: pool)
            return StartingPoint(latents: job.begun(latents, noise))
        }

        if job.habits.repainting != .afterSteps {
            return try keptStartingPoint(job, own, picture, mask, pool, &generator)
        }
        let startsFromNoise = (job.sampling.strength ?? 1) >= 1
        var latents: Sample?
        // An inpainting model that starts from pure noise has no use for the picture's own latents.
        if !isInpainting || !startsFromNoise {
            latents = Sample(try encode(picture.signed, job, own, &generator), in: pool)
        }
        let noise = startingNoise(job, own).draw(from: &generator, in: pool)
        let small = try mask.downsampled(width: shape.width, height: shape.height)
        var start = StartingPoint(
            latents: startsFromNoise
                ? sampler.initialNoiseScale * noise
                : sampler.noised(latents ?? noise, noise: noise, step: job.sampling.firstStep))
        if isInpainting {
            start.extraChannels = try maskedPicture(picture, mask, small, job, own, &generator)
        } else if let latents {
            // diffusers encodes the masked picture here too and never looks at it, but its noise counts.
            if description.vae.drawsLatents { _ = generator.normal(shape.count) }
            start.kept = StartingPoint.Kept(picture: latents, noise: noise, mask: small.values)
        }
        return start
    }

    /// Where other programs than diffusers repaint: the picture is there from the start, and is told to inpainting models
    /// besides.
    private func keptStartingPoint(
        _ job: RunPlan, _ own: PicturePlan, _ picture: Image, _ mask: Mask, _ pool: SamplePool,
        _ generator: inout any NoiseGenerator
    ) throws -> StartingPoint {
        let shape = latentShape(job)
        var latents = Sample(try encode(picture.signed, job, own, &generator), in: pool)
        let noise = startingNoise(job, own).draw(from: &generator, in: pool)
        let small = try job.latentMask(mask, shape)
        var kept = StartingPoint.Kept(
            picture: latents, noise: try job.noiseOfTheKept(noise, own.seeds), mask: small.values,
            repainting: job.sampling.sampler is TimestepsOfTheWebUI ? .inInputs : job.habits.repainting)
        switch job.request.webUI.maskedContent {
        case nil, .original: break
        case .latentNoise: latents = kept.mixed(latents, noise)
        case .latentNothing: latents = kept.mixed(latents, Float(0) * noise)
        }
        kept.picture = latents
        var start = StartingPoint(latents: job.begun(latents, noise), kept: kept)
        if isInpainting {
            let seen = try job.request.likeness == .webui ? mask.blurred(sigma: job.request.source.maskBlur) : mask
            let told = try seen.downsampled(width: shape.width, height: shape.height)
            start.extraChannels = try maskedPicture(picture, seen, told, job, own, &generator)
        }
        return start
    }

    /// What an inpainting model sees beside the latents: the mask, and the picture without what it covers.
    private func maskedPicture(
        _ picture: Image, _ mask: Mask, _ small: Mask, _ job: RunPlan, _ own: PicturePlan,
        _ generator: inout any NoiseGenerator
    ) throws -> [Float] {
        let shape = latentShape(job)
        let masked = shape.channelsLast(try encode(try mask.erased(picture), job, own, &generator))
        return (0..<shape.pixels).flatMap { pixel in
            [small.values[pixel]] + masked[pixel * shape.channels..<(pixel + 1) * shape.channels]
        }
    }

    private func startingNoise(_ job: RunPlan, _ own: PicturePlan) -> StartingNoise {
        let factor = description.vae.factor
        func latents(_ width: Int, _ height: Int) -> StartingNoise.Size {
            .init(channels: description.vae.latentChannels, height: height / factor, width: width / factor)
        }
        let size = latents(job.canvas.width, job.canvas.height)
        return StartingNoise(
            job.habits.firstNoise ?? job.seeds.generator, seed: own.seeds.seed,
            variation: own.seeds.variation.map { ($0.seed, $0.strength) }, size: size,
            seedSize: own.seeds.size.map { latents($0.width, $0.height) } ?? size)
    }

    /// A picture's latents, scaled: a sample of them, mean + exp(logvar / 2)·noise, where the VAE gives a distribution.
    ///
    /// - Parameter signed: [height, width, 3] in −1…1
    /// - Returns: [channels, height, width]
    private func encode(
        _ signed: [Float], _ job: RunPlan, _ own: PicturePlan, _ generator: inout any NoiseGenerator
    ) throws -> [Float] {
        let (shape, vae) = (latentShape(job), description.vae)
        let planes = try encoded(signed, job)
        let noise: [Float]
        switch vae.drawsLatents ? job.habits.encoding : .mean {
        case .mean: noise = []
        case .sampled: noise = generator.normal(shape.count)
        case .sampledApart:
            var apart = job.seeds.generator.generator(seed: own.seeds.seed)
            noise = apart.normal(shape.count)
        }
        return (0..<shape.count).map { index in
            var value = planes[index]
            if !noise.isEmpty {
                let logarithm = min(max(planes[shape.count + index], -30), 20)
                value += expf(0.5 * logarithm) * noise[index]
            }
            return vae.scaled(value, channel: index / shape.pixels)
        }
    }

    /// Mean and logarithm of the variance of a picture's latents, or the latents themselves, not scaled.
    ///
    /// - Parameter signed: [height, width, 3] in −1…1
    /// - Returns: [2·channels or channels, height, width]
    private func encoded(_ signed: [Float], _ job: RunPlan) throws -> [Float] {
        let shape = latentShape(job)
        let tensor = try Tensor(
            batch: 1, height: job.canvas.height, width: job.canvas.width, channels: 3, values: signed)
        let encoded = try networks.vae.encode(tensor, vaeCompute, tiling: job.vaeTiling)
        let all = LatentShape(channels: encoded.channels, height: shape.height, width: shape.width)
        return all.channelsFirst(encoded.buffer)
    }
}

extension RunPlan {
    /// A picture's latents with as much noise as a run begins with.
    fileprivate func begun(_ latents: Sample, _ noise: Sample) -> Sample {
        let multiplier = Float(request.webUI.noiseMultiplier ?? 1)
        let noise = multiplier == 1 ? noise : multiplier * noise
        if let sampler = sampling.sampler as? TimestepsOfTheWebUI {
            return sampler.start.alpha * latents + sampler.start.sigma * noise
        }
        guard sampling.isLaidOut else {
            return sampling.sampler.noised(latents, noise: noise, step: sampling.firstStep)
        }
        return sampling.sampler.levels[0].alpha * latents + sampling.noiseScale * noise
    }

    /// The mask at the size of the latents.
    fileprivate func latentMask(_ mask: Mask, _ shape: LatentShape) throws -> Mask {
        let (width, height) = (shape.width, shape.height)
        switch request.likeness {
        case .diffusers: return try mask.downsampled(width: width, height: height)
        case .webui:
            return try mask.blurred(sigma: request.source.maskBlur).bicubicRounded(width: width, height: height)
        case .comfyui: return try mask.bilinear(width: width, height: height)
        case .sdcpp: return try mask.largest(width: width, height: height)
        }
    }
}
