import Models
import Tensors
import Tokenizers

/// A text as one row of a batch is told it.
struct SpokenText {
    /// What people call it: "prompt", "negative prompt".
    var name: String
    var text: String
    var clipSkip = 1
}

/// What the UNet is told of a batch's rows, before it has made anything of it.
struct ConditioningInputs {
    /// [rows, 1, tokens, channels]
    var states: Tensor
    /// Stable Diffusion XL: pooled text and picture sizes, one a row.
    var addition: [AdditionalConditions]?
    /// Latent consistency models: the guidance scale's embedding, one a row.
    var timeCondition: [[Float]]?
}

extension [TextReader] {
    /// Reads texts with every text encoder, and lays their states side by side.
    ///
    /// - Returns: states [texts, 1, tokens, channels of all encoders], and the last encoder's pooled vectors
    func read(
        _ texts: [SpokenText], _ description: ModelDescription, _ compute: Compute, tell: (Event) -> Void
    ) throws -> TextStates {
        var warned: Set<String> = []
        var states: [Tensor] = []
        var pooled: [[Float]]?
        for reader in self {
            let tokens = try texts.map { spoken in
                let tokens = try reader.tokenizer.encode(spoken.text)
                if let dropped = tokens.dropped, warned.insert(spoken.name).inserted {
                    tell(.warning(Self.warning(of: dropped, spoken.name, reader.tokenizer.maximumLength)))
                }
                return EncoderTokens(ids: tokens.ids, count: tokens.tokenCount, learnt: reader.learnt)
            }
            let layers = texts.map { description.layer(clipSkip: $0.clipSkip) }
            let read: [TextStates]
            if let layer = layers.first, layers.allSatisfy({ $0 == layer }) {
                read = [try reader.encoder(tokens, layer, compute)]
            } else {
                read = try zip(tokens, layers).map { try reader.encoder([$0], $1, compute) }
            }
            states.append(read.count == 1 ? read[0].states : try Tensor(stacking: read.map(\.states)))
            pooled = read.flatMap { $0.pooled ?? [] }
        }
        return TextStates(
            states: states.count == 1 ? states[0] : try Tensor(joiningChannels: states), pooled: pooled)
    }

    private static func warning(of dropped: String, _ name: String, _ length: Int) -> String {
        let quoted = dropped.count > 200 ? dropped.prefix(200) + "…" : dropped[...]
        return "the \(name) is longer than the \(length) tokens that the model reads; left out: \"\(quoted)\""
    }
}

extension ModelDescription {
    /// What a UNet of this kind is told of a request. Under guidance the prompt's row is the last of the batch.
    func inputs(
        _ job: PreparedRequest, isGuided: Bool, readers: [TextReader], _ compute: Compute, tell: (Event) -> Void
    ) throws -> ConditioningInputs {
        // As in diffusers, clip skip is for the prompt alone; the webui applies it to both.
        var spoken = [SpokenText(name: "prompt", text: job.request.prompt, clipSkip: job.request.clipSkip)]
        let isNegativeZero = zeroesEmptyNegative && job.request.negativePrompt.isEmpty
        if isGuided, !isNegativeZero {
            spoken.insert(SpokenText(name: "negative prompt", text: job.request.negativePrompt), at: 0)
        }
        let read = try readers.read(spoken, self, compute, tell: tell)
        var rows = (0..<spoken.count).map { Optional($0) }
        if isGuided, isNegativeZero { rows.insert(nil, at: 0) }
        // Told the negative prompt twice: without the picture, and with it.
        if isGuided, input == .picture { rows.insert(rows[0], at: 0) }

        var inputs = ConditioningInputs(states: try Tensor(rows: rows, of: read.states))
        if isXL {
            let blank = [Float](repeating: 0, count: pooledChannels)
            inputs.addition = rows.enumerated().map { index, row in
                AdditionalConditions(
                    pooledText: row.flatMap { read.pooled?[$0] } ?? blank,
                    timeIDs: job.sizeConditions(count: sizeConditionCount, isNegative: index < rows.count - 1))
            }
        }
        if let channels = unet.timeConditionChannels {
            let row = guidanceScaleEmbedding(job.guidanceScale, channels: channels)
            inputs.timeCondition = rows.map { _ in row }
        }
        return inputs
    }
}

extension PreparedRequest {
    /// What an XL model is told of the picture's size: original height and width, crop's top and left, and the target's
    /// height and width; its refiner an aesthetic score in place of the last two.
    func sizeConditions(count: Int, isNegative: Bool) -> [Float] {
        let original = request.originalSize ?? PixelSize(width: width, height: height)
        let target = request.targetSize ?? PixelSize(width: width, height: height)
        let crop = request.crop ?? PictureCrop(top: 0, left: 0)
        let score = isNegative ? request.negativeAestheticScore ?? 2.5 : request.aestheticScore ?? 6
        let last = count == 5 ? [score] : [Float(target.height), Float(target.width)]
        return [Float(original.height), Float(original.width), Float(crop.top), Float(crop.left)] + last
    }
}
