import ArgumentParser
import Limn

/// `limn generate`, which is also what `limn` alone does.
struct GenerateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Draw pictures from words (the default).",
        discussion: """
            Examples:
              limn "a red apple"
              limn "a smiling face" -s 7 -b 4 -o faces/
              limn "a green apple" -i apple.png --strength 0.6
              limn "a hat" -i face.png --mask hat-area.png
              limn "a cat <lora:ink:0.8>" --lora-dir loras/
              limn --from output.png              draws a picture again, bit for bit
              limn --from output.png --steps 50   the same with more steps
              limn --from webui.png -m dream.safetensors     what the webui, ComfyUI or sd.cpp drew
              echo "a red apple" | limn -
              limn "a hat" -i - -o - < face.png | magick - face.webp

            A prompt that is the name of a subcommand is written with -p: limn -p info. \

            Output names may hold {seed}, and %d, %03d or {index} for the number of the picture from 1. \
            A file is never written over: if output.png is there, the picture goes to output-1.png, and so on; \
            its name is printed.

            Samplers (`limn samplers` tells when to use which):
            \(Self.named(Choices.samplers))
            Schedules:
            \(Self.named(Choices.schedules))
            Random generators:
            \(Self.listed(Choices.generators))
            """)

    @OptionGroup(title: "What to draw") var words: WordOptions
    @OptionGroup(title: "How prompts are read") var prompts: PromptOptions
    @OptionGroup(title: "The same picture as elsewhere") var likeness: LikenessOptions
    @OptionGroup(title: "Pictures to start from") var start: StartOptions
    @OptionGroup(title: "LoRAs") var lora: LoRAOptions
    @OptionGroup(title: "Embeddings") var embeddings: EmbeddingOptions
    @OptionGroup(title: "How to draw it") var sampling: SamplingOptions
    @OptionGroup(title: "Noise, and what only some samplers know") var tuning: TuningOptions
    @OptionGroup(title: "Seeds") var seeds: SeedOptions
    @OptionGroup(title: "How else to guide it") var guidance: GuidanceFlags
    @OptionGroup(title: "What some samplers can be asked besides") var solver: SolverOptions
    @OptionGroup(title: "What some families of models are told besides") var conditions: ConditionOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @OptionGroup(title: "Machine") var machine: MachineOptions

    func run() async throws {
        Interruption.install()
        try await Generation(self).run()
    }

    private static func named(_ choices: [NamedChoice]) -> String {
        choices.map(\.name).joined(separator: ", ")
    }

    private static func listed(_ choices: [NamedChoice]) -> String {
        let width = choices.map(\.name.count).max() ?? 0
        return choices.map { choice in
            "  " + choice.name + String(repeating: " ", count: width - choice.name.count + 2) + choice.summary
        }.joined(separator: "\n")
    }
}
