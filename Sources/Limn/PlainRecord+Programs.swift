import Platform

// Which program wrote a record: SwarmUI, Fooocus and its kin have JSON in `parameters`; InvokeAI, NovelAI, Draw Things and
// Easy Diffusion have texts of their own.

extension PlainRecord {
    /// JSON of more bytes is not read.
    private static let mostBytes = 1 << 20

    /// The record in a `parameters` text; nil if the text is none, but a webui's.
    ///
    /// - Parameter isWebUI: whether the text has a webui's fields, so that its prompt may be anything
    /// - Throws: `LimnError` if it is JSON that cannot be read
    static func inParameters(_ text: String, isWebUI: Bool, path: String) throws -> PlainRecord? {
        let start = text.drop(while: \.isWhitespace)
        guard start.first == "{" else { return nil }
        guard let members = members(of: text) else {
            // A prompt may begin with a bracket, but hardly with a name in quotes behind it.
            guard !isWebUI, start.dropFirst().first(where: { !$0.isWhitespace }) == "\"" else { return nil }
            throw LimnError("\(path): its `parameters` text is JSON that is damaged, so it cannot be drawn again")
        }
        func value(_ key: String) -> JSON? { members.first { $0.key == key }?.value }
        if case .object(let own)? = value("sui_image_params") {
            return PlainRecord(program: "SwarmUI", likeness: .comfyui, harmless: ["automaticvae"], values: own)
        }
        let says = ["version", "software", "created_by"].compactMap { key -> String? in
            if case .string(let text)? = value(key) { text } else { nil }
        }
        if let name = says.first(where: { $0.contains("Fooocus") }) {
            let program = name.contains("Ruined") ? "RuinedFooocus" : "Fooocus"
            return PlainRecord(program: program, likeness: .comfyui, harmless: fooocusTwice, values: members)
        }
        if value("base_model") != nil || value("full_prompt") != nil, value("sharpness") != nil {
            return PlainRecord(program: "Fooocus", likeness: .comfyui, harmless: fooocusTwice, values: members)
        }
        return PlainRecord(program: "a program that limn does not know", values: members)
    }

    /// What Fooocus writes beside what was drawn: what that came of.
    private static let fooocusTwice: Set<String> = [
        "prompt", "negative_prompt", "prompt_expansion", "styles", "performance", "metadata_scheme",
    ]

    /// The record in texts of a program's own; nil if there is none that is known.
    ///
    /// - Throws: `LimnError` that names the program if its record cannot be read
    static func inOwnTexts(_ texts: [(keyword: String, text: String)], path: String) throws -> PlainRecord? {
        func text(_ keyword: String) -> String? { texts.first { $0.keyword == keyword }?.text }
        func read(_ text: String, _ program: String) throws -> [(key: String, value: JSON)] {
            if let members = members(of: text) { return members }
            throw LimnError("\(path): \(program) drew it, and its record is damaged, so it cannot be drawn again")
        }
        let invoke = (sampler: ["scheduler", "sampler", "sampler_name"], harmless: Set(["rand_device", "type"]))
        if let own = text("invokeai_metadata") {
            return PlainRecord(
                program: "InvokeAI", samplerKeys: invoke.sampler, scheduleKeys: [], harmless: invoke.harmless,
                values: try read(own, "InvokeAI"))
        }
        if let own = text("sd-metadata") {
            var members = try read(own, "InvokeAI")
            if case .object(let image)? = members.first(where: { $0.key == "image" })?.value {
                members = members.filter { $0.key != "image" } + image.map(Self.invokePrompt)
            }
            return PlainRecord(
                program: "InvokeAI", samplerKeys: invoke.sampler, scheduleKeys: [],
                harmless: invoke.harmless.union(["model", "model_id", "app_id"]), values: members)
        }
        if text("Software") == "NovelAI" {
            let own = try text("Comment").map { try read($0, "NovelAI") } ?? []
            let prompt = text("Description").map { [("description", JSON.string($0))] } ?? []
            return PlainRecord(program: "NovelAI", values: own + prompt)
        }
        if let own = text("XML:com.adobe.xmp"), own.contains("Draw Things") {
            guard let json = drawThings(own) else {
                throw LimnError("\(path): Draw Things drew it, and its record is damaged, so it cannot be drawn again")
            }
            return PlainRecord(
                program: "Draw Things", harmless: ["v2", "profile"], values: try read(json, "Draw Things"))
        }
        let easy = texts.filter { easyDiffusion.contains($0.keyword) }
        if easy.contains(where: { ["prompt", "Prompt"].contains($0.keyword) }), easy.count >= 3 {
            return PlainRecord(program: "Easy Diffusion", values: texts.map { ($0.keyword, .string($0.text)) })
        }
        for (keyword, program) in [("Dream", "InvokeAI"), ("generation_data", "TensorArt"), ("invokeai", "InvokeAI")]
        where text(keyword) != nil {
            throw LimnError(
                "\(path): \(program) drew it, whose `\(keyword)` text limn does not read; give the prompt and the settings "
                    + "as flags")
        }
        return nil
    }

    private static let easyDiffusion: Set<String> = [
        "prompt", "Prompt", "negative_prompt", "Negative Prompt", "num_inference_steps", "Steps", "guidance_scale",
        "Guidance Scale", "use_stable_diffusion_model", "Stable Diffusion model", "sampler_name", "Sampler",
    ]

    /// InvokeAI 2 has a list of prompts with weights, of which only one alone is plain, and the negative one in brackets.
    private static func invokePrompt(_ member: (key: String, value: JSON)) -> (key: String, value: JSON) {
        guard member.key == "prompt", case .array(let parts) = member.value, parts.count == 1,
            case .object(let only)? = parts.first, let text = only.first(where: { $0.key == "prompt" })?.value
        else { return member }
        return ("prompt", text)
    }

    /// The members of a JSON object; nil if the text is none.
    private static func members(of text: String) -> [(key: String, value: JSON)]? {
        guard text.utf8.count <= mostBytes, case .object(let members)? = JSON.parse(text) else { return nil }
        return members
    }

    /// The JSON in Draw Things' XMP: the text of exif:UserComment, with XML's signs.
    private static func drawThings(_ xmp: String) -> String? {
        guard let comment = xmp.firstRange(of: "exif:UserComment"),
            let start = xmp[comment.upperBound...].firstIndex(of: "{"),
            let end = xmp[start...].firstRange(of: "</rdf:li>") ?? xmp[start...].firstRange(of: "</exif:UserComment>")
        else { return nil }
        var text = String(xmp[start..<end.lowerBound])
        for (sign, meaning) in [
            ("&quot;", "\""), ("&#34;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"),
            ("&#xA;", "\n"), ("&#10;", "\n"), ("&amp;", "&"),
        ] {
            text = text.replacing(sign, with: meaning)
        }
        return text
    }
}
