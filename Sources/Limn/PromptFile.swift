/// A file of prompts, one a line. A line that begins with `--` says more than the prompt, in the webui's words:
/// `--prompt "a cat" --negative_prompt "blurry" --seed 1 --steps 20`. Empty lines, and those that begin with #, are
/// left out.
public struct PromptFile: Sendable {
    /// What a line asks for.
    public struct Line: Sendable {
        /// Counted from 1.
        public let number: Int
        private let path: String
        private let settings: [(name: String, value: String)]

        /// Whether it says a seed of its own.
        public var hasSeed: Bool { settings.contains { $0.name == "seed" } }

        /// - Throws: `LimnError` naming the line, if it cannot be read
        init(_ text: String, number: Int, path: String) throws {
            (self.number, self.path) = (number, path)
            settings = text.hasPrefix("--") ? try Self.flags(text, number, path) : [("prompt", text)]
        }

        /// - Throws: `LimnError` naming the line, if it asks for what there is not
        public func apply(to request: inout Request) throws {
            var pictures: (batch: Int?, runs: Int?) = (nil, nil)
            for (name, value) in settings {
                func number<Number: LosslessStringConvertible>(_ kind: Number.Type) throws -> Number {
                    guard let number = Number(value) else {
                        throw LimnError(
                            "\(path), line \(self.number): --\(name) wants a number, not \"\(value)\"", isUsage: true)
                    }
                    return number
                }
                switch name {
                case "prompt": request.prompt = value
                case "negative_prompt": request.negativePrompt = value
                case "seed":
                    let seed = try number(Int64.self)
                    request.seed = seed < 0 ? nil : UInt64(seed)
                case "steps": request.steps = try number(Int.self)
                case "cfg_scale": request.guidanceScale = try number(Float.self)
                case "width": request.width = try number(Int.self)
                case "height": request.height = try number(Int.self)
                case "sampler_name": (request.sampler, request.schedule) = (value, nil)
                case "scheduler": request.schedule = value
                case "n_iter": pictures.runs = try number(Int.self)
                default: pictures.batch = try number(Int.self)
                }
            }
            guard pictures.batch != nil || pictures.runs != nil else { return }
            let (count, overflow) = (pictures.batch ?? 1).multipliedReportingOverflow(by: pictures.runs ?? 1)
            request.count = overflow ? .max : count
        }

        private static let known = [
            "prompt", "negative_prompt", "seed", "steps", "cfg_scale", "width", "height", "sampler_name", "scheduler",
            "n_iter", "batch_size",
        ]

        private static func flags(_ text: String, _ line: Int, _ path: String) throws -> [(name: String, value: String)]
        {
            func fail(_ text: String) -> LimnError { LimnError("\(path), line \(line): \(text)", isUsage: true) }
            guard let words = words(text) else { throw fail("a quote that opens does not close") }
            var flags: [(name: String, value: String)] = []
            var rest = words[...]
            while let flag = rest.popFirst() {
                guard flag.hasPrefix("--") else { throw fail("\"\(flag)\" belongs to no flag; put texts in quotes") }
                let name = String(flag.dropFirst(2).replacing("-", with: "_"))
                guard known.contains(name) else {
                    let near = known.min { LoRAFolder.distance($0, name) < LoRAFolder.distance($1, name) } ?? ""
                    throw fail(
                        "--\(name) is not known here; the nearest is --\(near), and all are "
                            + known.map { "--" + $0 }.joined(separator: ", "))
                }
                guard var value = rest.popFirst() else { throw fail("--\(name) lacks its value") }
                // As in the webui, texts need no quotes.
                while name.hasSuffix("prompt"), let more = rest.first, !more.hasPrefix("--") {
                    value += " " + more
                    rest.removeFirst()
                }
                flags.append((name, value))
            }
            return flags
        }

        /// Words as a shell tells them apart; nil for a quote that does not close.
        private static func words(_ text: String) -> [String]? {
            var words: [String] = []
            var word: String?
            var quote: Character?
            var rest = text[...]
            while let character = rest.popFirst() {
                if character == "\\", quote != "'" {
                    guard let next = rest.popFirst() else { return nil }
                    // Between double quotes only these two are escaped.
                    word = (word ?? "") + (quote == nil || next == "\"" || next == "\\" ? "" : "\\") + String(next)
                } else if let open = quote {
                    if character == open { quote = nil } else { word?.append(character) }
                } else if character == "\"" || character == "'" {
                    (quote, word) = (character, word ?? "")
                } else if character.isWhitespace {
                    if let word { words.append(word) }
                    word = nil
                } else {
                    word = (word ?? "") + String(character)
                }
            }
            if let word { words.append(word) }
            return quote == nil ? words : nil
        }
    }

    public let lines: [Line]

    /// - Throws: `LimnError` if the file cannot be read, has no prompts, or more than ten thousand
    public init(contentsOf path: String) throws {
        lines = try TextFile.numberedLines(path).map { try Line($0.text, number: $0.number, path: path) }
        guard (1...10_000).contains(lines.count) else {
            throw LimnError(
                "\(path): a file of prompts has 1 to 10000 lines, and this one has \(lines.count)", isUsage: true)
        }
    }
}
