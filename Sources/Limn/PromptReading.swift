import Models
import Tensors
import Tokenizers

/// A text as one row of a batch is told it.
struct SpokenText: Hashable {
    /// What people call it: "prompt", "negative prompt".
    var name: String
    var text: String
    var clipSkip = 1
}

/// What the UNet is told of a batch's rows, before it has made anything of it.
struct ConditioningInputs {
    /// [rows, 1, tokens, channels]
    var states: Tensor
    /// How many of the tokens are each row's own; nil if all are.
    var counts: [Int]?
    /// Stable Diffusion XL: pooled text and picture sizes, one a row.
    var addition: [AdditionalConditions]?
    /// Latent consistency models: the guidance scale's embedding, one a row.
    var timeCondition: [[Float]]?
}

/// A text as all text encoders together read it.
struct ReadText {
    /// [1, 1, tokens, channels]
    var states: Tensor
    /// The last encoder's vector of the whole text.
    var pooled: [Float]?
}

/// Texts as a UNet's rows take them.
struct ReadTexts {
    /// [texts, 1, tokens, channels]
    var states: Tensor
    /// How many of the tokens are each text's own; nil if all are.
    var counts: [Int]?
    /// The last encoder's vectors of whole texts.
    var pooled: [[Float]]?
}

extension ReadTexts {
    /// The last two texts as one, on the straight way from the first of them to the second.
    fileprivate func withLastMorphed(_ amount: Float) throws -> ReadTexts {
        func mixed(_ first: Float, _ second: Float) -> Float { (1 - amount) * first + amount * second }
        let rows = states.batch - 1
        var result = ReadTexts(states: try Tensor(rows: (0..<rows).map { $0 }, of: states))
        let size = states.count / states.batch
        let last = result.states.pointer + (rows - 1) * size
        for index in 0..<size { last[index] = mixed(last[index], states.pointer[rows * size + index]) }
        result.counts = counts.map { Array($0.prefix(rows)) }
        if let pooled, pooled.count > rows {
            result.pooled = pooled.prefix(rows - 1) + [zip(pooled[rows - 1], pooled[rows]).map(mixed)]
        }
        return result
    }
}

extension [TextReader] {
    /// Reads texts as they are with every text encoder, and lays their states side by side.
    ///
    /// - Returns: states [texts, 1, tokens, channels of all encoders], and the last encoder's pooled vectors
    func read(
        _ texts: [SpokenText], _ description: ModelDescription, _ compute: Compute, tell: (Event) -> Void
    ) throws -> ReadTexts {
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
        return ReadTexts(
            states: states.count == 1 ? states[0] : try Tensor(joiningChannels: states), pooled: pooled)
    }

    private static func warning(of dropped: String, _ name: String, _ length: Int) -> String {
        let quoted = dropped.count > 200 ? dropped.prefix(200) + "…" : dropped[...]
        return "the \(name) is longer than the \(length) tokens that the model reads; left out: \"\(quoted)\""
    }

    /// Reads a text with weights, in chunks that are laid one behind the other; the pooled vector is the first's, as in
    /// the webui and in ComfyUI.
    func readInChunks(
        _ spoken: SpokenText, _ style: PromptStyle, _ emphasis: Emphasis, _ description: ModelDescription,
        _ compute: Compute, missing: (String) -> Void = { _ in }
    ) throws -> ReadText {
        let chunked = try map { try style.chunks(spoken.text, $0.tokenizer, missing: missing) }
        // Learnt words may be of different lengths to two encoders.
        let count = chunked.map(\.count).max() ?? 1
        var states: [Tensor] = []
        var pooled: [Float]?
        for (reader, chunks) in zip(self, chunked) {
            let frame = reader.tokenizer.frame
            var rows = chunks + [PromptChunk](repeating: PromptChunk(), count: count - chunks.count)
            let isWeighted = rows.contains(where: \.isWeighted)
            if isWeighted, emphasis.needsEmpty { rows.append(PromptChunk()) }
            let tokens = rows.map { chunk in
                let (ids, count) = chunk.framed(frame)
                return EncoderTokens(ids: ids, count: count, learnt: reader.learnt)
            }
            let read = try reader.encoder(tokens, description.layer(clipSkip: spoken.clipSkip), compute)
            if isWeighted { emphasis.apply(to: read.states, weights: rows.prefix(count).map { $0.weights(frame) }) }
            pooled = read.pooled?.first
            states.append(try Tensor(joiningTokens: read.states, count: count))
        }
        return ReadText(states: states.count == 1 ? states[0] : try Tensor(joiningChannels: states), pooled: pooled)
    }
}

extension Tensor {
    /// The first pictures of a batch as one behind the other in the tokens, [1, 1, count·tokens, channels], float32.
    fileprivate convenience init(joiningTokens source: Tensor, count: Int) throws {
        try self.init(batch: 1, height: 1, width: count * source.pixels, channels: source.channels)
        pointer.update(from: source.pointer, count: self.count)
    }

    /// Texts of different lengths as a batch, filled up with zeros, or with a text's last state.
    ///
    /// - Parameter length: of each text, at least its own, up to which its last state is repeated
    fileprivate convenience init(filling texts: [Tensor], upTo lengths: [Int]) throws {
        let (width, channels) = (lengths.max() ?? 1, texts.first?.channels ?? 1)
        try self.init(batch: texts.count, height: 1, width: width, channels: channels)
        for (row, (text, length)) in zip(texts, lengths).enumerated() {
            let start = pointer + row * width * channels
            start.update(from: text.pointer, count: text.count)
            let last = text.pointer + (text.pixels - 1) * channels
            for token in text.pixels..<Swift.max(length, text.pixels) {
                (start + token * channels).update(from: last, count: channels)
            }
        }
    }
}

/// Reads the texts of one network's stages, each once.
final class PromptReader {
    private let readers: [TextReader]
    private let description: ModelDescription
    private let style: PromptStyle
    private let emphasis: Emphasis
    private let compute: Compute
    private var known: [SpokenText: ReadText] = [:]
    /// Embeddings that are not there, and were told.
    private var missing: Set<String> = []

    init(
        _ job: PreparedRequest, _ description: ModelDescription, _ readers: [TextReader], _ compute: Compute
    ) {
        (self.readers, self.description, self.compute) = (readers, description, compute)
        style = job.request.promptStyle ?? .plain
        emphasis = job.request.emphasis ?? style.ownEmphasis
    }

    /// - Parameter texts: the last `positives` of them are put together, and brought to one length as the webui does, by
    ///   repeating the last state; the negative prompt keeps its own, which the webui gets by evaluating it apart
    func read(_ texts: [SpokenText], positives: Int, tell: (Event) -> Void) throws -> ReadTexts {
        if style == .plain { return try readers.read(texts, description, compute, tell: tell) }
        let read = try texts.map { spoken -> ReadText in
            if let read = known[spoken] { return read }
            do {
                let read = try readers.readInChunks(spoken, style, emphasis, description, compute) { name in
                    guard missing.insert(name).inserted else { return }
                    tell(
                        .warning(
                            "the \(spoken.name) asks for embedding:\(ComfyUIWorkflow.short(name)), which is not there, so it "
                                + "is left out; give its file with --embedding, or its folder with --embedding-dir"))
                }
                known[spoken] = read
                return read
            } catch let error as PromptError {
                throw LimnError("the \(spoken.name): \(error.description)", isUsage: true)
            }
        }
        var lengths = read.map(\.states.pixels)
        let longest = lengths.suffix(positives).max() ?? 1
        for index in lengths.indices.suffix(positives) { lengths[index] = longest }
        let isEven = lengths.allSatisfy { $0 == longest }
        return ReadTexts(
            states: try Tensor(filling: read.map(\.states), upTo: lengths), counts: isEven ? nil : lengths,
            pooled: read.compactMap(\.pooled))
    }
}

extension ModelDescription {
    /// What a UNet of this kind is told at a stage of a request: the negative prompt's row, if there is one, before the
    /// prompts'.
    func inputs(
        _ job: PreparedRequest, _ stage: PromptPlan.Stage, withNegative: Bool, _ reader: PromptReader,
        tell: (Event) -> Void
    ) throws -> ConditioningInputs {
        var spoken = stage.positives.map { SpokenText(name: "prompt", text: $0, clipSkip: job.clipSkip) }
        let positives = spoken.count
        let target = stage.target.map {
            SpokenText(name: "prompt of the morph", text: $0, clipSkip: job.clipSkip)
        }
        let zeroed = zeroed(stage.negative, job.habits)
        if withNegative, zeroed != .statesAndPooled {
            // In diffusers clip skip is for the prompt alone.
            let layer = job.habits.skipsForNegative ? job.clipSkip : 1
            spoken.insert(SpokenText(name: "negative prompt", text: stage.negative, clipSkip: layer), at: 0)
        }
        var read: ReadTexts
        if let target, let morph = job.request.morph {
            read = try reader.read(spoken + [target], positives: positives + 1, tell: tell)
            read = try read.withLastMorphed(Float(morph.amount))
        } else {
            read = try reader.read(spoken, positives: positives, tell: tell)
        }
        // Of each row which text it is; nil: nothing but zeros.
        var rows = (0..<spoken.count).map { Optional($0) }
        if withNegative, zeroed == .statesAndPooled { rows.insert(nil, at: 0) }
        // Told the negative prompt twice: without the picture, and with it.
        if withNegative, input == .picture { rows.insert(rows[0], at: 0) }
        var states = rows
        if withNegative, zeroed == .states { states[0] = nil }

        var inputs = ConditioningInputs(states: try Tensor(rows: states, of: read.states))
        inputs.counts = read.counts.map { counts in rows.map { $0.map { counts[$0] } ?? read.states.pixels } }
        if isXL {
            let blank = [Float](repeating: 0, count: pooledChannels)
            inputs.addition = rows.enumerated().map { index, row in
                AdditionalConditions(
                    pooledText: row.flatMap { read.pooled?[$0] } ?? blank,
                    timeIDs: job.sizeConditions(count: sizeConditionCount, isNegative: index < rows.count - positives))
            }
        }
        if let channels = unet.timeConditionChannels {
            let row = guidanceScaleEmbedding(job.guidanceScale, channels: channels)
            inputs.timeCondition = rows.map { _ in row }
        }
        return inputs
    }
}

extension ModelDescription {
    private enum Zeroed { case nothing, states, statesAndPooled }

    /// What there are zeros for, in the place of a negative prompt.
    private func zeroed(_ negative: String, _ habits: Habits) -> Zeroed {
        guard negative.isEmpty else { return .nothing }
        switch habits.emptyNegative {
        case .asTheModelSays: return zeroesEmptyNegative ? .statesAndPooled : .nothing
        case .read: return .nothing
        case .zero: return isXL ? .statesAndPooled : .nothing
        case .zeroStates: return isXL ? .states : .nothing
        }
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
