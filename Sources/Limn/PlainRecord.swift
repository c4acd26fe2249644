import Platform
import Sampling

/// How other programs write down how a picture was made: plain names and values in JSON, each program with names of its
/// own, that mean much the same. What is plain is read, and the rest is named.
struct PlainRecord {
    /// The program that wrote it, for people.
    let program: String
    /// The program whose pictures are most like its; nil: the model's and diffusers' settings hold.
    var likeness: Likeness?
    /// How prompts are read; nil: as the likeness does.
    var style: PromptStyle?
    /// Names that mean the sampler, where this is not "sampler".
    var samplerKeys = ["sampler", "sampler_name", "sampler_id"]
    var scheduleKeys = ["scheduler", "schedule", "noise_schedule"]
    /// Names that say nothing that changes a picture, besides those of all.
    var harmless: Set<String> = []
    let values: [(key: String, value: JSON)]

    private static let promptKeys = [
        "full_prompt", "prompt", "positive_prompt", "positiveprompt", "c", "description",
    ]
    private static let negativeKeys = ["full_negative_prompt", "negative_prompt", "negativeprompt", "negative", "uc"]
    private static let scaleKeys = ["cfg_scale", "cfgscale", "guidance_scale", "guidancescale", "scale", "cfg"]
    private static let stepsKeys = ["steps", "num_inference_steps"]
    private static let modelKeys = [
        "model", "base_model", "base_model_name", "use_stable_diffusion_model", "stable_diffusion_model",
        "model_weights",
    ]
    private static let sizeKeys = ["size", "resolution"]
    private static let harmlessKeys: Set<String> = [
        "version", "software", "app_version", "created_by", "metadata_scheme", "base_model_hash", "model_hash", "date",
        "generation_time", "swarm_version", "generation_mode", "output_format", "images", "num_outputs", "source",
        "signed_hash", "request_type", "session_id", "created_at", "use_cpu",
    ]
    /// More than any record needs, for a message.
    private static let mostNamed = 20

    /// Letters in lower case, words joined by "_": "Negative Prompt" is "negative_prompt".
    private static func folded(_ key: String) -> String { key.lowercased().replacing(" ", with: "_") }

    /// The request of the picture, and what is not followed, in sentences.
    ///
    /// - Throws: `LimnError` if it has no plain prompt
    func stored(path: String) throws -> (StoredRequest, notes: [String]) {
        var reader = Reader(values.map { (Self.folded($0.key), $0.value) })
        guard let prompt = reader.text(Self.promptKeys) else {
            throw LimnError(
                "\(path): \(program) drew it, and its record has no plain prompt, so it cannot be drawn again; give the "
                    + "prompt with -p instead")
        }
        var request = Request(prompt: prompt)
        request.likeness = likeness ?? .diffusers
        request.promptStyle = style
        request.negativePrompt = reader.text(Self.negativeKeys) ?? ""
        request.seed = reader.number(["seed"]).flatMap { UInt64(exactly: $0) } ?? reader.largeNumber(["seed"])
        if request.seed == nil { reader.leave(["seed"]) }
        if let steps = reader.number(Self.stepsKeys), let whole = Int(exactly: steps), (1...10_000).contains(whole) {
            request.steps = whole
        } else {
            reader.leave(Self.stepsKeys)
        }
        request.guidanceScale = reader.number(Self.scaleKeys).map { Float($0) }
        readSize(&reader, &request)
        var notes = readSampler(&reader, &request, path)
        let model = reader.name(Self.modelKeys)
        var stored = StoredRequest(request, model: "", fingerprint: "", precision: nil)
        (stored.version, stored.fingerprint, stored.model) = (nil, nil, model.map(Self.stem))
        stored.likeness = likeness
        notes.insert(
            "\(path) was drawn by \(program), of whose record the prompts, the seed, the steps, the guidance scale, the "
                + "sampler and the size are followed; the picture may be another", at: 0)
        let left = reader.left.filter { !Self.harmlessKeys.contains($0) && !harmless.contains($0) }
        if !left.isEmpty {
            let more = left.count > Self.mostNamed ? ", and \(left.count - Self.mostNamed) more" : ""
            notes.append(
                "\(path) was drawn with settings that are not followed: "
                    + left.prefix(Self.mostNamed).map(ComfyUIWorkflow.short).joined(separator: ", ") + more)
        }
        return (stored, notes)
    }

    private func readSize(_ reader: inout Reader, _ request: inout Request) {
        let sides = (reader.number(["width"]), reader.number(["height"]))
        let (width, height) = (sides.0.flatMap { Int(exactly: $0) }, sides.1.flatMap { Int(exactly: $0) })
        let named = reader.text(Self.sizeKeys).flatMap(Self.size)
        let possible = 1...16384
        if let width, let height, possible.contains(width), possible.contains(height) {
            (request.width, request.height) = (width, height)
        } else if let named, possible.contains(named.width), possible.contains(named.height) {
            (request.width, request.height) = (named.width, named.height)
        } else {
            reader.leave(["width", "height"] + Self.sizeKeys)
        }
    }

    private func readSampler(_ reader: inout Reader, _ request: inout Request, _ path: String) -> [String] {
        var notes: [String] = []
        if let name = reader.text(samplerKeys), !name.isEmpty {
            if let found = OtherSampler(name) {
                (request.sampler, request.schedule) = (found.sampler.rawValue, found.schedule?.rawValue)
                request.solver.type = found.solverType
                if found.drawsOnGPU, likeness == .comfyui { request.generator = "cuda" }
            } else {
                notes.append(
                    "\(path): the sampler \"\(ComfyUIWorkflow.short(name))\" is not known here, so "
                        + "\(likeness?.habits.sampler ?? "the usual one") is used; choose one with --sampler")
            }
        }
        if let name = reader.text(scheduleKeys), !["", "automatic", "default"].contains(name.lowercased()) {
            if let known = try? ScheduleName(named: name) {
                request.schedule = known.rawValue
            } else {
                notes.append(
                    "\(path): the schedule \"\(ComfyUIWorkflow.short(name))\" is not known here, so the usual one is used; "
                        + "choose one with --schedule")
            }
        }
        return notes
    }

    /// "(512, 768)", "512x768", "512 × 768".
    private static func size(_ text: String) -> PixelSize? {
        let numbers = text.split { !($0.isASCII && $0.isNumber) }.compactMap { Int($0) }
        return numbers.count == 2 ? PixelSize(width: numbers[0], height: numbers[1]) : nil
    }

    private static func stem(_ name: String) -> String { LoRA.stem(ComfyUIWorkflow.lastPart(name)) }

    /// Looks names up, and keeps account of those that nobody asked for.
    private struct Reader {
        private let values: [(key: String, value: JSON)]
        private var asked: Set<String> = []

        init(_ values: [(key: String, value: JSON)]) { self.values = values }

        private mutating func first<Value>(_ keys: [String], _ read: (JSON) -> Value?) -> Value? {
            for key in keys {
                for (_, value) in values.filter({ $0.key == key }) {
                    guard let found = read(value) else { continue }
                    asked.insert(key)
                    return found
                }
            }
            return nil
        }

        /// A text, or several, which are one behind the other.
        mutating func text(_ keys: [String]) -> String? {
            let found: (key: String, text: String)? = first(keys) { value in
                switch value {
                case .string(let text): return ("", text)
                case .array(let parts):
                    let texts = parts.compactMap { if case .string(let text) = $0 { text } else { nil } }
                    return texts.count == parts.count ? ("", texts.joined(separator: ", ")) : nil
                default: return nil
                }
            }
            // The same, said twice.
            if found != nil { asked.formUnion(keys) }
            return found?.text
        }

        mutating func number(_ keys: [String]) -> Double? {
            first(keys) { value in
                switch value {
                case .integer(let number): Double(exactly: number)
                case .number(let number): abs(number) <= 1e12 ? number : nil
                case .string(let text): Double(text).flatMap { abs($0) <= 1e12 ? $0 : nil }
                default: nil
                }
            }
        }

        /// One of more digits than a `Double` has.
        mutating func largeNumber(_ keys: [String]) -> UInt64? {
            first(keys) { value in
                switch value {
                case .integer(let number): UInt64(exactly: number)
                case .large(let number): number
                case .string(let text): UInt64(text)
                default: nil
                }
            }
        }

        /// A name, or that of what has one.
        mutating func name(_ keys: [String]) -> String? {
            first(keys) { value in
                switch value {
                case .string(let text): return text
                case .object(let members):
                    for key in ["name", "model_name"] {
                        if case .string(let text)? = members.first(where: { $0.key == key })?.value { return text }
                    }
                    return nil
                default: return nil
                }
            }
        }

        /// Names are not followed after all.
        mutating func leave(_ keys: [String]) { asked.subtract(keys) }

        /// What nobody asked for and is in use, each once.
        var left: [String] {
            var found: [String] = []
            for (key, value) in values where !asked.contains(key) && !found.contains(key) && Self.isOn(value) {
                found.append(key)
            }
            return found
        }

        private static func isOn(_ value: JSON) -> Bool {
            switch value {
            case .null, .bool(false): false
            case .string(let text): !["", "none", "None"].contains(text)
            case .array(let parts): !parts.isEmpty
            case .object(let members): !members.isEmpty
            default: true
            }
        }
    }
}
