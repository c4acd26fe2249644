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
        help: ArgumentHelp(.negativePrompt, "prompt"))
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
        help: ArgumentHelp(.maskBlur, "pixels"))
    var maskBlur: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.strength, "0…1"))
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
        help: ArgumentHelp(.width, "pixels")
    )
    var width: Int?

    @Option(
        name: [.customShort("H"), .customLong("height")], parsing: .unconditional,
        help: ArgumentHelp(.height, "pixels"))
    var height: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.steps, "count"))
    var steps: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.guidanceScale, "scale"))
    var cfgScale: Float?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.guidanceRescale, "0…1"))
    var guidanceRescale: Float?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.guidanceEnd, "0…1"))
    var guidanceEnd: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.cacheInterval, "count"))
    var cacheInterval: Int?

    @Option(
        name: [.customShort("s"), .customLong("seed")], parsing: .unconditional,
        help: ArgumentHelp(.seed, "number"))
    var seed: Seed?

    @Option(
        help: ArgumentHelp(.generator, "name"))
    var rng: String?

    @Option(
        name: [.customLong("sampler"), .customLong("sampling-method")],
        help: ArgumentHelp(.sampler, "name"),
        completion: .list(Choices.samplers.map(\.name)))
    var sampler: String?

    @Option(
        name: [.customLong("schedule"), .customLong("scheduler")],
        help: ArgumentHelp(.schedule, "name"),
        completion: .list(Choices.schedules.map(\.name)))
    var schedule: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.eta, "0…1"))
    var eta: Float?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.clipSkip, "layer"))
    var clipSkip: Int?

    @Flag(
        inversion: .prefixedNo,
        help: ArgumentHelp(.vaeTiling))
    var vaeTiling: Bool?

    @Option(
        help: ArgumentHelp(.prediction, "name"))
    var prediction: Prediction?
}

struct ConditionOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.imageGuidanceScale, "scale")
    )
    var imageCfgScale: Float?

    @Option(
        help: ArgumentHelp(.originalSize, "width×height"))
    var originalSize: PixelSize?

    @Option(
        help: ArgumentHelp(.crop, "top,left"))
    var crop: PictureCrop?

    @Option(
        help: ArgumentHelp(.targetSize, "width×height"))
    var targetSize: PixelSize?

    @Option(
        help: ArgumentHelp("SDXL: a refiner, which does the last steps: a folder or a file.", valueName: "path"),
        completion: .directory)
    var refiner: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.refinerStart, "0…1"))
    var refinerStart: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.aestheticScore, "score")
    )
    var aestheticScore: Float?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.negativeAestheticScore, "score"))
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
        help: ArgumentHelp(.count, "count"))
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
