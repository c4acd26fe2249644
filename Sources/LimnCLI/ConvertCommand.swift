import ArgumentParser
import Limn

/// `limn convert`: a model, or a file of weights, in another form.
struct ConvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Write a model as a diffusers folder or as one safetensors file.",
        discussion: """
            Reads whatever limn loads. A name that ends in .safetensors becomes one file with the names of the \
            original code, which other programs read too; any other name a diffusers folder. Values stay what they \
            are unless --dtype says otherwise, so that the way there and back gives the same bytes. What the other form \
            has no place for is told, or refused where the model would not be the same without it. Nothing is written \
            over, and nothing half-done is left behind.

            Files that are no whole model (LoRAs, VAEs, embeddings) become safetensors files under the names that \
            they have.

            Examples:
              limn convert model.ckpt -o model.safetensors --dtype f16
              limn convert model.safetensors -o models/mine --tokenizer models/sd15/tokenizer
              limn convert models/mine -o mine.safetensors --vae vae-ft-mse.safetensors
            """)

    @Argument(help: "A diffusers folder, or a file of weights.", completion: .file())
    var input: String

    @Option(
        name: .shortAndLong, help: ArgumentHelp("The file or folder to write.", valueName: "name"),
        completion: .file())
    var output: String

    @Option(help: ArgumentHelp("What numbers become. (default: what they are)", valueName: "type"))
    var dtype: Conversion.NumberType?

    @Option(
        help: ArgumentHelp("A VAE in the place of the model's: a folder or a file.", valueName: "path"),
        completion: .file())
    var vae: String?

    @OptionGroup var checkpoint: CheckpointOptions

    @OptionGroup(title: "LoRAs") var lora: LoRAOptions

    @Flag(help: "One line of JSON that tells what was done.")
    var json = false

    @Flag(name: .shortAndLong, help: "Nothing on standard error but errors.")
    var quiet = false

    func run() throws {
        Interruption.install()
        var conversion = Conversion(from: input, to: output)
        (conversion.type, conversion.vae, conversion.tokenizer) = (dtype, vae, checkpoint.tokenizer)
        (conversion.prefersAverages, conversion.isLenient) = (checkpoint.ema, checkpoint.lenient)
        (conversion.loras, conversion.isLenientWithLoRAs) = (try lora.given(), lora.isLenient)
        let display = ProgressDisplay(isQuiet: quiet)
        display.loading(input)
        let report: Conversion.Report
        do {
            report = try Interruption.whileWriting {
                try conversion.run { progress in
                    // A first Ctrl-C ends the work between two tensors, and what was begun is removed.
                    if Interruption.isStopping { throw CancellationError() }
                    display.writing(bytes: progress.bytes, of: progress.ofBytes)
                }
            }
        } catch is CancellationError {
            Interruption.awaitEnd()
        }
        for note in report.notes where !json { display.note(note) }
        try Console.output(json ? try JSONLine.text(report) : report.output)
    }
}

extension Conversion.NumberType: ExpressibleByArgument {}
