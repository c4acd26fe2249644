import ArgumentParser
import Limn

/// `limn bench`: how fast a model of a known shape, or a given one, runs here.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Time the parts of a model on this machine.",
        discussion: """
            Runs a known shape on random weights, so no model is needed: \(Benchmark.shapes.joined(separator: ", ")).
            With -m it runs the stages of a model's folder on the values of a safetensors file, and can write down \
            what they give: text_encoder.ids; unet.latents, unet.timestep and unet.states; vae_encoder.picture; \
            vae_decoder.latents. Shapes are those of diffusers.
            With --load it measures how long a model takes from the program's start to its first step, and how much \
            memory it needs to draw a picture.

            Examples:
              limn bench icons-128
              limn bench sd15 --repeat 3 --json
              limn bench --load models/sd15
              limn bench -m models/sd15 --inputs inputs.safetensors --outputs outputs.safetensors
            """)

    @Argument(help: "Which model's shape.", completion: .list(Benchmark.shapes))
    var shape: String?

    @Option(
        name: .shortAndLong, parsing: .unconditional,
        help: ArgumentHelp("A model's folder, in place of a shape.", valueName: "folder"), completion: .directory)
    var model: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("What its stages are given; those whose inputs are there run.", valueName: "file"),
        completion: .file(extensions: ["safetensors"]))
    var inputs: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Where their results go; a file that is there is replaced.", valueName: "file"),
        completion: .file(extensions: ["safetensors"]))
    var outputs: String?

    @Option(
        name: .customLong("load"), parsing: .unconditional,
        help: ArgumentHelp("A model to load and to draw a picture with, by stage.", valueName: "folder"),
        completion: .directory)
    var loaded: String?

    @OptionGroup var machine: MachineOptions

    @Option(
        name: .customLong("repeat"), parsing: .unconditional,
        help: ArgumentHelp(
            "How often each part is timed, after one run that does not count. (default: 3)", valueName: "count"))
    var repeats: Int?

    @Option(
        name: [.customShort("W"), .customLong("width")], parsing: .unconditional,
        help: ArgumentHelp("Width of the picture. (default: the shape's own)", valueName: "pixels"))
    var width: Int?

    @Option(
        name: [.customShort("H"), .customLong("height")], parsing: .unconditional,
        help: ArgumentHelp("Height, likewise.", valueName: "pixels"))
    var height: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Pictures at once; the UNet gets a pair for each. (default: 1)", valueName: "count"))
    var batch: Int?

    @Flag(help: "Only print how each layer is computed: its algorithm, arithmetic and memory.")
    var plan = false

    @Flag(help: "One line of JSON.")
    var json = false

    @Flag(name: .shortAndLong, help: "Nothing on standard error but errors.")
    var quiet = false

    func run() async throws {
        Interruption.install()
        if plan { return try await printPlan() }
        if let loaded { return try await printLoading(loaded) }
        var options = try subject()
        if let precision = machine.precision { options.precision = precision }
        if let repeats { options.repeats = repeats }
        (options.threads, options.width, options.height, options.batch) = (machine.threads, width, height, batch)
        let isQuiet = quiet
        let result = try await Benchmark.run(options) { if !isQuiet { Console.note($0) } }
        try Console.output(json ? JSONLine.text(result) : result.description)
    }

    private func printPlan() async throws {
        guard let shape, model == nil, inputs == nil, outputs == nil, batch == nil else {
            throw LimnError("--plan wants a shape, and takes neither folders nor batches", isUsage: true)
        }
        let plan = try await BenchmarkPlan.make(
            shape: shape, precision: machine.precision, width: width, height: height)
        try Console.output(json ? JSONLine.text(plan) : plan.description)
    }

    private func printLoading(_ path: String) async throws {
        guard shape == nil, model == nil, inputs == nil, outputs == nil, batch == nil, repeats == nil else {
            throw LimnError("--load takes a size and the machine's flags, and nothing else", isUsage: true)
        }
        var options = LoadBenchmark.Options()
        (options.load, options.width, options.height) = (machine.loadOptions, width, height)
        let report = try await LoadBenchmark.run(model: path, options: options)
        try Console.output(json ? JSONLine.text(report) : report.description)
    }

    /// A shape or a folder.
    private func subject() throws -> Benchmark.Options {
        switch (shape, model, inputs) {
        case (let shape?, nil, nil) where outputs == nil:
            return Benchmark.Options(shape: shape)
        case (nil, let model?, let inputs?):
            return Benchmark.Options(Benchmark.Given(model: model, inputs: inputs, outputs: outputs))
        default:
            throw LimnError(
                "give a shape (\(Benchmark.shapes.joined(separator: ", "))), or a model's folder with -m and --inputs",
                isUsage: true)
        }
    }
}
