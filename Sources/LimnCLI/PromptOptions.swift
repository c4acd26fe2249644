import ArgumentParser
import Limn

/// The flags that say how prompts are read, and where they come from.
struct PromptOptions: ParsableArguments {
    @Option(
        name: .customLong("prompt-style"),
        help: ArgumentHelp(.promptStyle, "name"))
    var style: PromptStyle?

    @Option(
        help: ArgumentHelp(.emphasis, "name"))
    var emphasis: Emphasis?

    @Flag(
        help: """
            Choose words of the prompt by the seed: {red|blue} car, {2::red|blue}, __name__ from --wildcard-dir. \\{ is \
            the sign itself.
            """)
    var wildcards = false

    @Option(
        name: .customLong("wildcard-dir"),
        help: ArgumentHelp(
            "Where the words of __name__ lie, one a line of name.txt; implies --wildcards.", valueName: "folder"),
        completion: .directory)
    var wildcardFolder: String?

    @Flag(
        help: """
            Draw every combination of the prompt's {red|blue} words, each with the same seeds; at most \
            \(PromptChoices.mostCombinations).
            """)
    var combinatorial = false

    @Option(
        name: .customLong("prompt-file"),
        help: ArgumentHelp(
            """
            Draw the prompts of a file, one a line; a line may be flags as the webui has them: --prompt "a cat" \
            --negative_prompt "blurry" --seed 1 --steps 20 --cfg_scale 5 --sampler_name Euler --width 64.
            """,
            valueName: "file"),
        completion: .file())
    var file: String?

    @Option(
        name: .customLong("style"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Words to put around the prompts, by their name in --styles. May be given several times.",
            valueName: "name"))
    var styles: [String] = []

    @Option(
        name: .customLong("styles"),
        help: ArgumentHelp("The webui's styles.csv: name, prompt, negative_prompt.", valueName: "file"),
        completion: .file(extensions: ["csv"]))
    var styleSheet: String?

    /// What contradicts itself.
    func check() throws {
        if !styles.isEmpty, styleSheet == nil {
            throw LimnError("--style is the name of a style; say with --styles which file has it", isUsage: true)
        }
        if styles.isEmpty, let styleSheet {
            throw LimnError("\(styleSheet): say which of its styles to use with --style", isUsage: true)
        }
    }

    private var choosesWords: Bool { wildcards || wildcardFolder != nil || combinatorial }

    /// The requests of a run, one after the other: those of the file, with styles, and with words chosen.
    ///
    /// - Parameter request: as flags and recipe have it
    /// - Returns: also what is not as it may have been meant
    func requests(_ request: Request) throws -> (requests: [Request], warnings: [String]) {
        var requests = try file.map { try Self.requests($0, request) } ?? [request]
        if let styleSheet {
            let sheet = try StyleSheet(contentsOf: styleSheet)
            for index in requests.indices { try sheet.apply(styles, to: &requests[index]) }
        }
        if choosesWords {
            let choices = PromptChoices(folder: wildcardFolder)
            // What a line leaves to chance is chosen once, so that its words are those of its pictures.
            let chosen = try requests.map {
                try combinatorial ? choices.combinations(for: $0) : choices.requests(for: $0)
            }
            return (chosen.flatMap(\.self), [])
        }
        let isInvolved = requests.contains { PromptChoices.isInvolved($0.prompt) }
        return (requests, isInvolved ? ["the prompt's {…|…} are drawn as they are; --wildcards chooses from them"] : [])
    }

    /// One request a line. A line without a seed goes on from the one before.
    private static func requests(_ path: String, _ request: Request) throws -> [Request] {
        var seed = request.seed ?? UInt64.random(in: 0..<1 << 32)
        return try PromptFile(contentsOf: path).lines.map { line in
            var own = request
            own.seed = seed
            try line.apply(to: &own)
            if !line.hasSeed { seed &+= UInt64(max(1, own.count)) }
            return own
        }
    }
}

extension PromptStyle: ExpressibleByArgument {}
extension Emphasis: ExpressibleByArgument {}
