import Sampling

// Every field of a request, in the order in which the webui's text has them. A new field is a property of `Request`, an
// entry here, and an option of the command line; nothing else has to know of it.

extension RequestField {
    /// All fields.
    public static let all: [RequestField] = [
        prompt, negativePrompt,
        steps, sampler, schedule, guidanceScale, imageGuidanceScale, guidanceRescale,
        guidanceStart, guidanceEnd, guidanceSigmas, guidanceCurve, perturbedAttention, selfAttentionScale,
        adaptiveProjection, dynamicThresholding, threshold, cacheInterval,
        seed, width, height,
        variation, morph, seedSize, strength, maskBlur, eta,
        sigmas, noiseSchedule, zeroSNR, churn, churnLowest, churnHighest, noiseFactor, brownianNoise,
        relativeTolerance, absoluteTolerance,
        solverOrder, solverType, gamma, tau, snr, correctorSteps,
        clipSkip, prediction,
        originalSize, crop, targetSize, refinerStart, aestheticScore, negativeAestheticScore,
        noiseSeedDelta, usesSGMNoise, leavesOutPenultimate, noiseMultiplier, maskedContent,
        likeness, place, emphasis, promptStyle, template, negativeTemplate, vaeTiling, generator, count,
    ]

    /// The field of a name, as records and servers have it.
    public static func named(_ name: String) -> RequestField? { byName[name] }

    private static let byName = Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

    /// - Throws: `LimnError` for the first value that is out of range
    static func checkRanges(of request: Request) throws { for field in all { try field.check(request) } }
}

// MARK: The prompts, and how they are read

extension RequestField {
    public static let prompt = RequestField("prompt", \.prompt, "What to draw.", isAlwaysThere: true)

    public static let negativePrompt = RequestField(
        "negativePrompt", \.negativePrompt, "What to steer away from.", isAlwaysThere: true)

    public static let promptStyle = RequestField(
        "promptStyle", \.text.style,
        """
        How prompts are read: plain, as they are; webui, with its weights (a:1.2), [a:b:0.4], [a|b], AND, BREAK; comfyui, \
        with its weights; sd.cpp, with weights and BREAK. All except plain read prompts of any length.
        """, usual: "plain, or the profile's", key: "Prompt style", off: .plain)

    public static let emphasis = RequestField(
        "emphasis", \.text.emphasis,
        """
        What weights do: original (multiply, keep the mean), no-norm (multiply), comfyui (move away from the empty prompt), \
        ignore.
        """, usual: "the style's own",
        texts: { request in request.text.emphasis.map { [("Emphasis", $0.webUIName)] } ?? [] },
        readText: { fields, request in
            request.text.emphasis = fields.value("Emphasis") { name in
                Emphasis.allCases.first { $0.webUIName == name }
            }
        })

    public static let clipSkip = RequestField(
        "clipSkip", \.text.clipSkip,
        "The layer of the text encoder whose output is used: 1 is the last, 2 the one before it, up to the first.",
        usual: "1", key: "Clip skip", off: 1)

    public static let morph = RequestField(
        "morph", \.text.morph, "Another prompt, and how far towards it the embeddings are mixed, 0 to 1.",
        texts: { request in
            request.text.morph.map { [("Morph to", $0.prompt), ("Morph amount", Float($0.amount).fieldText)] } ?? []
        },
        readText: { fields, request in
            guard let prompt = fields.text("Morph to"), let amount = fields.double("Morph amount") else { return }
            request.text.morph = Morph(prompt: prompt, amount: amount)
        })

    public static let template = RequestField(
        "promptTemplate", \.text.template, "The text that the prompt was chosen from.", key: "Template")

    public static let negativeTemplate = RequestField(
        "negativePromptTemplate", \.text.negativeTemplate, "The text that the negative prompt was chosen from.",
        key: "Negative Template")
}

// MARK: The picture's size, and the picture to start from

extension RequestField {
    public static let width = RequestField(
        "width", \.width, "Width in pixels, a multiple that depends on the model.", usual: "the model's own",
        texts: { request in
            guard let width = request.width, let height = request.height else { return [] }
            return [("Size", PixelSize(width: width, height: height).fieldText)]
        },
        readText: { fields, request in
            guard let size = fields.value("Size", PixelSize.init(fieldText:)) else { return }
            (request.width, request.height) = (size.width, size.height)
        })

    public static let height = RequestField(
        "height", \.height, "Height in pixels, likewise.", usual: "the model's own")

    public static let count = RequestField("count", \.count, "How many pictures, 1 to 10000.", usual: "1")

    public static let strength = RequestField(
        "strength", \.source.strength, "How far to move away from the picture.",
        FieldRange("a strength", 0...1), usual: "0.75; 1 with a mask; or the profile's", key: "Denoising strength")

    public static let maskBlur = RequestField(
        "maskBlur", \.source.maskBlur, "Blur of the mask's edge in pixels.",
        FieldRange("a mask blur", 0...512, hint: " pixels"), usual: "4",
        texts: { request in
            request.source.mask == nil ? [] : [("Mask blur", request.source.maskBlur.fieldText)]
        },
        readText: { fields, request in
            if let blur = fields.double("Mask blur") { request.source.maskBlur = blur }
        })

    public static let vaeTiling = RequestField(
        "vaeTiling", \.vaeTiling,
        """
        Run the VAE on tiles of 64×64 latents (512 pixels with Stable Diffusion) where the picture is larger: less memory, \
        and a slightly different picture, for norms see one tile at a time.
        """, usual: "only if the model is loaded for little memory",
        texts: { request in request.vaeTiling == true ? [("VAE tiling", "on")] : [] },
        readText: { fields, request in
            if fields.text("VAE tiling") == "on" { request.vaeTiling = true }
        })
}

// MARK: Seeds

extension RequestField {
    public static let seed = RequestField(
        "seed", \.seed,
        "The same seed gives the same picture; picture i of several uses seed + i.",
        usual: "random, as for a negative number; printed and recorded", key: "Seed")

    public static let generator = RequestField(
        "generator", \.seeds.generator, "Whose random numbers: torch, cuda or numpy.", usual: "torch, or the profile's",
        texts: { request in
            // The webui knows these by other names.
            let names = request.likeness == .webui ? ["cuda": "NV", "torch": "CPU"] : [:]
            return request.seeds.generator.map { [("RNG", names[$0] ?? $0)] } ?? []
        },
        readText: { fields, request in
            request.seeds.generator = fields.value("RNG") { try? GeneratorName(named: $0) }?.rawValue
        })

    public static let variation = RequestField(
        "variation", \.seeds.variation,
        """
        How much of another seed's noise is mixed in, 0 to 1, for pictures near that of the seed. Picture i of several then \
        has the same seed, and variation seed + i.
        """,
        texts: { request in
            guard let variation = request.seeds.variation else { return [] }
            let seed = variation.seed.map { [("Variation seed", $0.fieldText)] } ?? []
            return seed + [("Variation seed strength", Float(variation.strength).fieldText)]
        },
        readText: { fields, request in
            let seed = fields.value("Variation seed") { UInt64($0) }
            guard let strength = fields.double("Variation seed strength"), strength > 0 else { return }
            request.seeds.variation = Variation(seed: seed, strength: strength)
        })

    public static let seedSize = RequestField(
        "seedSize", \.seeds.size,
        "Draw the seed's noise at this size and lay it into the centre: keeps a composition at another size.",
        usual: "the picture's own",
        texts: { request in request.seeds.size.map { [("Seed resize from", $0.fieldText)] } ?? [] },
        // -1x-1 is none.
        readText: { fields, request in
            request.seeds.size = fields.text("Seed resize from").flatMap(PixelSize.init(fieldText:))
        })

    public static let place = RequestField(
        "place", \.seeds.place, "Which picture of a ComfyUI batch this is.",
        texts: { request in
            request.seeds.place.map { [("Place in batch", "\($0.index + 1) of \($0.count)")] } ?? []
        })
}

// MARK: Sampling

extension RequestField {
    public static let steps = RequestField(
        "steps", \.steps, "Denoising steps, 1 to the number of the model's training steps, mostly 1000.",
        usual: "25; LCM 4, SDXL Turbo 1", key: "Steps", isAlwaysThere: true)

    public static let sampler = RequestField(
        "sampler", \.sampler, "The sampler.", usual: "the model's",
        texts: { request in
            request.sampler.map { [("Sampler", SamplerName(rawValue: $0)?.displayName ?? $0)] } ?? []
        })

    public static let schedule = RequestField(
        "schedule", \.schedule, "How noise levels are spaced.", usual: "the model's",
        texts: { request in
            request.schedule.map { [("Schedule type", ScheduleName(rawValue: $0)?.displayName ?? $0)] } ?? []
        })

    public static let eta = RequestField(
        "eta", \.sampling.eta, "How much noise samplers add in each step, for those that take it.",
        FieldRange("an eta", 0...1), usual: "their own; 0 for ddim, 1 for euler_a", key: "Eta")

    public static let prediction = RequestField(
        "prediction", \.sampling.prediction,
        "What the network predicts, where the model does not say it or is wrong.", usual: "the model's",
        key: "Prediction")

    public static let cacheInterval = RequestField(
        "cacheInterval", \.sampling.cacheInterval,
        "Run the whole UNet every so many evaluations; those between run its outermost layers, which is faster and "
            + "changes the picture.",
        FieldRange("a cache interval", 1...1000, hint: ", 1 for none"), usual: "1, always", key: "Cache interval")

    public static let sigmas = RequestField(
        "tuning.sigmas", \.sampling.tuning.sigmas,
        "Noise levels σ in the place of steps and schedule: falling, 1000 at most; the last 0 may be left out.",
        key: "Sigmas")

    public static let noiseSchedule = RequestField(
        "tuning.noiseSchedule", \.sampling.tuning.noiseSchedule,
        """
        The beta schedule: linear, scaled_linear (quadratic), squaredcos_cap_v2 (cosine) or sigmoid.
        """, usual: "the model's",
        texts: { request in request.sampling.tuning.noiseSchedule.map { [("Betas", $0)] } ?? [] },
        readText: { fields, request in
            request.sampling.tuning.noiseSchedule = fields.value("Betas") { try? BetaSchedule(named: $0) }?.rawValue
        })

    /// The webui's value of "Noise Schedule" for noise that ends in pure noise.
    private static let zeroSNRText = "Zero Terminal SNR"

    public static let zeroSNR = RequestField(
        "tuning.zeroSNR", \.sampling.tuning.zeroSNR,
        "Scale the beta schedule to zero terminal SNR; for models that predict v or x₀.", usual: "the model's",
        texts: { request in
            request.sampling.tuning.zeroSNR == true ? [("Noise Schedule", zeroSNRText)] : []
        },
        readText: { fields, request in
            let isOn = fields.value("Noise Schedule") { $0 == zeroSNRText ? true : $0 == "Default" ? false : nil }
            if isOn == true { request.sampling.tuning.zeroSNR = true }
        })

    public static let noiseFactor = RequestField(
        "tuning.noiseFactor", \.sampling.tuning.noiseFactor, "Factor of the noise that samplers add in each step.",
        FieldRange("a noise factor", 0...2), usual: "1", key: "Sigma noise")

    public static let brownianNoise = RequestField(
        "tuning.brownianNoise", \.sampling.tuning.brownianNoise,
        """
        dpm++sde, dpm++2m_sde, dpm++3m_sde: all noise from one Brownian path, however it is cut into steps, as in the webui \
        and ComfyUI.
        """, usual: "new noise in each step", key: "Brownian noise")

    public static let churn = RequestField(
        "tuning.churn", \.sampling.tuning.churn,
        "Euler, Heun and DPM2: noise added before steps and removed again, over all steps.",
        FieldRange("a churn", 0...1000), usual: "0", key: "Sigma churn")

    public static let churnLowest = RequestField(
        "tuning.churnLowest", \.sampling.tuning.churnLowest, "The lowest σ at which churn is added.",
        FieldRange("the lowest σ of the churn", 0...100_000), usual: "0", key: "Sigma tmin")

    public static let churnHighest = RequestField(
        "tuning.churnHighest", \.sampling.tuning.churnHighest,
        "The highest σ at which churn is added, from the lowest on.", usual: "none", key: "Sigma tmax")

    public static let relativeTolerance = RequestField(
        "tuning.relativeTolerance", \.sampling.tuning.relativeTolerance,
        "DPM adaptive: error of a step, as a part of the values.",
        FieldRange("a relative tolerance", 0.00001...1), usual: "0.05", key: "Relative tolerance")

    public static let absoluteTolerance = RequestField(
        "tuning.absoluteTolerance", \.sampling.tuning.absoluteTolerance, "DPM adaptive: error of a step, at least.",
        FieldRange("an absolute tolerance", 0.000001...1), usual: "0.0078", key: "Absolute tolerance")

    public static let solverOrder = RequestField(
        "solver.order", \.sampling.solver.order,
        """
        Of how many predictions a step is made: 1 to 3 (dpm++2m, dpm++_singlestep, dpm_solver, deis, er_sde, unipc), 1 to 4 \
        (ipndm, sa_solver).
        """, usual: "the sampler's", key: "Solver order")

    public static let solverType = RequestField(
        "solver.type", \.sampling.solver.type,
        """
        Which formula of that order: midpoint or heun (the DPM-Solvers), bh1 or bh2 (unipc), ancestral, reverse_diffusion or \
        euler_maruyama (pc_ve, pc_vp).
        """, usual: "the sampler's", key: "Solver type")

    public static let gamma = RequestField(
        "solver.gamma", \.sampling.solver.gamma, "tcd: how much of each step is noised anew.",
        FieldRange("a gamma", 0...1), usual: "0.3", key: "Gamma")

    public static let tau = RequestField(
        "solver.tau", \.sampling.solver.tau, "sa_solver: how much noise the middle of the run gets.",
        FieldRange("a tau", 0...10), usual: "1", key: "Tau")

    public static let snr = RequestField(
        "solver.snr", \.sampling.solver.snr,
        "pc_ve, pc_vp, annealed_langevin: signal-to-noise ratio of a Langevin step.",
        FieldRange("a signal-to-noise ratio", 0.001...1), usual: "0.15, 0.16, 0.22", key: "SNR")

    public static let correctorSteps = RequestField(
        "solver.correctorSteps", \.sampling.solver.correctorSteps,
        "pc_ve, pc_vp, annealed_langevin: Langevin steps at each noise level.",
        FieldRange("a number of corrector steps", 0...100), usual: "1, 1, 10", key: "Corrector steps")
}

// MARK: Guidance

extension RequestField {
    public static let guidanceScale = RequestField(
        "guidanceScale", \.guidanceScale,
        "How strictly to follow the prompt (classifier-free guidance); 1 is off.",
        FieldRange("a guidance scale", 0...1000, hint: ", 1 for none"), usual: "the model's, 7 for most",
        key: "CFG scale")

    public static let imageGuidanceScale = RequestField(
        "imageGuidanceScale", \.guidance.imageScale, "InstructPix2Pix: how strictly to keep to the picture.",
        FieldRange("an image guidance scale", 0...1000, hint: ", usually 1.5"), usual: "1.5", key: "Image CFG scale")

    public static let guidanceRescale = RequestField(
        "guidanceRescale", \.guidance.rescale, "Reduces over-exposure at high guidance (CFG rescale).",
        FieldRange("a guidance rescale", 0...1), usual: "0", key: "CFG rescale")

    public static let guidanceStart = RequestField(
        "guidance.start", \.guidance.start,
        "The part of the steps after which guidance begins; those before do half the work.",
        FieldRange("a guidance start", 0...1, hint: ", 0 for the first step"), usual: "0", key: "Guidance start")

    public static let guidanceEnd = RequestField(
        "guidanceEnd", \.guidance.end, "The part of the steps that is guided; the others do half the work.",
        FieldRange("a guidance end", 0...1, hint: ", 1 for the last step"), usual: "1, all", key: "Guidance end")

    public static let guidanceSigmas = RequestField(
        "guidance.sigmas", \.guidance.sigmas,
        "Guide only where the noise lies between these levels, such as 0.28,5.42, from 0 to 1000000.",
        texts: { request in
            request.guidance.sigmas.map { [("Guidance sigmas", "\($0.low) to \($0.high)")] } ?? []
        })

    public static let guidanceCurve = RequestField(
        "guidance.curve", \.guidance.curve,
        """
        How the guidance scale changes over the run: linear:START or cosine:START, which end at the guidance scale, or \
        values such as 1,8,3, each 0 to 1000.
        """, usual: "one scale",
        texts: { request in
            request.guidance.curve.map { curve in
                [("Guidance curve", curve.shape + " " + curve.values.map { "\($0)" }.joined(separator: " "))]
            } ?? []
        })

    public static let perturbedAttention = RequestField(
        "guidance.perturbedAttention", \.guidance.perturbedAttention,
        "Perturbed-attention guidance, 0 to 100, usually 2 to 4: half as much work again.", usual: "0, off",
        texts: { request in request.guidance.perturbedAttention?.texts ?? [] })

    public static let selfAttentionScale = RequestField(
        "guidance.selfAttentionScale", \.guidance.selfAttentionScale,
        "Self-attention guidance, usually 0.5 to 1: half as much work again.",
        FieldRange("a SAG scale", 0...100, hint: ", 0 for none"), usual: "0, off", key: "SAG scale")

    public static let adaptiveProjection = RequestField(
        "guidance.adaptiveProjection", \.guidance.adaptiveProjection,
        """
        Adaptive projected guidance, against the over-saturation of high scales: on, or what differs from \
        eta=0,threshold=15,momentum=-0.5.
        """, usual: "off",
        texts: { request in
            request.guidance.adaptiveProjection.map {
                [("APG", "eta \($0.eta) threshold \($0.threshold) momentum \($0.momentum)")]
            } ?? []
        })

    public static let dynamicThresholding = RequestField(
        "guidance.dynamicThresholding", \.guidance.dynamicThresholding,
        """
        The webui's dynamic thresholding: the scale to mimic, such as 7, and after commas what differs from percentile=1, \
        mode=constant, min=0, cfg-mode=constant, cfg-min=0, power=4, startpoint=mean, variability=ad, channels=separate, \
        phi=1.
        """, usual: "off",
        texts: { request in request.guidance.dynamicThresholding?.texts ?? [] },
        readText: { fields, request in
            request.guidance.dynamicThresholding = GuidanceOptions.MimicScale(fields.parameters)
            if let read = request.guidance.dynamicThresholding { fields.pass(read.texts.map(\.key)) }
        })

    public static let threshold = RequestField(
        "guidance.threshold", \.guidance.threshold,
        """
        Imagen's dynamic thresholding: the part of each prediction's values that is not clipped, such as 0.995,range=4.
        """, usual: "off",
        texts: { request in
            request.guidance.threshold.map { [("x0 threshold", "\($0.ratio) range \($0.range)")] } ?? []
        })
}

// MARK: Conditions of some families of models

extension RequestField {
    public static let originalSize = RequestField(
        "originalSize", \.conditions.originalSize,
        "SDXL: the size that the picture appears to have had before it was scaled.", usual: "its own")

    public static let crop = RequestField(
        "crop", \.conditions.crop, "SDXL: how much appears to have been cropped off.", usual: "0,0")

    public static let targetSize = RequestField(
        "targetSize", \.conditions.targetSize, "SDXL: the size that the picture appears to have been made for.",
        usual: "its own")

    public static let refinerStart = RequestField(
        "refinerStart", \.conditions.refinerStart, "The part of the noise after which the refiner takes over.",
        FieldRange("a refiner's start", 0...1, hint: ", usually 0.8"), usual: "0.8")

    public static let aestheticScore = RequestField(
        "aestheticScore", \.conditions.aestheticScore, "SDXL's refiner: how beautiful, usually 1 to 10.",
        FieldRange("an aesthetic score", 0...100, hint: ", usually 1 to 10"), usual: "6")

    public static let negativeAestheticScore = RequestField(
        "negativeAestheticScore", \.conditions.negativeAestheticScore,
        "SDXL's refiner: the same for what is steered away from.",
        FieldRange("an aesthetic score", 0...100, hint: ", usually 1 to 10"), usual: "2.5")
}

// MARK: Other programs

extension RequestField {
    public static let likeness = RequestField(
        "likeness", \.likeness,
        """
        Draw what this program draws with the same settings: diffusers, webui, comfyui or sd.cpp. It decides about random \
        numbers, noise levels, steps of a strength, prompts, masks and all defaults; what is given explicitly wins.
        """, usual: "diffusers; for a picture of another program, that program",
        texts: { request in request.likeness == .diffusers ? [] : [("Like", request.likeness.rawValue)] })

    public static let noiseSeedDelta = RequestField(
        "webUI.noiseSeedDelta", \.webUI.noiseSeedDelta,
        "The webui's profile: what is added to the seed for the noise of samplers (ENSD).",
        FieldRange("an eta noise seed delta", 0...4_294_967_296), usual: "0", key: "ENSD", off: 0)

    public static let usesSGMNoise = RequestField(
        "webUI.usesSGMNoise", \.webUI.usesSGMNoise,
        "The webui's profile: begin with the noise of its \"SGM noise multiplier\".", usual: "no",
        key: "SGM noise multiplier", off: false)

    public static let leavesOutPenultimate = RequestField(
        "webUI.leavesOutPenultimate", \.webUI.leavesOutPenultimate,
        "The webui's profile: leave out the last σ but one with all samplers.",
        usual: "with DPM2 and DPM++ 3M SDE only", key: "Discard penultimate sigma", off: false)

    public static let noiseMultiplier = RequestField(
        "webUI.noiseMultiplier", \.webUI.noiseMultiplier,
        "The webui's profile: factor of the noise that is put on a picture.",
        FieldRange("a noise multiplier", 0...2, hint: ", 1 for none"), usual: "1", key: "Noise multiplier")

    public static let maskedContent = RequestField(
        "webUI.maskedContent", \.webUI.maskedContent,
        "The webui's profile: what lies where a mask repaints: original, \"latent noise\" or \"latent nothing\".",
        usual: "original", key: "Masked content")
}
