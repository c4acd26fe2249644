import ArgumentParser
import Glibc
import Limn

/// The flags that name LoRAs.
struct LoRAOptions: ParsableArguments {
    @Option(
        name: .customLong("lora"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            """
            A LoRA to merge into the model, and how strongly (default: 1); a second number is the UNet's own. May be \
            given several times.
            """,
            valueName: "file[:weight[:unet]]"),
        completion: .file(extensions: ["safetensors"]))
    var loras: [String] = []

    @Option(
        name: .customLong("lora-dir"),
        help: ArgumentHelp(
            """
            Where LoRAs lie that are asked for by name: <lora:name:weight> in the prompt, or --lora name. The name is the \
            file's or the one that its trainer gave it; case does not count.
            """,
            valueName: "folder"),
        completion: .directory)
    var folder: String?

    @Flag(
        name: .customLong("lora-lenient"),
        help: "Go on when tensors of a LoRA do not match any layer of the model; they are listed.")
    var isLenient = false

    /// The LoRAs that flags name.
    func given() throws -> [LoRA] { try given(try inFolder()) }

    private func inFolder() throws -> LoRAFolder? { try folder.map { try LoRAFolder(path: $0) } }

    private func given(_ folder: LoRAFolder?) throws -> [LoRA] {
        try loras.map { text in
            var lora = try LoRA(parsing: text)
            // A plain name means one of the folder's.
            if let folder, access(lora.path, F_OK) != 0 { lora.path = try folder.file(named: lora.path) }
            return lora
        }
    }

    /// The LoRAs of a run: those of flags and prompts, else those that a picture was drawn with. Tags are taken out of
    /// the prompts, which must all have the same, for LoRAs are merged once.
    ///
    /// - Returns: also what is not as it was
    func chosen(_ requests: inout [Request], _ recipe: Recipe?) throws -> (loras: [LoRA], warnings: [String]) {
        let folder = try inFolder()
        var tags: [PromptWithLoRAs.Tag]?
        for index in requests.indices {
            let parsed = try PromptWithLoRAs(parsing: requests[index].prompt)
            if try !PromptWithLoRAs(parsing: requests[index].negativePrompt).tags.isEmpty {
                throw LimnError("LoRAs are asked for in the prompt, not in the negative one", isUsage: true)
            }
            guard tags == nil || tags == parsed.tags else {
                throw LimnError(
                    "the prompts of one run ask for different LoRAs, as in \"\(requests[index].prompt.prefix(80))\"; "
                        + "draw them one by one", isUsage: true)
            }
            (requests[index].prompt, tags) = (parsed.prompt, parsed.tags)
        }
        var chosen = try given(folder)
        for tag in tags ?? [] {
            guard let folder else {
                throw LimnError(
                    "the prompt asks for the LoRA \(tag.name); say where LoRAs are with --lora-dir", isUsage: true)
            }
            chosen.append(
                LoRA(path: try folder.file(named: tag.name), weight: tag.weight, unetWeight: tag.unetWeight))
        }
        if chosen.isEmpty, let recipe { return try recipe.loras(in: folder) }
        return (chosen, [])
    }
}
