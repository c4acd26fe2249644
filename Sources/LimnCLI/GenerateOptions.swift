import ArgumentParser
import Limn

// The flags of `limn generate`, in the groups in which its help shows them. Nothing has a default here: what is not
// given is left to the request, to the picture of `--from`, or to the model.

struct WordOptions: ParsableArguments {
    @Argument(help: "What to draw; - reads it from standard input. \"\" draws without a prompt.")
    var prompt: String?

    @Option(
        name: [.customShort("p"), .customLong("prompt")], parsing: .unconditional,
        help: ArgumentHelp("The prompt, for scripts and for prompts that begin with a dash.", valueName: "prompt"))
    var promptOption: String?

    @Option(
        name: [.customShort("n"), .customLong("negative-prompt")], parsing: .unconditional,
        help: ArgumentHelp("What to steer away from.", valueName: "prompt"))
    var negativePrompt: String?

    @Option(
        name: [.customShort("m"), .customLong("model")],
        help: ArgumentHelp(
            """
            A model: a folder as diffusers has it, or a checkpoint file. Default: $LIMN_MODEL, else the model that \
            comes with limn.
            """,
            valueName: "model"),
        completion: .file())
    var model: String?

    @OptionGroup var checkpoint: CheckpointOptions

    @Option(
        help: ArgumentHelp(
            """
            A VAE in the place of the model's own: a folder as diffusers has it, or a file of weights with the names \
            of diffusers or of the original code.
            """,
            valueName: "path"),
        completion: .file(extensions: ["safetensors"]))
    var vae: String?

    @Option(
        help: ArgumentHelp(
            "A tiny autoencoder (TAESD) to decode with, faster and coarser: a folder or a file of weights.",
            valueName: "path"),
        completion: .file(extensions: ["safetensors"]))
    var taesd: String?

    @Flag(help: "Use --taesd for previews alone, and the VAE for the picture.")
    var taesdPreviewOnly = false

    @Flag(
        help: """
            Draw within about 1.6 GB where that can be done: weights are read from their files again and again. A \
            little slower, the same picture; but see --vae-tiling.
            """)
    var lowMemory = false

    @Option(
        help: ArgumentHelp(
            """
            Draw a picture again as its file tells; flags that are given change what it says. Pictures, masks and \
            latents that it was made from must be given again.
            """,
            valueName: "picture"),
        completion: .file(extensions: ["png"]))
    var from: String?
}

struct StartOptions: ParsableArguments {
    @Option(
        name: [.customShort("i"), .customLong("init-image"), .customLong("init-img")],
        help: ArgumentHelp(
            "A PNG to start from; it is fitted and cropped to the size. - reads it from standard input.",
            valueName: "picture"),
        completion: .file(extensions: ["png"]))
    var initImage: String?

    @Option(
        help: ArgumentHelp(
            "Repaint only where this PNG is white; needs -i, of the same size. - reads it from standard input.",
            valueName: "picture"),
        completion: .file(extensions: ["png"]))
    var mask: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Blur of the mask's edge in pixels, 0 to 512. (default: 4)", valueName: "pixels"))
    var maskBlur: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How far to move from the picture, 0 to 1. (default: 0.75; 1 with --mask; or as --like)", valueName: "0…1"))
    var strength: Double?

    @Option(
        help: ArgumentHelp(
            "Starting noise instead of the seed's: safetensors, one tensor `latents`.", valueName: "file"),
        completion: .file(extensions: ["safetensors"]))
    var latents: String?
}

struct SamplingOptions: ParsableArguments {
    @Option(
        name: [.customShort("W"), .customLong("width")], parsing: .unconditional,
        help: ArgumentHelp("Width; a multiple that the model asks for. (default: the model's own)", valueName: "pixels")
    )
    var width: Int?

    @Option(
        name: [.customShort("H"), .customLong("height")], parsing: .unconditional,
        help: ArgumentHelp("Height, likewise.", valueName: "pixels"))
    var height: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Denoising steps, 1 to the model's training steps, mostly 1000. (default: 25; LCM 4, SDXL Turbo 1)",
            valueName: "count"))
    var steps: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Classifier-free guidance, 0 to 1000: how strictly to follow the prompt; 1 is off. (default: the model's, 7 for most)",
            valueName: "scale"))
    var cfgScale: Float?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Tames over-exposure at high guidance, 0 to 1. (default: 0)", valueName: "0…1"))
    var guidanceRescale: Float?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Part of the steps that is guided, 0 to 1; the others do half the work. (default: 1, all)",
            valueName: "0…1"))
    var guidanceEnd: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Run the whole UNet every so many times, 1 to 1000; between, its outermost layers alone, which is faster and another \
            picture. (default: 1, always)
            """,
            valueName: "count"))
    var cacheInterval: Int?

    @Option(
        name: [.customShort("s"), .customLong("seed")], parsing: .unconditional,
        help: ArgumentHelp(
            "The same seed gives the same picture; negative is random. Picture i of several has seed + i. "
                + "(default: random, printed and stored)", valueName: "number"))
    var seed: Seed?

    @Option(
        help: ArgumentHelp(
            "Whose random numbers: torch, cuda or numpy. (default: torch, or as --like)", valueName: "name"))
    var rng: String?

    @Option(
        name: [.customLong("sampler"), .customLong("sampling-method")],
        help: ArgumentHelp("See the list above. (default: the model's)", valueName: "name"),
        completion: .list(Choices.samplers.map(\.name)))
    var sampler: String?

    @Option(
        name: [.customLong("schedule"), .customLong("scheduler")],
        help: ArgumentHelp("How noise levels are spaced. (default: the model's)", valueName: "name"),
        completion: .list(Choices.schedules.map(\.name)))
    var schedule: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Noise added on the way, 0 to 1, for samplers that take it. (default: their own; 0 for ddim, 1 for euler_a)",
            valueName: "0…1"))
    var eta: Float?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Which layer of the text encoder to listen to: 1 is the last, 2 the one before, up to the first. (default: 1)",
            valueName: "layer"))
    var clipSkip: Int?

    @Flag(
        inversion: .prefixedNo,
        help: """
            Run the VAE on tiles of 64×64 latents (512 pixels of Stable Diffusion) where the picture is larger: less \
            memory, and a slightly different picture, for norms see a tile alone. (default: with --low-memory)
            """)
    var vaeTiling: Bool?

    @Option(
        help: ArgumentHelp(
            "What the network predicts, where the model does not say it or is wrong. (default: the model's)",
            valueName: "name"))
    var prediction: Prediction?
}

struct ConditionOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "InstructPix2Pix: how strictly to keep to the picture of -i, 0 to 1000. (default: 1.5)", valueName: "scale")
    )
    var imageCfgScale: Float?

    @Option(
        help: ArgumentHelp(
            "SDXL: as if the picture had had this size before it was scaled. (default: its size)",
            valueName: "width×height"))
    var originalSize: PixelSize?

    @Option(
        help: ArgumentHelp("SDXL: as if so much had been cropped off. (default: 0,0)", valueName: "top,left"))
    var crop: PictureCrop?

    @Option(
        help: ArgumentHelp(
            "SDXL: as if the picture had been made for this size. (default: its size)", valueName: "width×height"))
    var targetSize: PixelSize?

    @Option(
        help: ArgumentHelp("SDXL: a refiner, which does the last steps: a folder or a file.", valueName: "path"),
        completion: .directory)
    var refiner: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Part of the noise after which the refiner takes over. (default: 0.8)", valueName: "0…1"))
    var refinerStart: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("SDXL's refiner: how beautiful, 0 to 100, usually 1 to 10. (default: 6)", valueName: "score")
    )
    var aestheticScore: Float?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "SDXL's refiner: the same of what is steered away from. (default: 2.5)", valueName: "score"))
    var negativeAestheticScore: Float?
}

struct OutputOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            """
            A file, a folder, or a pattern with {seed}, {index} or %d; - writes one picture to standard output. \
            (default: output.png)
            """, valueName: "name"),
        completion: .file(extensions: ["png"]))
    var output: String?

    @Option(
        name: .shortAndLong, parsing: .unconditional,
        help: ArgumentHelp("How many pictures, 1 to 10000. (default: 1)", valueName: "count"))
    var batchCount: Int?

    @Option(
        help: ArgumentHelp("Keep the final latents too, as safetensors; never written over.", valueName: "file"),
        completion: .file(extensions: ["safetensors"]))
    var saveLatents: String?

    @Option(
        help: ArgumentHelp(
            """
            Show in this PNG what there is while it is drawn; it is replaced again and again. Each takes the time of \
            decoding a picture, unless --taesd is given.
            """,
            valueName: "file"),
        completion: .file(extensions: ["png"]))
    var preview: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("After every how many steps to renew it, from 1. (default: 1)", valueName: "count"))
    var previewEvery: Int?

    @Flag(help: "One line of JSON a picture on standard output.")
    var json = false

    @Flag(name: .shortAndLong, help: "Nothing on standard error but errors.")
    var quiet = false
}

struct MachineOptions: ParsableArguments {
    @Option(
        name: .shortAndLong, parsing: .unconditional,
        help: ArgumentHelp(
            "Worker threads, 1 to 1024; the picture does not depend on it. (default: all)", valueName: "count"))
    var threads: Int?

    @Option(
        help: ArgumentHelp(
            "Arithmetic: f32 is exact, bf16 faster, int8 coarser. (default: bf16 where the CPU multiplies it faster)",
            valueName: "name"))
    var precision: Precision?

    var loadOptions: LoadOptions {
        var options = LoadOptions(threads: threads)
        if let precision { options.precision = precision }
        return options
    }
}
