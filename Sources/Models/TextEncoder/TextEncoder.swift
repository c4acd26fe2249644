import Checkpoints
import Layers
import Tensors

/// A text as a text encoder takes it.
package struct EncoderTokens: Sendable, Equatable {
    /// The prompt's ids, special tokens included, then padding.
    package let ids: [Int]
    /// How many of them are not padding.
    package let count: Int

    package init(ids: [Int], count: Int) { (self.ids, self.count) = (ids, count) }
}

/// Which of a text encoder's states a UNet listens to.
package struct TextLayer: Sendable, Equatable {
    /// Layers left out at the end: 0 for the last one's states.
    package var skipped: Int
    /// Whether they go through the encoder's final norm.
    package var isNormalised: Bool

    package init(skipped: Int, isNormalised: Bool) { (self.skipped, self.isNormalised) = (skipped, isNormalised) }
}

/// What a text encoder makes of texts.
package struct TextStates {
    /// [texts, 1, tokens, channels]
    package let states: Tensor
    /// One vector a text of an encoder that has a projection of the whole text; nil of others.
    package let pooled: [[Float]]?

    package init(states: Tensor, pooled: [[Float]]? = nil) { (self.states, self.pooled) = (states, pooled) }
}

/// Token ids → states: the one thing that all text encoders do.
package protocol TextEncoder: Sendable {
    /// - Parameter texts: of one length
    /// - Throws: `ModelError` if an id, the length or the layer is outside what the encoder was made for
    func callAsFunction(_ texts: [EncoderTokens], _ layer: TextLayer, _ compute: Compute) throws -> TextStates
}

/// What a text encoder's `config.json` says, as far as it matters outside the encoder.
package protocol TextEncoderConfig: Sendable {
    /// Width of the states.
    var channels: Int { get }
    /// Width of the pooled vector; nil if there is none.
    var pooledChannels: Int? { get }
    /// The most tokens that it takes.
    var maximumLength: Int { get }
    var layerCount: Int { get }
    /// The largest clip skip, where 1 is the last layer.
    var largestClipSkip: Int { get }
    /// How its files' keys become the names that the encoder asks for.
    var rules: KeyRules { get }

    /// The encoder, its weights read from `source`.
    func encoder(_ source: LayerSource) throws -> any TextEncoder
}

/// The text encoders that are built, by the class that their configuration names.
package enum TextEncoderClasses {
    private static let readers: [(name: String, read: @Sendable (ConfigFile) throws -> any TextEncoderConfig)] = [
        ("CLIPTextModel", { try CLIPTextConfig($0) }),
        ("CLIPTextModelWithProjection", { try CLIPTextConfig($0, hasProjection: true) }),
    ]

    package static var names: [String] { readers.map(\.name) }

    /// - Throws: `ModelError` naming the file and what in it is wrong or not supported
    package static func config(_ file: ConfigFile) throws -> any TextEncoderConfig {
        // A configuration without a class is a Stable Diffusion 1's.
        let name = try file.strings("architectures", default: ["CLIPTextModel"]).first ?? ""
        guard let reader = readers.first(where: { $0.name == name }) else {
            throw file.unsupported("class", "\"\(name)\"", supported: names.joined(separator: ", "))
        }
        return try reader.read(file)
    }
}
