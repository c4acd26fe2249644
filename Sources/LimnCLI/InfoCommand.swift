import ArgumentParser
import Limn

/// `limn info`: how a picture was made.
struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Tell how a picture was made.",
        discussion: """
            Prints the text that limn, and most other programs for such pictures, store in a PNG: the prompt and \
            all settings.

            Examples:
              limn info output.png
              limn --from output.png     draws it again
            """)

    @Argument(help: "A PNG file.", completion: .file(extensions: ["png"]))
    var picture: String

    @Flag(help: "One line of JSON.")
    var json = false

    func run() throws {
        let recipe = try Recipe(contentsOf: picture)
        if json {
            try Console.output(JSONLine.text(Report(recipe, file: picture)))
            return
        }
        if let parameters = recipe.parameters { try Console.output(Console.printable(parameters)) }
        if let line = Self.advice(recipe, picture) { try Console.output("\n" + Console.printable(line)) }
        for note in recipe.notes { Console.warning(note) }
    }

    /// Whether and with what it can be drawn again.
    private static func advice(_ recipe: Recipe, _ picture: String) -> String? {
        guard recipe.isExact else {
            let model = recipe.modelName.flatMap { $0.isEmpty ? nil : " with the model \($0)" } ?? ""
            let words = recipe.embeddingNames.joined(separator: ", ")
            let needed = words.isEmpty ? "" : " and the embeddings \(words) with --embedding"
            return
                "Drawn by \(recipe.program)\(model); limn --from draws it again as far as limn follows it, given that "
                + "model with -m\(needed)."
        }
        guard let model = recipe.modelName else { return nil }
        var needed: [String] = []
        if recipe.needsInitImage { needed.append("-i with the picture it started from") }
        if recipe.needsMask { needed.append("--mask with its mask") }
        if recipe.needsLatents { needed.append("--latents with its starting noise") }
        return "Drawn by limn with the model \(model); limn --from draws it again to the bit"
            + (needed.isEmpty ? "." : ", given " + needed.joined(separator: " and ") + ".")
    }

    private struct Report: Encodable {
        let file: String
        let parameters: String?
        let model: String?
        let fingerprint: String?
        let exact: Bool
        let program: String
        let notes: [String]
        let needs: [String]

        init(_ recipe: Recipe, file: String) {
            self.file = file
            parameters = recipe.parameters
            (model, fingerprint, exact) = (recipe.modelName, recipe.modelFingerprint, recipe.isExact)
            (program, notes) = (recipe.program, recipe.notes)
            needs = [
                recipe.needsInitImage ? "init_image" : nil, recipe.needsMask ? "mask" : nil,
                recipe.needsLatents ? "latents" : nil,
            ].compactMap { $0 }
        }
    }
}
