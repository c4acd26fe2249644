import Images
import Models
import Sampling
import Tensors

extension Model {
    /// Draws the pictures of a request, one after the other: a picture does not depend on how many there are.
    ///
    /// - Parameter previewEvery: after every how many steps to decode what there is
    func draw(_ job: RunPlan, previewEvery: Int? = nil, tell: (Event) -> Void) throws {
        let request = job.request
        var seconds = StageSeconds()
        func timed<R>(_ stage: WritableKeyPath<StageSeconds, Double>, _ body: () throws -> R) rethrows -> R {
            let start = Compute.seconds
            defer { seconds[keyPath: stage] += Compute.seconds - start }
            return try body()
        }
        func report(
            _ stage: Progress.Stage, _ picture: Int, secondsPerStep: Double? = nil, preview: Picture? = nil
        ) {
            tell(
                .progress(
                    Progress(
                        stage: stage, picture: picture, pictures: request.count, secondsPerStep: secondsPerStep,
                        preview: preview)))
        }

        if compute.weights == nil { textCompute.weights?.budget = .max }
        for text in job.sampling.warnings { tell(.warning(text)) }
        report(.encodingText, 0)
        let phases = try timed(\.textEncoder) { try runPhases(job, tell: tell) }
        let textSeconds = seconds.textEncoder
        let shape = latentShape(job)
        try planDecoding(job)
        for phase in phases {
            try phase.unet.plan(height: shape.height, width: shape.width, phase.conditioning, compute)
        }
        defer { makeRoom(job) }
        for index in 0..<request.count {
            seconds = StageSeconds()
            seconds.textEncoder = index == 0 ? textSeconds : 0
            let own = try job.picture(index)
            var generator = try job.firstNoise(own.seeds, count: shape.count)
            if job.canvas.kind != .text { report(.encodingPicture, index) }
            makeRoom(job)
            let start = try timed(\.vaeEncoder) { try startingPoint(job, own, &generator) }
            generator = try job.addedNoise(after: generator, own.seeds, count: shape.count)
            let denoiser = try Denoiser(
                phases: phases, job, extra: start.extraChannels, shape: shape, compute: compute)
            report(.denoising(step: 0, steps: job.sampling.steps), index)
            let latents = try timed(\.unet) {
                makeRoom(job)
                try denoiser.plan()
                if previewEvery != nil { try planDecoding(job, forPreview: true) }
                keepWeights()
                var last = Compute.seconds
                var previews = Previews(every: previewEvery, steps: job.sampling.steps)
                return try job.sampling.sampler.sample(
                    start.latents, from: job.sampling.firstStep,
                    denoise: { x, level in
                        let denoised = try start.keeping(x, at: level) { try denoiser.denoised($0, level) }
                        previews.keep(denoised.x0)
                        return denoised
                    },
                    noise: NoiseSource(path: job.brownianPath(own.seeds)) { generator.normal(in: start.latents.pool) },
                    afterStep: { step, x in
                        let now = Compute.seconds
                        let done = step - job.sampling.firstStep + 1
                        let preview = try previews.due(after: done).map { try decode($0, job, forPreview: true) }
                        report(
                            .denoising(step: done, steps: job.sampling.steps), index, secondsPerStep: now - last,
                            preview: preview)
                        last = Compute.seconds
                        seconds.vaeDecoder += last - now
                        seconds.unet -= last - now
                        return start.restored(x, after: step, job)
                    }
                ).values
            }
            report(.decoding, index)
            makeRoom(job)
            var picture = try timed(\.vaeDecoder) { try decode(latents, job) }
            picture.request = own.request
            picture.latents = try Latents(
                batch: 1, channels: shape.channels, height: shape.height, width: shape.width, values: latents)
            picture.seconds = seconds
            picture.metadata = try metadata(for: own.request)
            tell(.picture(picture))
        }
    }

    /// Where memory is short, every network gets the room that the one before it had.
    private func makeRoom(_ job: RunPlan) {
        guard let weights = compute.weights else { return letGo(job) }
        weights.removeAll()
        weights.budget = 0
        compute.arena.releaseMemory()
    }

    /// Lets as many weights stay packed as there is room for beside the activations just planned.
    private func keepWeights() {
        guard let weights = compute.weights else { return }
        let activations = compute.arena.capacity * MemoryLayout<Float>.stride
        // What LoRAs have changed lies in no file, and stays packed from loading on.
        let changed = compute.packedByteCount + (vaeCompute === compute ? 0 : vaeCompute.packedByteCount)
        weights.budget = max(0, Self.lowMemory - activations - weights.sharedBytes - changed)
    }

    /// In a large model text encoders and VAE give back the memory of their weights when they have done their work, and
    /// pack them again for the next picture, which takes little of the time of a network of several GB. A VAE that sees
    /// its picture whole needs each of them but once, so that they take turns in the same memory. Without this, Stable
    /// Diffusion XL would need 2.5 GB more.
    private func letGo(_ job: RunPlan) {
        guard isLarge, let resting = textCompute.weights else { return }
        resting.removeAll()
        resting.budget = job.vaeTiling == nil ? 0 : .max
    }

    private var isLarge: Bool {
        let packed = compute.packedByteCount + textCompute.packedByteCount + textCompute.deferredByteCount
        let vae = vaeCompute === textCompute ? 0 : vaeCompute.packedByteCount + vaeCompute.deferredByteCount
        return packed + vae + compute.arena.capacity * MemoryLayout<Float>.stride > largeMemory
    }

    /// Bytes of activations and weights together under a small memory: leaves room below 1.6 GB for a layer's mapped
    /// file, the text's states and the program itself.
    private static let lowMemory = 1_400_000_000

    func latentShape(_ job: RunPlan) -> LatentShape {
        let factor = description.vae.factor
        return LatentShape(
            channels: description.vae.latentChannels, height: job.canvas.height / factor,
            width: job.canvas.width / factor)
    }

    /// What decodes, where it runs, and how latents are scaled before.
    private func decoder(forPreview: Bool) -> (network: any Autoencoder, compute: Compute, config: any VAEConfig) {
        if let tiny, forPreview || !tiny.isForPreviewsOnly { return (tiny.network, compute, tiny.config) }
        return (networks.vae, vaeCompute, description.vae)
    }

    private func planDecoding(_ job: RunPlan, forPreview: Bool = false) throws {
        let shape = latentShape(job)
        let decoder = decoder(forPreview: forPreview)
        try decoder.network.planDecoding(
            height: shape.height, width: shape.width, decoder.compute, tiling: job.vaeTiling)
    }

    private func decode(_ latents: [Float], _ job: RunPlan, forPreview: Bool = false) throws -> Picture {
        let shape = latentShape(job)
        let decoder = decoder(forPreview: forPreview)
        // As diffusers' Stable Diffusion pipelines do, without the VAE's shift_factor.
        let pixels = shape.pixels
        let scaled = latents.enumerated().map { decoder.config.unscaled($1, channel: $0 / pixels) }
        let tensor = try Tensor(
            batch: 1, height: shape.height, width: shape.width, channels: shape.channels,
            values: shape.channelsLast(scaled))
        let decoded = try decoder.network.decode(tensor, decoder.compute, tiling: job.vaeTiling)
        var image = try Image(
            signed: decoded.buffer, width: job.canvas.width, height: job.canvas.height, cuts: job.habits.cutsPixels)
        if let mask = job.canvas.mask, let original = job.canvas.picture, job.habits.pastes != .nothing {
            var soft = try mask.blurred(sigma: job.request.source.maskBlur)
            if job.habits.pastes == .doubled { soft = soft.doubled() }
            image = try soft.composite(original: original, painted: image)
        }
        return Picture(image: image)
    }
}

/// Which steps of a picture show what there is.
private struct Previews {
    let every: Int?
    let steps: Int
    private var latents: Sample?
    private var last = 0

    init(every: Int?, steps: Int) { (self.every, self.steps) = (every, steps) }

    /// Remembers what the network last took for the picture.
    mutating func keep(_ x0: Sample) {
        if every != nil { latents = x0 }
    }

    /// The latents to show after so many steps; none after the last, which the picture itself follows, and one for a
    /// step that is told of twice.
    mutating func due(after done: Int) -> [Float]? {
        guard let every, every > 0, done > last, done < steps, done % every == 0 else { return nil }
        last = done
        return latents?.values
    }
}
