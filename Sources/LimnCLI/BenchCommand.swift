import ArgumentParser
import Limn

/// `limn bench`: how fast a model of a known shape runs here.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Time the parts of a model on this machine.",
        discussion: """
            Runs on random weights, so no model is needed. Shapes: \(Benchmark.shapes.joined(separator: ", ")).

            Examples:
              limn bench icons-64
              limn bench sd15 --repeat 3 --json
            """)

    @Argument(help: "Which model's shape.", completion: .list(Benchmark.shapes))
    var shape: String

    @OptionGroup var machine: MachineOptions

    @Option(
        name: .customLong("repeat"), parsing: .unconditional,
        help: ArgumentHelp("How often each part is timed; the best counts. (default: 3)", valueName: "count"))
    var repeats: Int?

    @Option(
        name: [.customShort("W"), .customLong("width")], parsing: .unconditional,
        help: ArgumentHelp("Width of the picture. (default: the shape's own)", valueName: "pixels"))
    var width: Int?

    @Option(
        name: [.customShort("H"), .customLong("height")], parsing: .unconditional,
        help: ArgumentHelp("Height, likewise.", valueName: "pixels"))
    var height: Int?

    @Flag(help: "One line of JSON.")
    var json = false

    @Flag(name: .shortAndLong, help: "Nothing on standard error but errors.")
    var quiet = false

    func run() async throws {
        Interruption.install()
        var options = Benchmark.Options(shape: shape)
        if let precision = machine.precision { options.precision = precision }
        if let repeats { options.repeats = repeats }
        (options.threads, options.width, options.height) = (machine.threads, width, height)
        let isQuiet = quiet
        let result = try await Benchmark.run(options) { if !isQuiet { Console.note($0) } }
        try Console.output(json ? JSONLine.text(result) : result.description)
    }
}
