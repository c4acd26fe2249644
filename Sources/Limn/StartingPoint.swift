import Glibc
import Images
import Models
import Sampling
import Tensors

/// Where a run starts, and what it must keep. Noise is drawn in the order of diffusers' pipelines.
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
    }

    /// Puts the kept region back, noised to where the sample is now.
    func restored(_ x: Sample, after step: Int, _ sampler: any Sampler) -> Sample {
        guard let kept else { return x }
        let isLast = sampler.levelAfter(step: step) == nil
        let picture = isLast ? kept.picture : sampler.noised(kept.picture, noise: kept.noise, step: step + 1)
        let pixels = kept.mask.count
        return Sample(in: x.pool) { result in
            picture.withValues { picture in
                x.withValues { x in
                    for index in x.indices {
                        let mask = kept.mask[index % pixels]
                        result[index] = (1 - mask) * picture[index] + mask * x[index]
                    }
                }
            }
        }
    }
}

extension Model {
    func startingPoint(
        _ job: PreparedRequest, _ own: Request, _ generator: inout any NoiseGenerator
    ) throws -> StartingPoint {
        let shape = latentShape(job)
        let pool = SamplePool(count: shape.count)
        let sampler = job.sampler
        guard let picture = job.initImage, job.kind != .editing else {
            let noise: Sample
            if let given = own.latents {
                noise = Sample(given.values, in: pool)
            } else {
                noise = startingNoise(job, own).draw(from: &generator, in: pool)
            }
            return StartingPoint(
                latents: sampler.initialNoiseScale * noise,
                // The likeliest latents, and not scaled: so these models were trained.
                extraChannels: try job.initImage.map {
                    shape.channelsLast(Array(try encoded($0.signed, job)[..<shape.count]))
                })
        }
        guard let mask = job.mask else {
            let latents = Sample(try encode(picture.signed, job, &generator), in: pool)
            let noise = startingNoise(job, own).draw(from: &generator, in: pool)
            return StartingPoint(latents: sampler.noised(latents, noise: noise, step: job.firstStep))
        }

        let startsFromNoise = (job.request.strength ?? 1) >= 1
        var latents: Sample?
        // An inpainting model that starts from pure noise has no use for the picture's own latents.
        if !isInpainting || !startsFromNoise {
            latents = Sample(try encode(picture.signed, job, &generator), in: pool)
        }
        let noise = startingNoise(job, own).draw(from: &generator, in: pool)
        let small = try mask.downsampled(width: shape.width, height: shape.height)
        var start = StartingPoint(
            latents: startsFromNoise
                ? sampler.initialNoiseScale * noise
                : sampler.noised(latents ?? noise, noise: noise, step: job.firstStep))
        if isInpainting {
            let masked = shape.channelsLast(try encode(try mask.erased(picture), job, &generator))
            start.extraChannels = (0..<shape.pixels).flatMap { pixel in
                [small.values[pixel]] + masked[pixel * shape.channels..<(pixel + 1) * shape.channels]
            }
        } else if let latents {
            // diffusers encodes the masked picture here too and never looks at it, but its noise counts.
            if description.vae.drawsLatents { _ = generator.normal(shape.count) }
            start.kept = StartingPoint.Kept(picture: latents, noise: noise, mask: small.values)
        }
        return start
    }

    private func startingNoise(_ job: PreparedRequest, _ own: Request) -> StartingNoise {
        let factor = description.vae.factor
        func latents(_ width: Int, _ height: Int) -> StartingNoise.Size {
            .init(channels: description.vae.latentChannels, height: height / factor, width: width / factor)
        }
        let size = latents(job.width, job.height)
        return StartingNoise(
            job.generator, seed: own.seed ?? 0,
            variation: own.variation.map { ($0.seed ?? 0, $0.strength) }, size: size,
            seedSize: own.seedSize.map { latents($0.width, $0.height) } ?? size)
    }

    /// A picture's latents, scaled: a sample of them, mean + exp(logvar / 2)·noise, where the VAE gives a distribution.
    ///
    /// - Parameter signed: [height, width, 3] in −1…1
    /// - Returns: [channels, height, width]
    private func encode(
        _ signed: [Float], _ job: PreparedRequest, _ generator: inout any NoiseGenerator
    ) throws -> [Float] {
        let (shape, vae) = (latentShape(job), description.vae)
        let planes = try encoded(signed, job)
        let noise = vae.drawsLatents ? generator.normal(shape.count) : []
        return (0..<shape.count).map { index in
            var value = planes[index]
            if vae.drawsLatents {
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
    private func encoded(_ signed: [Float], _ job: PreparedRequest) throws -> [Float] {
        let shape = latentShape(job)
        let tensor = try Tensor(batch: 1, height: job.height, width: job.width, channels: 3, values: signed)
        let encoded = try networks.vae.encode(tensor, vaeCompute, tiling: job.vaeTiling)
        let all = LatentShape(channels: encoded.channels, height: shape.height, width: shape.width)
        return all.channelsFirst(encoded.buffer)
    }
}
