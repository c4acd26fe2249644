import Models
import Tensors
import Tokenizers

/// How a prompt is read.
public enum PromptStyle: String, Sendable, CaseIterable, Codable {
    /// As it is, as diffusers does; what is too long for the text encoder falls off.
    case plain
    /// As the webui does: weights `(a:1.2)`, `((a))`, `[a]`; `[from:to:0.4]`, `[a|b]`; `AND`, `BREAK`; prompts of any
    /// length.
    case webui
    /// As ComfyUI does: weights `(a:1.2)`, `embedding:name`; prompts of any length.
    case comfyui
    /// As stable-diffusion.cpp does: the webui's weights and `BREAK`; prompts of any length, cut where a chunk is full.
    case sdcpp = "sd.cpp"
}

/// What weights in a prompt do to the text encoder's states.
public enum Emphasis: String, Sendable, CaseIterable, Codable {
    /// Multiply a token's state, and bring the mean of all back to what it was: the webui's "Original".
    case original
    /// Multiply a token's state: the webui's "No norm".
    case noNorm = "no-norm"
    /// Move a token's state away from what an empty text has in its place: ComfyUI's.
    case comfyui
    /// Nothing.
    case ignore

    var webUIName: String {
        switch self {
        case .original: "Original"
        case .noNorm: "No norm"
        case .comfyui: "ComfyUI"
        case .ignore: "Ignore"
        }
    }
}

extension PromptStyle {
    var ownEmphasis: Emphasis { self == .comfyui ? .comfyui : .original }

    /// A text without compositions and changes, cut for a text encoder.
    ///
    /// - Parameter missing: is told the names of embeddings that are asked for, but are not there
    func chunks(
        _ text: String, _ tokenizer: any Tokenizer, missing: (String) -> Void = { _ in }
    ) throws -> [PromptChunk] {
        switch self {
        case .plain:
            [
                PromptChunk(
                    try tokenizer.tokens(text).prefix(tokenizer.frame.room).map {
                        WeightedToken(id: $0.id, piece: $0.piece)
                    })
            ]
        case .webui: try PromptChunks.webUI(try WebUIWeights.parse(text), tokenizer)
        case .comfyui: try PromptChunks.comfy(try ComfyWeights.parse(text), tokenizer, missing: missing)
        case .sdcpp: try PromptChunks.sdcpp(try WebUIWeights.parse(text), tokenizer)
        }
    }
}

extension Emphasis {
    /// Weighs the states of a text's chunks.
    ///
    /// - Parameters:
    ///   - states: [chunks, 1, tokens, channels]; behind the chunks, an empty one if `needsEmpty`
    ///   - weights: of each chunk, of each token
    func apply(to states: Tensor, weights: [[Double]]) {
        let size = states.pixels * states.channels
        for (chunk, weights) in weights.enumerated() {
            let z = UnsafeMutableBufferPointer(start: states.pointer + chunk * size, count: size)
            switch self {
            case .ignore: break
            case .noNorm: Self.multiply(z, weights, states.channels)
            case .original:
                let mean = z.reduce(0) { $0 + Double($1) }
                Self.multiply(z, weights, states.channels)
                let factor = mean / z.reduce(0) { $0 + Double($1) }
                guard factor.isFinite, factor != 1 else { continue }
                for index in z.indices { z[index] *= Float(factor) }
            case .comfyui:
                let empty = states.pointer + self.emptyRow(states) * size
                for (token, weight) in weights.enumerated() where weight != 1 {
                    for index in token * states.channels..<(token + 1) * states.channels {
                        z[index] = (z[index] - empty[index]) * Float(weight) + empty[index]
                    }
                }
            }
        }
    }

    /// Whether an empty chunk's states are wanted behind the others.
    var needsEmpty: Bool { self == .comfyui }

    private func emptyRow(_ states: Tensor) -> Int { states.batch - 1 }

    private static func multiply(_ z: UnsafeMutableBufferPointer<Float>, _ weights: [Double], _ channels: Int) {
        for (token, weight) in weights.enumerated() where weight != 1 {
            for index in token * channels..<(token + 1) * channels { z[index] *= Float(weight) }
        }
    }
}

extension PromptStyle {
    /// How a prompt of this style calls an embedding.
    func word(for embedding: LearntToken) -> String {
        switch self {
        case .plain: embedding.name
        case .webui, .sdcpp: EmbeddingName.stem(of: embedding.file)
        case .comfyui: "embedding:" + EmbeddingName.stem(of: embedding.file)
        }
    }
}
