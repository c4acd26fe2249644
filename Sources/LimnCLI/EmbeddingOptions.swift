import ArgumentParser
import Glibc
import Limn

/// The flags that name embeddings.
struct EmbeddingOptions: ParsableArguments {
    @Option(
        name: .customLong("embedding"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            """
            An embedding (textual inversion) for prompts to use. Its word is told by the file, or is the file's own name; \
            in the webui's and stable-diffusion.cpp's prompts it is always the file's name, in ComfyUI's embedding:name. \
            May be given several times.
            """,
            valueName: "file"),
        completion: .file(extensions: ["safetensors", "pt", "bin"]))
    var files: [String] = []

    @Option(
        name: [.customLong("embedding-dir"), .customLong("embd-dir")],
        help: ArgumentHelp(
            "Where embeddings lie that prompts call by their files' names, or --embedding does.", valueName: "folder"),
        completion: .directory)
    var folder: String?

    /// The embeddings that flags name.
    private func given(_ folder: EmbeddingFolder?) -> [String] {
        files.map { file in
            // A plain name means one of the folder's.
            guard let folder, access(file, F_OK) != 0 else { return file }
            return folder.file(named: file) ?? file
        }
    }

    /// The embeddings of a run: those of flags, else those that a picture was drawn with, and those of the folder that
    /// prompts call.
    ///
    /// - Returns: also what is not as it was
    func chosen(
        _ requests: [Request], _ recipe: Recipe? = nil, from picture: String = ""
    ) throws -> (files: [String], warnings: [String]) {
        let folder = try folder.map { try EmbeddingFolder(path: $0) }
        var chosen = given(folder)
        if let recipe, chosen.isEmpty {
            chosen = try recipe.embeddings.map { file -> String in
                if access(file, R_OK) == 0 { return file }
                if let moved = folder?.file(named: file.split(separator: "/").last.map(String.init) ?? file) {
                    return moved
                }
                let all = recipe.embeddings.joined(separator: ", ")
                throw LimnError(
                    "to draw \(picture) again, the embedding \(file) is needed, which is not there; give all that it was "
                        + "drawn with by --embedding: \(all)", isUsage: true)
            }
        }
        var called = try requests.flatMap { try folder?.files(for: $0) ?? [] }
        var missing: [String] = []
        for name in recipe?.embeddingNames ?? [] where !chosen.contains(where: { Recipe.isEmbedding($0, named: name) })
        {
            if let file = folder?.file(named: name) { called.append(file) } else { missing.append(name) }
        }
        // One of a name: that which a flag gives.
        for file in called where !chosen.contains(where: { Recipe.isEmbedding($0, named: Self.name(file)) }) {
            chosen.append(file)
        }
        guard !missing.isEmpty else { return (chosen, []) }
        return (
            chosen,
            [
                "\(picture) was drawn with embeddings that are not given, so the picture will be another: "
                    + "\(missing.joined(separator: ", ")); give their files with --embedding, or their folder with "
                    + "--embedding-dir"
            ]
        )
    }

    private static func name(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
}
