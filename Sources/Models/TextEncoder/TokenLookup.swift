import Layers
import Tensors

/// What token ids look up in a text encoder's first table.
struct TokenLookup: Sendable {
    let table: Embedding
    let channels: Int
    /// The most tokens of a text.
    let longest: Int

    /// - Returns: zeros with each token's vector added to its row, [texts, 1, tokens, channels]
    /// - Throws: `ModelError` if the texts differ in length or are too long, or if an id has no vector
    func callAsFunction(_ texts: [EncoderTokens]) throws -> Tensor {
        let length = texts.first?.ids.count ?? 0
        guard length >= 1, length <= longest, texts.allSatisfy({ $0.ids.count == length }) else {
            throw ModelError("texts of \(length) tokens do not fit a text encoder of \(longest) positions")
        }
        let states = try Tensor(batch: texts.count, height: 1, width: length, channels: channels)
        for (text, tokens) in texts.enumerated() {
            for (token, id) in tokens.ids.enumerated() {
                let row = states.pointer + (text * length + token) * channels
                if let vector = tokens.learnt[id] { try replace(row, by: vector) } else { try look(up: id, to: row) }
            }
        }
        return states
    }

    private func look(up id: Int, to row: UnsafeMutablePointer<Float>) throws {
        guard (0..<table.count).contains(id) else {
            throw ModelError(
                "the tokenizer gave id \(id), but the text encoder knows \(table.count): they are not of one model; "
                    + "--tokenizer gives another")
        }
        table.add(id, to: row)
    }

    private func replace(_ row: UnsafeMutablePointer<Float>, by vector: [Float]) throws {
        guard vector.count == channels else {
            throw ModelError("a learnt word has \(vector.count) values, but the text encoder takes \(channels)")
        }
        row.update(from: vector, count: channels)
    }
}

/// The one layer that text encoders other than CLIP's are asked for.
func requireLastLayer(_ layer: TextLayer, of name: String) throws {
    guard layer.skipped == 0 else {
        throw ModelError(
            "clip skip \(layer.skipped + 1) is out of range: \(name) gives only the states that it ends in")
    }
}
