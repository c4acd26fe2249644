import FoundationEssentials
import Images
import Sampling

extension Model {
    /// The text chunks of a picture: the webui's `parameters`, and Limn's exact form.
    func metadata(for request: Request) throws -> [(keyword: String, text: String)] {
        var record = PictureRecord(request, version: limnVersion)
        (record.model, record.fingerprint, record.precision) = (name, fingerprint, precision.rawValue)
        record.loras = storedLoRAs.isEmpty ? nil : storedLoRAs
        record.vae = vaeName
        if let tiny, !tiny.isForPreviewsOnly { record.taesd = tiny.name }
        record.refiner = refinerFingerprint
        record.embeddings = embeddings.isEmpty ? nil : embeddings
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let exact = String(decoding: try encoder.encode(record), as: UTF8.self)
        return [
            (PictureParameters.keyword, record.parameters.text),
            (PictureParameters.exactKeyword, exact),
        ]
    }
}

extension PictureRecord {
    /// As the webui writes it, in its order.
    var parameters: PictureParameters {
        var fields: [(key: String, value: String)] = []
        func add(_ key: String, _ value: String?) {
            if let value { fields.append((key, value)) }
        }
        for field in RequestField.all where ![.prompt, .negativePrompt].contains(field) {
            fields += field.texts(request)
            if field == .width {
                add("Model", model)
                add("VAE", vae)
                add("TAESD", taesd)
            }
        }
        add("Version", version.map { "limn \($0)" })
        // The webui has LoRAs in the prompt.
        let prompt = ([request.prompt] + (loras ?? []).map(\.tag)).joined(separator: " ")
        return PictureParameters(prompt: prompt, negativePrompt: request.negativePrompt, fields: fields)
    }

    /// What another program's picture says of how it was made. Names that are not known are left out, so that the
    /// profile's own settings hold, or the model's.
    ///
    /// - Returns: also what is not followed, in sentences
    static func read(_ parameters: PictureParameters, path: String) throws -> (PictureRecord, notes: [String]) {
        guard !parameters.prompt.isEmpty || !parameters.fields.isEmpty else {
            throw LimnError(
                parameters.negativePrompt.isEmpty
                    ? "\(path): its `parameters` text is empty"
                    : "\(path): its `parameters` text has a negative prompt alone, so --from cannot draw it again")
        }
        var record = PictureRecord(Request(prompt: parameters.prompt))
        var fields = FieldReader(parameters)
        var notes = record.read(&fields, path: path)
        if parameters.fields.isEmpty {
            notes.append(
                "\(path): the last line of its `parameters` text has fewer than three settings, so all of it is read as the "
                    + "prompt, as the webui does")
        }
        return (record, notes)
    }

    private mutating func read(_ fields: inout FieldReader, path: String) -> [String] {
        model = fields.text("Model")
        request.negativePrompt = fields.parameters.negativePrompt
        let program = Self.likeness(of: fields.parameters)
        if let program { request.likeness = program }
        for field in RequestField.all {
            // Other programs mean other things by these words.
            if field.name.hasPrefix("webUI."), program != .webui { continue }
            field.readText(&fields, &request)
        }
        var notes = readSampler(&fields, program, path: path)
        switch program {
        case .webui: readWebUI(&fields)
        case .sdcpp: readSDCPP(&fields)
        default: break
        }
        notes += passNoStrength(path: path)
        return notes + Self.notes(&fields, path: path)
    }

    /// The names of sampler and schedule, which may be another version's.
    private mutating func readSampler(_ fields: inout FieldReader, _ program: Likeness?, path: String) -> [String] {
        var notes: [String] = []
        if let name = fields.text("Sampler"), !name.isEmpty {
            if let found = OtherSampler(name) {
                (request.sampler, request.schedule) = (found.sampler.rawValue, found.schedule?.rawValue)
                request.sampling.solver.type = request.sampling.solver.type ?? found.solverType
                if found.drawsOnGPU, program == .comfyui {
                    request.seeds.generator = request.seeds.generator ?? "cuda"
                }
            } else if !(program == .sdcpp && name.hasPrefix("ddim_trailing")) {
                notes.append(Self.unknown("sampler", name, own: program?.habits.sampler, flag: "--sampler", path))
            }
        }
        if let name = fields.text("Schedule type"), !["", "Automatic"].contains(name) {
            if let known = try? ScheduleName(named: name) {
                request.schedule = known.rawValue
            } else {
                notes.append(Self.unknown("schedule", name, own: nil, flag: "--schedule", path))
            }
        }
        return notes
    }

    private static func unknown(_ kind: String, _ name: String, own: String?, flag: String, _ path: String) -> String {
        "\(path): the \(kind) \"\(ComfyUIWorkflow.short(name))\" is not known here, so "
            + "\(own ?? "the usual one") is used and the picture will be another; choose one with \(flag)"
    }
}
