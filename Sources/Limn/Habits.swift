import Sampling

/// What one program does otherwise than another. The values here are diffusers'.
struct Habits: Sendable {
    /// Whose random numbers; of the noise on the way alone, where `firstNoise` has another.
    var generator = GeneratorName.torch
    /// Of samplers whose noise has another.
    var generators: [String: GeneratorName] = [:]
    /// Samplers of an SDE whose noise follows a Brownian path.
    var brownianNoise: Set<String> = []
    /// Whether that path begins with the ladder's highest σ, even where a run from a picture does not.
    var followsWholePath = false
    /// Whose the first noise is.
    var firstNoise: GeneratorName?
    /// How the noise on the way follows it.
    var noiseOnTheWay = NoiseOnTheWay.goesOn
    /// Whether a batch is one tensor of noise, of which picture i has the i-th part; else it has the seed + i.
    var sharesNoise = false
    /// Where the noise comes from with which a VAE's distribution is sampled.
    var encoding = Encoding.sampled

    /// What is drawn where nothing is asked for; nil: what the model says.
    var sampler: String?
    var steps: Int?
    var guidanceScale: Float?
    /// The schedule of a sampler for which none is asked; the other samplers' is `normal`.
    var schedules: [String: String] = [:]
    /// Schedules that mean another in this program.
    var meantSchedules: [String: String] = [:]
    /// Samplers that are another in this program.
    var meantSamplers: [String: String] = [:]
    /// η of samplers that have another by themselves.
    var etas: [String: Float] = [:]
    /// Samplers whose ladder is made a step longer, and its last σ but one left out.
    var leavesOutPenultimate: Set<String> = []
    /// Samplers that step as this program's do.
    var samplers: Set<String> = []
    /// How σ are laid out; nil: as diffusers does.
    var conventions: RunConventions?
    var strength = StrengthRule.diffusers
    /// How far to move from a picture, with a mask or without; nil: 0.75, with a mask 1.
    var usualStrength: Double?

    var style = PromptStyle.plain
    /// Whether prompts that change count evaluations of the network, from 0, or steps, from 1.
    var countsEvaluations = false
    /// Whether layers are skipped for the negative prompt, too.
    var skipsForNegative = false
    var clipSkip = ClipSkip.fromTheModels
    /// What XL is told where the negative prompt is empty.
    var emptyNegative = EmptyNegative.asTheModelSays

    var repainting = Repainting.afterSteps
    /// Whether latents that are kept are put back once the run is at its end.
    var restoresAtEnd = true
    /// How the original's pixels are laid over what was painted.
    var pastes = Pasting.blurred
    /// Whether a pixel's fraction is cut off, or rounded.
    var cutsPixels = false

    enum NoiseOnTheWay: Sendable {
        /// From the generator of the first noise.
        case goesOn
        /// From a generator begun anew with the seed; that of a CPU with the one after it.
        case beginsAnew
    }

    enum Encoding: Sendable {
        /// From the run's generator, before the first noise.
        case sampled
        /// From a generator of its own with the same seed.
        case sampledApart
        /// There is none: the distribution's mean.
        case mean
    }

    /// From which layer clip skip is counted.
    enum ClipSkip: Sendable {
        /// From the one that the model listens to.
        case fromTheModels
        case fromLast
        /// From the last, and for Stable Diffusion 1 alone: others do not heed it.
        case ofSD1Alone
    }

    enum EmptyNegative: Sendable {
        case asTheModelSays
        case read
        /// Zeros as states, and as the vector of the whole text.
        case zero
        /// Zeros as states alone.
        case zeroStates
    }

    enum Pasting: Sendable {
        case blurred
        /// By twice the blurred mask.
        case doubled
        /// Not at all: kept pixels have been through the VAE.
        case nothing
    }

    /// What is done about the part of a picture that a mask keeps.
    enum Repainting: Sendable {
        /// After every step it is the picture's, noised to where x is.
        case afterSteps
        /// It is the picture's in all that the network predicts.
        case inPredictions
        /// And in all that the network sees, noised to where x is.
        case inInputsAndPredictions
        /// In all that the network sees, as it is.
        case inInputs
    }
}
