import ArgumentParser
import Limn

/// `limn morph`: from one picture to another, frame by frame.
struct MorphCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "morph",
        abstract: "Draw the way from one picture to another, frame by frame.",
        discussion: """
            Examples:
              limn morph "a red apple" --to "a green pear" --frames 24 -s 7 -o frames/
              limn morph "a cat face" -s 1 --to-seed 2 --frames 24
              limn morph "sun" --to "moon" --to "star" --frames 49 -s 3 -o frames/%03d.png

            Between two prompts, what the text encoders say of them is mixed; between two seeds, their noise. \
            Flags of `limn generate` hold for every frame. A frame's file tells how it was made, as any picture's \
            does: limn --from draws it again.
            """)

    @Option(help: ArgumentHelp("The prompt to go to. Given again: the one after that.", valueName: "prompt"))
    var to: [String] = []

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("The seed to go to. Given again: the one after that.", valueName: "number"))
    var toSeed: [UInt64] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Pictures in all, the first and the last among them, 2 to 10000.", valueName: "count"))
    var frames = 16

    @OptionGroup var generate: GenerateCommand

    func run() async throws {
        Interruption.install()
        try await Generation(generate, along: try MorphWay(prompts: to, seeds: toSeed, count: frames)).run()
    }
}
