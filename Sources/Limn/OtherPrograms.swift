import Images
import Sampling

// What other programs' `parameters` say, beyond what all of them do.

extension StoredRequest {
    /// The program that a text comes from.
    static func likeness(of parameters: PictureParameters) -> Likeness? {
        if let own = parameters["Like"].flatMap(Likeness.init(rawValue:)) { return own }
        let version = parameters["Version"] ?? ""
        if version.hasPrefix("limn") { return nil }
        if version.hasPrefix("stable-diffusion.cpp") { return .sdcpp }
        return version.hasPrefix("ComfyUI") ? .comfyui : .webui
    }

    /// What stable-diffusion.cpp writes behind its version is JSON, which may look like fields.
    static func withoutJSON(_ parameters: String) -> String {
        guard let start = parameters.firstRange(of: "Version: stable-diffusion.cpp, SDCPP: ") else { return parameters }
        return parameters[..<start.lowerBound] + "Version: stable-diffusion.cpp"
    }

    /// Reads what only the webui writes.
    ///
    /// - Returns: what is not as the text has it, in sentences
    mutating func readWebUI(_ fields: inout FieldReader, path: String) -> [String] {
        var options = WebUIOptions()
        options.noiseSeedDelta = fields.value("ENSD") { UInt64($0) }
        if options.noiseSeedDelta == 0 { options.noiseSeedDelta = nil }
        if fields.isTrue("SGM noise multiplier") { options.usesSGMNoise = true }
        if fields.isTrue("Discard penultimate sigma") { options.leavesOutPenultimate = true }
        options.noiseMultiplier = fields.double("Noise multiplier")
        options.maskedContent = fields.value("Masked content", MaskedContent.init(rawValue:))
        webUI = options == WebUIOptions() ? nil : options
        let other = fields.float("Eta DDIM")
        eta = eta ?? other
        // Schedules of samplers' own are written down; where none is, σ are k-diffusion's.
        if schedule == nil, fields.text("Schedule type") == nil,
            let sampler = sampler.flatMap(SamplerName.init(rawValue:)), sampler.takesSchedule
        {
            schedule = "normal"
        }
        // With the second pass over an enlarged picture, the strength is that pass's.
        if fields.keys.contains(where: { $0.hasPrefix("Hires ") }) { strength = nil }
        readFirstPass(&fields)
        // Its API writes one for pictures from text too, which begin with nothing else than noise.
        guard strength == 0 else { return [] }
        strength = nil
        return [
            "\(path) says a denoising strength of 0, with which a picture would stay as it is; it is drawn from text "
                + "(-i and --strength draw from a picture)"
        ]
    }

    /// Old versions, to the end of 2022, call the size of the second pass the picture's, and say that of the first beside
    /// it, or 0 for one of about 512×512 pixels, in steps of 64.
    private mutating func readFirstPass(_ fields: inout FieldReader) {
        guard let text = fields.text("First pass size") else { return }
        strength = nil
        fields.refuse("First pass size")
        if let size = Self.size(text) {
            (width, height) = (size.width, size.height)
        } else if let side = width, let other = height, (1...16384).contains(side), (1...16384).contains(other) {
            let scale = (512 * 512 / Double(side * other)).squareRoot()
            func first(_ side: Int) -> Int { Int((scale * Double(side) / 64).rounded(.up)) * 64 }
            (width, height) = (first(side), first(other))
        }
    }

    /// Reads what only stable-diffusion.cpp writes.
    mutating func readSDCPP(_ fields: inout FieldReader) {
        if let name = fields.text("Sampler"), name.hasPrefix("ddim_trailing") { sampler = "ddim" }
        // Infinity stands for the sampler's own.
        if let value = eta, !value.isFinite { eta = nil }
        // It is that of a second pass; that of the picture's own is not written.
        strength = nil
        // Of models that take it as an input, which none here does.
        fields.pass(["Guidance"])
    }

    /// What changes no picture: who drew it, when, and for what sites.
    private static let harmless: Set<String> = [
        "Version", "Batch size", "Batch pos", "User", "App", "Created Date", "Civitai resources", "Civitai metadata",
        "Template", "Negative Template", "Like", "Place in batch", "TAESD", "Time taken",
    ]
    private static let hashes: Set<String> = ["Model hash", "VAE hash", "Lora hashes", "Hashes", "Refiner hash"]

    /// The embeddings that a webui's picture was drawn with: "TI hashes".
    static func embeddingNames(_ parameters: PictureParameters) -> [String] {
        (parameters["TI hashes"] ?? "").split(separator: ",").compactMap { entry in
            let name = entry.split(separator: ":").first?.trimmed ?? ""
            return name.isEmpty ? nil : name
        }
    }

    /// Whatever else a text says that is not followed, or is for people to follow.
    static func notes(_ fields: inout FieldReader, path: String) -> [String] {
        var notes: [String] = []
        if let vae = fields.text("VAE"), !["", "None", "Automatic"].contains(vae) {
            notes.append("\(path) was decoded with the VAE \(ComfyUIWorkflow.short(vae)); give it with --vae")
        }
        fields.pass(harmless)
        fields.pass(["TI hashes"])
        if fields.text("Inpaint area") == "Whole picture" { fields.pass(["Inpaint area"]) }
        let found = hashes.filter { fields.text($0) != nil }.sorted()
        if !found.isEmpty {
            notes.append("\(path) names files by hashes, which are not checked: \(found.joined(separator: ", "))")
        }
        let left = fields.notFollowed
        guard !left.isEmpty else { return notes }
        return notes + [
            "\(path) was drawn with settings that are not followed, so the picture will be another: "
                + left.joined(separator: ", ")
        ]
    }
}

extension Substring {
    /// Without spaces at its ends.
    var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
