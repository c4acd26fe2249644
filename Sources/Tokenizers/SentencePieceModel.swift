import CSentencePiece

/// A SentencePiece model's vocabulary and normalization.
///
/// libsentencepiece opens and checks the file and gives the pieces. What its interface does not tell is read from
/// the message itself: the kind of model, the user-defined symbols and the table of replacements.
struct SentencePieceModel: Sendable {
    /// Pieces and the logarithms of their probabilities; the index is SentencePiece's own id.
    private(set) var pieces: [(piece: String, score: Double)] = []
    /// Control and user-defined symbols, in the order of their ids.
    private(set) var symbols: [String] = []
    private(set) var normalizer: PrecompiledNormalizer?

    // Field numbers and values of sentencepiece_model.proto.
    private enum ModelProto {
        static let pieces = 1, trainerSpec = 2, normalizerSpec = 3, selfTestData = 4
    }
    private enum Piece {
        static let type = 3
        static let control: UInt64 = 3, userDefined: UInt64 = 4
    }
    private enum TrainerSpec {
        static let modelType = 3
        static let unigram: UInt64 = 1
    }
    private enum NormalizerSpec {
        static let precompiledCharsMap = 2
    }

    init(file: String) throws {
        func failure(_ reason: String) -> TokenizerError { .malformed(file: file, reason: reason) }
        let message = try InputFile.bytes(file)
        guard let fields = ProtobufReader.fields(message[...]) else { throw failure("not a SentencePiece model") }
        // Self-test samples would be encoded while loading, with tables that nobody has checked yet.
        let isTested = fields.contains { $0.number == ModelProto.selfTestData }
        let untested = fields.lazy.filter { $0.number != ModelProto.selfTestData }.map(\.encoded)
        pieces = try Self.vocabulary(isTested ? Array(untested.joined()) : message, file: file)

        var types: [UInt64] = []
        for field in fields {
            guard case .bytes(let bytes) = field.content else { continue }
            guard let inner = ProtobufReader.fields(bytes) else { throw failure("not a SentencePiece model") }
            switch field.number {
            case ModelProto.pieces:
                types.append(Self.number(Piece.type, in: inner) ?? 0)
            case ModelProto.trainerSpec:
                if let type = Self.number(TrainerSpec.modelType, in: inner), type != TrainerSpec.unigram {
                    throw TokenizerError.unsupported(
                        file: file, tokenizer: "SentencePiece model of type \(type)")
                }
            case ModelProto.normalizerSpec:
                try readNormalizer(inner, file: file)
            default: break
            }
        }
        symbols = zip(pieces, types)
            .filter { $0.1 == Piece.control || $0.1 == Piece.userDefined }.map(\.0.piece)
    }

    private static func number(_ field: Int, in fields: [ProtobufReader.Field]) -> UInt64? {
        guard case .number(let value) = fields.last(where: { $0.number == field })?.content else {
            return nil
        }
        return value
    }

    private mutating func readNormalizer(_ fields: [ProtobufReader.Field], file: String) throws {
        guard
            case .bytes(let table) = fields.last(where: { $0.number == NormalizerSpec.precompiledCharsMap })?
                .content,
            !table.isEmpty
        else { return }
        guard let normalizer = PrecompiledNormalizer(Array(table)) else {
            throw TokenizerError.malformed(
                file: file, reason: "the table of character replacements is damaged")
        }
        self.normalizer = normalizer
    }

    private static func vocabulary(_ bytes: [UInt8], file: String) throws -> [(piece: String, score: Double)] {
        func failure(_ reason: String) -> TokenizerError { .malformed(file: file, reason: reason) }
        var message = [CChar](repeating: 0, count: 300)
        var lacksMemory = false
        guard let model = csp_open(bytes, bytes.count, &lacksMemory, &message, message.count) else {
            // Not everything in the library tells a lack of memory from a fault of the file.
            guard !lacksMemory, InputFile.hasMemory(4 * bytes.count + (1 << 20)) else {
                throw TokenizerError.outOfMemory(file: file)
            }
            let reason = message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
            throw failure("libsentencepiece refuses it (\(String(decoding: reason, as: UTF8.self)))")
        }
        defer { csp_close(model) }
        return try (0..<csp_count(model)).map { id in
            var length = 0
            let start = csp_piece(model, id, &length)
            let buffer = UnsafeBufferPointer(start: start, count: length)
            let score = csp_score(model, id)
            guard let piece = String(validating: buffer.map(UInt8.init(bitPattern:)), as: UTF8.self),
                score.isFinite
            else { throw failure("piece \(id) is not UTF-8 or has no finite score") }
            return (piece, Double(score))
        }
    }
}
