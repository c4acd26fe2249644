import ArgumentParser
import Limn

/// `limn`: the root, whose default is to draw.
struct LimnCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "limn",
        abstract: "Draws pictures from words.",
        discussion: """
            limn "a red apple" draws with the model that comes with limn and writes
            output.png. It is short for: limn generate "a red apple".

            Examples:
              limn "a red apple"
              limn "a smiling face" -s 7 -b 4 -o faces/
              limn "a green apple" -i apple.png --strength 0.6
              limn info output.png
              limn --from output.png

            All flags for drawing: limn help generate
            """,
        version: limnVersion,
        subcommands: [
            GenerateCommand.self, InfoCommand.self, InspectCommand.self, SamplersCommand.self, TokenizeCommand.self,
            MorphCommand.self, ConvertCommand.self, BenchCommand.self,
        ],
        defaultSubcommand: GenerateCommand.self)
}
