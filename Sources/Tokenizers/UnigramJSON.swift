import Platform

/// A unigram vocabulary in tokenizer.json, as transformers 5 saves T5's and XLM-R's tokenizers; already in the
/// layout's order.
struct UnigramJSON {
    let vocabulary: [(piece: String, score: Double)]
    private(set) var normalizer: PrecompiledNormalizer?

    init(_ json: JSON, file: String) throws {
        func failure(_ reason: String) -> TokenizerError { .malformed(file: file, reason: reason) }
        guard let list = json["model"]?["vocab"]?.array, !list.isEmpty else {
            throw failure("no model with a vocab of pieces and scores")
        }
        vocabulary = try list.enumerated().map { index, entry in
            guard let pair = entry.array, pair.count == 2, let piece = pair[0].string,
                let score = pair[1].number,
                score.isFinite
            else { throw failure("entry \(index) of the vocab is not a piece and its score") }
            return (piece, score)
        }
        // One step, or a sequence of which the first of this kind counts.
        let steps = json["normalizer"]?["normalizers"]?.array ?? json["normalizer"].map { [$0] } ?? []
        for step in steps where step["type"]?.string == "Precompiled" {
            guard let text = step["precompiled_charsmap"]?.string, let table = Base64.decode(text),
                let normalizer = PrecompiledNormalizer(table)
            else { throw failure("the table of character replacements is damaged") }
            self.normalizer = normalizer
            break
        }
    }
}
