import ArgumentParser
import Limn

/// `limn tokenize`: what a model reads of a prompt.
struct TokenizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize",
        abstract: "Show what a model's tokenizers make of a prompt: pieces, ids, weights, and what falls off.",
        discussion: """
            Examples:
              limn tokenize "a red apple"
              limn tokenize "a (red:1.2) apple BREAK [day:night:0.5]" --prompt-style webui --steps 20
              limn tokenize "a cat" -m model --json
            """)

    @Argument(help: "The prompt; - reads it from standard input.")
    var prompt: String

    @Option(
        name: [.customShort("m"), .customLong("model")],
        help: ArgumentHelp("A model: a folder or a checkpoint file. (default: as for drawing)", valueName: "model"),
        completion: .file())
    var model: String?

    @Option(
        help: ArgumentHelp("The tokenizer for a checkpoint file, which has none.", valueName: "folder"),
        completion: .directory)
    var tokenizer: String?

    @OptionGroup var embeddings: EmbeddingOptions

    @Option(
        name: .customLong("prompt-style"),
        help: ArgumentHelp("How it is read: plain, webui, comfyui or sd.cpp. (default: plain)", valueName: "name"))
    var style: PromptStyle?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Steps of the run that [a:b:0.4] is told for, 1 to 1000. (default: 25)", valueName: "count"))
    var steps: Int?

    @Flag(help: "One line of JSON.")
    var json = false

    func run() throws {
        let parsed = try PromptWithLoRAs(parsing: try Arguments.prompt(prompt))
        var request = Request(prompt: parsed.prompt)
        request.promptStyle = style ?? .plain
        let report = try PromptReport(
            of: parsed.prompt, style: style ?? .plain, steps: steps ?? 25, model: try model ?? DefaultModel.locate(),
            tokenizer: tokenizer, embeddings: try embeddings.chosen([request]).files)
        try Console.output(json ? JSONLine.text(report) : Console.printable(Self.text(report)))
    }

    private static func text(_ report: PromptReport) -> String {
        var lines: [String] = []
        let isPlain = report.texts.count == 1 && report.texts[0].weight == 1
        for text in report.texts {
            if !isPlain {
                lines.append(
                    "\"\(text.text)\", weight \(shown(Double(text.weight))), "
                        + (text.steps.count == 1 ? "step " : "steps ") + stretches(text.steps))
            }
            for encoder in text.encoders { lines += self.lines(encoder) }
        }
        return lines.joined(separator: "\n")
    }

    private static func lines(_ encoder: PromptReport.Encoder) -> [String] {
        var lines = ["\(encoder.name): \(encoder.tokenizer), \(encoder.room) tokens at a time"]
        for (index, chunk) in encoder.chunks.enumerated() {
            if encoder.chunks.count > 1 { lines.append("  chunk \(index + 1): \(chunk.count) tokens") }
            let width = chunk.map { String($0.id).count }.max() ?? 0
            for token in chunk {
                let id = String(repeating: " ", count: width - String(token.id).count) + String(token.id)
                lines.append("  \(id)  \(token.piece)" + (token.weight == 1 ? "" : "  ×\(shown(token.weight))"))
            }
            if chunk.isEmpty { lines.append("  nothing") }
        }
        if let dropped = encoder.dropped { lines.append("  left out: \"\(dropped)\"") }
        return lines
    }

    /// 1–5, 8, 10–12
    private static func stretches(_ steps: [Int]) -> String {
        var stretches: [ClosedRange<Int>] = []
        for step in steps {
            if let last = stretches.last, last.upperBound == step - 1 {
                stretches[stretches.count - 1] = last.lowerBound...step
            } else {
                stretches.append(step...step)
            }
        }
        return stretches.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)–\($0.upperBound)" }
            .joined(separator: ", ")
    }

    /// Three places.
    private static func shown(_ weight: Double) -> String {
        let rounded = (weight * 1000).rounded() / 1000
        return Int(exactly: rounded).map(String.init) ?? "\(rounded)"
    }
}
