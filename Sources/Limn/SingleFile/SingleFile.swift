import Checkpoints
import Models
import Platform
import Sampling

/// A whole model in one file, with the names of the original code: what a diffusers folder says in its
/// configurations, told from names and shapes. Nothing large is read for it.
package struct SingleFile: Sendable {
    package let path: String
    package let checkpoint: OriginalCheckpoint
    package let family: OriginalCheckpoint.Family
    package let input: ModelDescription.Input
    package let prediction: Prediction
    /// diffusers' `config.json` of each part.
    package let configs: [CheckpointPart: [String: JSON]]
    private let textParts: [CheckpointPart]

    /// What the network predicts, and how that is known.
    package struct Prediction: Sendable, Equatable {
        package let type: PredictionType
        package let reason: String
        /// Whether trained noise levels end in pure noise (`rescale_betas_zero_snr`).
        package var hasZeroSNR = false
    }

    package var isXL: Bool { family == .xlBase || family == .xlRefiner }

    /// What is left out and worth a word, in sentences.
    package let warnings: [String]

    /// - Parameters:
    ///   - prefersAverages: take the averaged weights of the UNet (EMA) where the file has them
    ///   - isLenient: whether tensors that belong to no part are left out
    /// - Throws: `LimnError`, `CheckpointError` or `ModelError`: the file holds something else, or not all of a model,
    ///   or tensors that belong to none
    package init(_ source: any TensorSource, prefersAverages: Bool = false, isLenient: Bool = false) throws {
        let path = source.path
        try Self.refuseOthers(source)
        let checkpoint = try OriginalCheckpoint(source, prefersAverages: prefersAverages)
        let (unknown, count) = (checkpoint.unknown, source.tensors.count)
        guard unknown.isEmpty || isLenient else {
            throw LimnError(
                "\(path): \(CheckpointError.notUsed(unknown, of: count)). No part of a model that limn knows has such "
                    + "names. \(CheckpointError.lenientAdvice(unknown.count))")
        }
        warnings = [(unknown, ""), (checkpoint.leftOvers, ", left over from training")].compactMap { names, reason in
            names.isEmpty ? nil : "\(path): \(CheckpointError.notUsed(names, of: count))\(reason)"
        }
        guard let family = checkpoint.family else {
            throw LimnError(
                "\(path): the file has no text encoder that limn knows; only whole checkpoints can be loaded: UNet, VAE "
                    + "and text encoders in one file")
        }
        guard let vaeSource = checkpoint.parts[.vae], !vaeSource.tensors.isEmpty else {
            throw LimnError("\(path): the file has no VAE (first_stage_model); only whole checkpoints can be loaded")
        }
        guard let unetSource = checkpoint.parts[.unet] else { throw LimnError("\(path): the file has no UNet") }
        (self.path, self.checkpoint, self.family) = (path, checkpoint, family)
        textParts = CheckpointPart.allCases.filter { checkpoint.encoders[$0] != nil }

        let unet = try UNetShapes(TensorShapes(unetSource))
        let vae = try AutoencoderShapes(TensorShapes(vaeSource))
        input = ModelDescription.Input(channels: unet.inChannels, latentChannels: vae.latentChannels)
        prediction = try Self.prediction(checkpoint, family, input)
        let isXL = family == .xlBase || family == .xlRefiner
        let side = isXL ? 128 : family == .sd2 && prediction.type == .velocity ? 96 : 64
        var configs: [CheckpointPart: [String: JSON]] = [:]
        var pooled: Int?
        for part in textParts {
            guard let source = checkpoint.parts[part] else { continue }
            let text = try CLIPTextShapes(TensorShapes(source))
            // Only Stable Diffusion XL listens to pooled text, and only to the second encoder's.
            let isProjected = isXL && part == .textEncoder2
            if isProjected { pooled = text.pooledChannels }
            configs[part] = text.config(
                isOpenCLIP: checkpoint.encoders[part] == .openCLIP, isProjected: isProjected)
        }
        configs[.unet] = try unet.config(
            path: path, sampleSize: side, sizeConditions: family == .xlRefiner ? 5 : 6, pooledChannels: pooled)
        configs[.vae] = vae.config(
            sampleSize: side * vae.factor, scalingFactor: isXL ? 0.13025 : 0.18215, isXL: isXL)
        self.configs = configs
    }

    /// Its text encoders, in the order in which their states lie side by side.
    package var texts: [CheckpointPart] { textParts }

    package func config(_ part: CheckpointPart) -> ConfigFile {
        ConfigFile(path: "\(path) (\(part.rawValue))", values: configs[part] ?? [:])
    }

    /// In words.
    package var name: String {
        let family =
            switch family {
            case .sd1: "Stable Diffusion 1"
            case .sd2: "Stable Diffusion 2"
            case .xlBase: "Stable Diffusion XL"
            case .xlRefiner: "Stable Diffusion XL's refiner"
            }
        switch input {
        case .latents: return family
        case .maskedPicture: return family + " for inpainting"
        case .picture: return family + " that follows instructions (InstructPix2Pix)"
        }
    }
}

// MARK: - What it predicts

extension SingleFile {
    /// The key that makers of v-prediction models put in for others to see, and that for a schedule which ends in pure
    /// noise.
    private static let (velocityMark, zeroSNRMark) = ("v_pred", "ztsnr")

    private static func prediction(
        _ checkpoint: OriginalCheckpoint, _ family: OriginalCheckpoint.Family, _ input: ModelDescription.Input
    ) throws -> Prediction {
        let hasZeroSNR = checkpoint.source.tensors[zeroSNRMark] != nil
        func found(_ type: PredictionType, _ reason: String) -> Prediction {
            Prediction(type: type, reason: reason, hasZeroSNR: hasZeroSNR)
        }
        switch checkpoint.source.notes["modelspec.prediction_type"] {
        case "epsilon"?: return found(.epsilon, "its note modelspec.prediction_type")
        case "v"?, "v_prediction"?: return found(.velocity, "its note modelspec.prediction_type")
        default: break
        }
        if checkpoint.source.tensors[velocityMark] != nil { return found(.velocity, "its mark \(velocityMark)") }
        guard family == .sd2, input == .latents else { return found(.epsilon, "usual for its family") }
        return try stableDiffusion2(checkpoint).map { found($0, "judged by a norm's bias; --prediction overrules it") }
            ?? found(.velocity, "usual for its family; --prediction overrules it")
    }

    /// Stable Diffusion 2 was published in both kinds, of the same shapes. In those that predict v, one bias near the end
    /// is several times as large, a rule that ComfyUI found: its standard deviation is above 0.09.
    private static func stableDiffusion2(_ checkpoint: OriginalCheckpoint) throws -> PredictionType? {
        guard let unet = checkpoint.parts[.unet] else { return nil }
        let ending = ".transformer_blocks.0.norm1.bias"
        let biases = unet.tensors.keys.filter { $0.hasPrefix("up_blocks.") && $0.hasSuffix(ending) }
        guard let last = biases.max() else { return nil }
        let values = try unet.float32(last)
        guard !values.isEmpty else { return nil }
        let mean = values.reduce(0, +) / Float(values.count)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(values.count)
        return variance.squareRoot() > 0.09 ? .velocity : .epsilon
    }
}

extension ModelDescription.Input {
    init(channels: Int, latentChannels: Int) {
        switch channels - latentChannels {
        case 0: self = .latents
        case latentChannels: self = .picture
        default: self = .maskedPicture
        }
    }
}
