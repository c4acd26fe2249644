/// How a text encoder's vocabulary is made of a SentencePiece model's, and what stands around a prompt.
enum SentencePieceLayout: Sendable {
    /// transformers' `T5Tokenizer`: the model's own ids, then the sentinels; `X </s>`, then padding.
    case t5
    /// transformers' `XLMRobertaTokenizer`: `<s> <pad> </s> <unk>`, the model's pieces from 3 on, `<mask>`;
    /// `<s> X </s>`, then padding.
    case xlmRoberta

    var name: String {
        switch self {
        case .t5: "SentencePiece, T5 layout"
        case .xlmRoberta: "SentencePiece, XLM-R layout"
        }
    }

    /// The unknown token's id, where no token is called so.
    ///
    /// transformers 5 takes these ids for it whatever the model says, which goes wrong where T5's tokenizer stands for
    /// a model that has the end token there, as Japanese Stable Diffusion's has: every unknown character would end the
    /// text. transformers 4 and SentencePiece go by the name.
    var unknown: Int {
        switch self {
        case .t5: 2
        case .xlmRoberta: 3
        }
    }

    /// The roles that this layout has tokens for, with their defaults.
    var roles: [(role: String, content: String)] {
        switch self {
        case .t5: [("eos", "</s>"), ("unk", "<unk>"), ("pad", "<pad>")]
        case .xlmRoberta:
            [
                ("bos", "<s>"), ("eos", "</s>"), ("unk", "<unk>"), ("sep", "</s>"), ("pad", "<pad>"),
                ("cls", "<s>"), ("mask", "<mask>"),
            ]
        }
    }

    /// T5's sentinels, the last one first, as the vocabulary has them.
    static func sentinels(_ count: Int) -> [String] { (0..<count).reversed().map { "<extra_id_\($0)>" } }

    /// A SentencePiece model's vocabulary in this layout; the index is the id.
    func arrange(
        _ pieces: [(piece: String, score: Double)], config: TokenizerConfig
    ) -> [(piece: String, score: Double)] {
        switch self {
        case .t5:
            return pieces + Self.sentinels(config.extraIDs).map { ($0, 0) }
        case .xlmRoberta:
            func named(_ role: String, _ content: String) -> (piece: String, score: Double) {
                (config.token(role, default: content).content, 0)
            }
            let head = [
                named("bos", "<s>"), named("pad", "<pad>"), named("eos", "</s>"), named("unk", "<unk>"),
            ]
            return head + pieces.dropFirst(3) + [named("mask", "<mask>")]
        }
    }
}
