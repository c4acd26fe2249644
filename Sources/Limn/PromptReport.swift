import Checkpoints
import Models
import Tokenizers

/// What a model's tokenizers make of a prompt: pieces, ids, weights and chunks, and what falls off.
///
///     let report = try PromptReport(of: "a (red:1.2) apple", style: .webui, model: "weights/icons-128")
public struct PromptReport: Sendable, Encodable {
    /// One of the texts that the prompt consists of in the course of a run.
    public struct Text: Sendable, Encodable {
        public let text: String
        /// What it counts where prompts are put together.
        public let weight: Float
        /// The steps that it is there for, counted from 1; several stretches where texts take turns.
        public let steps: [Int]
        public let encoders: [Encoder]
    }

    /// What one of the model's tokenizers makes of it.
    public struct Encoder: Sendable, Encodable {
        /// The text encoder's folder.
        public let name: String
        public let tokenizer: String
        /// Tokens that a chunk has room for.
        public let room: Int
        public let chunks: [[Token]]
        /// Words that the model does not read; nil if it reads all.
        public let dropped: String?
    }

    public struct Token: Sendable, Encodable {
        public let id: Int
        public let piece: String
        public let weight: Double
    }

    public let prompt: String
    public let style: String
    public let texts: [Text]

    /// - Parameters:
    ///   - steps: of the run that changes are told for
    ///   - model: a folder or a file, of which the configurations are read, and the tokenizers
    ///   - embeddings: files of learnt words
    /// - Throws: `LimnError` for what cannot be read
    public init(
        of prompt: String, style: PromptStyle = .plain, steps: Int = 25, model: String, tokenizer: String? = nil,
        embeddings: [String] = []
    ) throws {
        guard (1...1000).contains(steps) else { throw LimnError("give 1 to 1000 steps, not \(steps)", isUsage: true) }
        var request = Request(prompt: prompt)
        request.promptStyle = style
        let plan = try PromptPlan(request, steps: steps)
        let (description, tokenizers) = try withLimnErrors {
            // Weights are not looked at, so it does not matter whether some are left over.
            let description = try OpenedModel(
                path: model, options: .init(tokenizer: tokenizer, isLenient: true)
            ).description
            let words = try embeddings.map { try TextualInversion(path: $0) }
            return (description, try description.tokenizers(words))
        }
        self.prompt = prompt
        self.style = style.rawValue
        var texts: [Text] = []
        for (part, weight) in plan.weights.enumerated() {
            var steps: [String: [Int]] = [:]
            var order: [String] = []
            for step in 0..<plan.steps {
                let text = plan.stages[plan.stage(of: step)].positives[part]
                if steps[text] == nil { order.append(text) }
                steps[text, default: []].append(step + 1)
            }
            for text in order {
                let encoders = try zip(description.texts, tokenizers).map {
                    try Encoder(text, style, $0.part.rawValue, $1)
                }
                texts.append(Text(text: text, weight: weight, steps: steps[text] ?? [], encoders: encoders))
            }
        }
        self.texts = texts
    }
}

extension PromptReport.Encoder {
    fileprivate init(_ text: String, _ style: PromptStyle, _ name: String, _ tokenizer: any Tokenizer) throws {
        do {
            self.name = name
            self.tokenizer = tokenizer.kind
            room = tokenizer.frame.room
            chunks = try style.chunks(text, tokenizer).map { chunk in
                chunk.tokens.map { PromptReport.Token(id: $0.id, piece: $0.piece, weight: $0.weight) }
            }
            dropped = style == .plain ? try tokenizer.encode(text).dropped : nil
        } catch let error as PromptError {
            throw LimnError(error.description, isUsage: true)
        } catch {
            throw LimnError(String(describing: error))
        }
    }
}
