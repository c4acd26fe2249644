import Images

/// How another program's picture was made, as its text chunks tell.
struct ForeignRecord {
    let stored: StoredRequest
    /// What is not followed, in sentences.
    let notes: [String]
    /// For people.
    let program: String
    /// Embeddings that it was drawn with, where these are told apart from the prompt.
    var embeddingNames: [String] = []
    /// The webui's text, if it has one.
    var text: String?

    /// - Throws: `LimnError` if they do not tell, or nothing that is followed
    init(_ texts: [(keyword: String, text: String)], path: String) throws {
        func text(_ keyword: String) -> String? { texts.first { $0.keyword == keyword }?.text }
        let parameters = text(PictureParameters.keyword)
        let prompt = text(ComfyUIWorkflow.keyword)
        // ComfyUI writes what its page shows beside what ran.
        let isComfyUI = prompt.map { ComfyUIWorkflow.isLikely($0) || text("workflow") != nil } ?? false
        if isComfyUI, let prompt, let found = try Self.followed(prompt, path, hasParameters: parameters != nil) {
            (stored, notes, program) = (found.stored, found.notes, "ComfyUI")
            return
        }
        if let parameters {
            let fields = PictureParameters(parsing: StoredRequest.withoutJSON(parameters))
            if let record = try PlainRecord.inParameters(parameters, isWebUI: !fields.fields.isEmpty, path: path) {
                (stored, notes) = try record.stored(path: path)
                program = record.program
                return
            }
            (stored, notes) = try StoredRequest.read(fields, path: path)
            program = stored.likeness == .sdcpp ? "stable-diffusion.cpp" : stored.likeness == nil ? "limn" : "the webui"
            embeddingNames = StoredRequest.embeddingNames(fields)
            self.text = parameters
            return
        }
        if let record = try PlainRecord.inOwnTexts(texts, path: path) {
            (stored, notes) = try record.stored(path: path)
            program = record.program
            return
        }
        throw LimnError(
            prompt == nil
                ? "\(path): this picture does not say how it was made (neither a `parameters` nor a `prompt` text); limn's "
                    + "own pictures do"
                : "\(path): its `prompt` text is not ComfyUI's nodes, and no settings are beside it, so it cannot be drawn "
                    + "again; give the prompt with -p")
    }

    /// What ComfyUI's nodes say; nil if they are not followed and there are `parameters` besides, as some nodes write that
    /// save pictures.
    private static func followed(
        _ workflow: String, _ path: String, hasParameters: Bool
    ) throws -> (stored: StoredRequest, notes: [String])? {
        do {
            var read = try ComfyUIWorkflow(parsing: workflow, path: path)
            return (try read.stored(), read.notes)
        } catch {
            if hasParameters { return nil }
            throw error
        }
    }
}
