/// What can go wrong between a tokenizer's folder and a prompt's ids.
package enum TokenizerError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A file that is not there, is no ordinary file or cannot be read.
    case unreadable(file: String, reason: String)
    /// A file that does not hold what it should.
    case malformed(file: String, reason: String)
    /// A folder without any file that a tokenizer can be made of.
    case noTokenizer(folder: String)
    /// A kind of tokenizer that is not implemented.
    case unsupported(file: String, tokenizer: String)
    /// A special token that the vocabulary lacks.
    case missingToken(file: String, token: String, role: String)
    /// An embedding's name that already stands for something.
    case known(file: String, token: String)
    /// Fewer ids than the special tokens and one word take, or absurdly many.
    case badLength(folder: String, length: Int)
    case textTooLong(bytes: Int, limit: Int)
    /// A file that may be whole, but for which there is no room.
    case outOfMemory(file: String)

    static let supported = "T5Tokenizer, XLMRobertaTokenizer and CLIPTokenizer, with or without Fast"

    /// One line, whatever the files say: characters that could drive a terminal are written as escapes.
    package var description: String {
        var line = ""
        for scalar in message.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                line += "\\u{\(String(scalar.value, radix: 16))}"
            default: line.unicodeScalars.append(scalar)
            }
        }
        return line
    }

    private var message: String {
        switch self {
        case .unreadable(let file, let reason):
            "\(file): \(reason)"
        case .malformed(let file, let reason):
            "\(file): \(reason). The file seems damaged or incomplete; fetch it again."
        case .noTokenizer(let folder):
            "\(folder): no tokenizer here. Expected tokenizer.json, spiece.model, sentencepiece.bpe.model, "
                + "tokenizer.model, or vocab.json with merges.txt."
        case .unsupported(let file, let tokenizer):
            "\(file): the tokenizer \(tokenizer) is not supported. Supported: \(Self.supported)."
        case .missingToken(let file, let token, let role):
            "\(file): the vocabulary has no token “\(token)”, which is to be the \(role) token. "
                + "The vocabulary and tokenizer_config.json do not belong together."
        case .known(let file, let token):
            "\(file): “\(token)” is a word of the model's vocabulary already, so no embedding can be called so. "
                + "Give the embedding's file another name."
        case .badLength(let folder, let length):
            "\(folder): a prompt of \(length) tokens is not possible; expected 3 to \(TokenizerConfig.longest)."
        case .outOfMemory(let file):
            "\(file): not enough memory to read it. Close other programs, or raise the limit (ulimit -v)."
        case .textTooLong(let bytes, let limit):
            "The prompt has \(bytes) bytes; at most \(limit) can be read. Shorten it."
        }
    }
}
