import Tensors

/// What a UNet is told besides latents and timestep; made once an image, used at every step.
package final class Conditioning {
    /// Pictures evaluated together: 2 for a pair under classifier-free guidance.
    package let batch: Int
    /// Text keys and values of every cross-attention, in the order of the layers.
    let keyValues: [KeyValues]
    /// Hides what texts were filled up with where they differ in length, [batch, 1, 1, tokens]; nil where none does.
    let hidden: Tensor?
    /// SDXL: [batch, 1, 1, additionInputChannels]. Networks that are told the text as a whole:
    /// [batch, 1, 1, timeEmbeddingChannels].
    let addition: Tensor?
    /// Latent consistency models: [batch, 1, 1, timeConditionChannels].
    let timeCondition: Tensor?
    /// What guidance does to self-attentions; nil: nothing.
    package var selfAttention: SelfAttentionControl?
    /// Room for the skip connections of one evaluation after the other.
    var skips: [Tensor] = []

    struct KeyValues {
        let key: Tensor
        /// [batch, heads, dim, tokens]
        let values: Tensor
    }

    init(batch: Int, keyValues: [KeyValues], hidden: Tensor?, addition: Tensor?, timeCondition: Tensor?) {
        self.batch = batch
        self.keyValues = keyValues
        self.hidden = hidden
        self.addition = addition
        self.timeCondition = timeCondition
    }

    /// What one picture of the batch is told, for evaluations of it alone.
    package func picture(_ index: Int) throws -> Conditioning { try pictures([index]) }

    /// What these pictures of the batch are told, for evaluations of them alone. A picture may come several times.
    package func pictures(_ indices: [Int]) throws -> Conditioning {
        func chosen(_ tensor: Tensor) throws -> Tensor { try Tensor(stacking: indices.map(tensor.picture)) }
        return Conditioning(
            batch: indices.count,
            keyValues: try keyValues.map { KeyValues(key: try chosen($0.key), values: try chosen($0.values)) },
            hidden: try hidden.map(chosen), addition: try addition.map(chosen),
            timeCondition: try timeCondition.map(chosen))
    }
}

/// SDXL's extra conditions for one picture.
package struct AdditionalConditions: Sendable {
    /// Pooled output of the second text encoder.
    package var pooledText: [Float]
    /// original height and width, crop top and left, target height and width
    package var timeIDs: [Float]

    package init(pooledText: [Float], timeIDs: [Float]) {
        self.pooledText = pooledText
        self.timeIDs = timeIDs
    }
}
