/// A unigram language model's pieces: a word is cut into those whose probabilities multiply to the most.
///
/// Kudo 2018, "Subword Regularization". Follows the tokenizers library in what is not the model itself: scores
/// are added in double precision from the left, the first of equally good cuts wins, a character without a piece
/// costs 10 more than the worst piece, and neighbouring unknown characters become one unknown token.
struct UnigramModel: Sendable {
    /// What a character without a piece costs beside the worst score.
    private static let unknownPenalty = 10.0

    private let scores: [Double]
    private let pieces: PrefixTable
    private let unknownScore: Double
    let unknown: Int

    var size: Int { scores.count }

    /// - Parameters:
    ///   - vocabulary: pieces and the logarithms of their probabilities; the index is the id.
    ///   - unknown: the id of characters without a piece.
    init(_ vocabulary: [(piece: String, score: Double)], unknown: Int) {
        scores = vocabulary.map(\.score)
        pieces = PrefixTable(vocabulary.map { Array($0.piece.utf8) })
        unknownScore = (scores.min() ?? 0) - Self.unknownPenalty
        self.unknown = unknown
    }

    func id(_ piece: String) -> Int? { pieces.index(of: Array(piece.utf8)) }

    /// The best cut that ends at some byte.
    private struct Node {
        var id = 0
        var score = 0.0
        var start = -1
    }

    /// The best cut of a word.
    ///
    /// - Complexity: O(n · longest piece) for n bytes.
    func encode(_ word: Substring) -> [Token] {
        let bytes = Array(word.utf8)
        var nodes = [Node](repeating: Node(), count: bytes.count + 1)
        var at = 0
        while at < bytes.count {
            let width = min(Self.width(bytes[at]), bytes.count - at)
            let score = nodes[at].score
            var hasSingle = false
            func offer(_ id: Int, _ length: Int, _ candidate: Double) {
                let end = at + length
                if nodes[end].start < 0 || candidate > nodes[end].score {
                    nodes[end] = Node(id: id, score: candidate, start: at)
                }
            }
            pieces.forEachPrefix(of: bytes, from: at) { id, length in
                offer(id, length, scores[id] + score)
                if length == width { hasSingle = true }
            }
            if !hasSingle { offer(unknown, width, unknownScore + score) }
            at += width
        }
        return tokens(bytes, nodes)
    }

    private func tokens(_ bytes: [UInt8], _ nodes: [Node]) -> [Token] {
        var tokens: [Token] = []
        var end = bytes.count
        while end > 0 {
            let id = nodes[end].id
            var start = nodes[end].start
            if id == unknown {
                while start > 0, nodes[start].id == unknown { start = nodes[start].start }
            }
            let run = Array(bytes[start..<end])
            // Unknown characters side by side may spell a piece that was too improbable to be chosen.
            let chosen = id == unknown ? pieces.index(of: run) ?? unknown : id
            tokens.append(Token(id: chosen, piece: String(decoding: run, as: UTF8.self)))
            end = start
        }
        return tokens.reversed()
    }

    /// How many bytes a character has, from its first.
    private static func width(_ first: UInt8) -> Int {
        first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
    }
}
