import Glibc
import Images
import Models
import Sampling
import Tensors

/// Where a run starts, and what it must keep. Noise is drawn in the order of diffusers' pipelines.
struct StartingPoint {
    /// [channels, height, width] at the level of the first step.
    var latents: [Float]
    /// Inpainting with an ordinary UNet: the picture's latents, the noise on them, and where to repaint.
    var kept: Kept?
    /// Inpainting models: [height, width, 1 + channels], mask and masked picture.
    var extraChannels: [Float]?

    struct Kept {
        var picture: [Float]
        var noise: [Float]
        /// [height, width], 1 = repaint
        var mask: [Float]
    }

    /// Puts the kept region back, noised to where the sample is now.
    func restored(_ x: [Float], after step: Int, _ sampler: any Sampler) -> [Float] {
        guard let kept else { return x }
        let isLast = sampler.levelAfter(step: step) == nil
        let picture = isLast ? kept.picture : sampler.noised(kept.picture, noise: kept.noise, step: step + 1)
        let pixels = kept.mask.count
        return x.indices.map { index in
            let mask = kept.mask[index % pixels]
            return (1 - mask) * picture[index] + mask * x[index]
        }
    }
}

extension Model {
    func startingPoint(
        _ job: PreparedRequest, _ index: Int, _ generator: inout any NoiseGenerator
    ) throws -> StartingPoint {
        let shape = latentShape(job)
        let sampler = job.sampler
        guard let picture = job.initImage else {
            let noise = job.request.latents?.picture(index) ?? generator.normal(shape.count)
            return StartingPoint(latents: noise.map { $0 * sampler.initialNoiseScale })
        }
        guard let mask = job.mask else {
            let latents = try encode(picture.signed, job, &generator)
            let noise = generator.normal(shape.count)
            return StartingPoint(latents: sampler.noised(latents, noise: noise, step: job.firstStep))
        }

        let startsFromNoise = (job.request.strength ?? 1) >= 1
        var latents: [Float]?
        // An inpainting model that starts from pure noise has no use for the picture's own latents.
        if !isInpainting || !startsFromNoise { latents = try encode(picture.signed, job, &generator) }
        let noise = generator.normal(shape.count)
        let small = try mask.downsampled(width: shape.width, height: shape.height)
        var start = StartingPoint(
            latents: startsFromNoise
                ? noise.map { $0 * sampler.initialNoiseScale }
                : sampler.noised(latents ?? noise, noise: noise, step: job.firstStep))
        if isInpainting {
            let masked = shape.channelsLast(try encode(try mask.erased(picture), job, &generator))
            start.extraChannels = (0..<shape.pixels).flatMap { pixel in
                [small.values[pixel]] + masked[pixel * shape.channels..<(pixel + 1) * shape.channels]
            }
        } else if let latents {
            // diffusers encodes the masked picture here too and never looks at it, but its noise counts.
            _ = generator.normal(shape.count)
            start.kept = StartingPoint.Kept(picture: latents, noise: noise, mask: small.values)
        }
        return start
    }

    /// A sample of a picture's latents, scaled: mean + exp(logvar / 2)·noise.
    ///
    /// - Parameter signed: [height, width, 3] in −1…1
    /// - Returns: [channels, height, width]
    private func encode(
        _ signed: [Float], _ job: PreparedRequest, _ generator: inout any NoiseGenerator
    ) throws -> [Float] {
        let shape = latentShape(job)
        let tensor = try Tensor(batch: 1, height: job.height, width: job.width, channels: 3, values: signed)
        let moments = try vae.encode(tensor, compute, tiling: job.vaeTiling)
        let both = LatentShape(channels: 2 * shape.channels, height: shape.height, width: shape.width)
        let planes = both.channelsFirst(moments.buffer)
        let noise = generator.normal(shape.count)
        return (0..<shape.count).map { index in
            let logarithm = min(max(planes[shape.count + index], -30), 20)
            return (planes[index] + expf(0.5 * logarithm) * noise[index]) * folder.vae.scalingFactor
        }
    }
}
