import FoundationEssentials

/// Small changes of a model's weights (Hu et al. 2021, "LoRA"), which are merged into them when the model is loaded:
///
///     var options = LoadOptions()
///     options.loras = [LoRA(path: "loras/ink.safetensors", weight: 0.8)]
///     let model = try await Model.load(from: "models/sd15", options: options)
///
/// Files of kohya's, diffusers' and PEFT's trainers are read, and LyCORIS' LoHa, LoKr, GLoRA, (IA)³, OFT, BOFT, whole
/// differences and DoRA. Embeddings in a LoRA's file are words for prompts, as `LoadOptions.embeddings` are.
/// With DoRA, as in diffusers, the weight counts before the new lengths are applied; with 0, nothing is changed.
public struct LoRA: Sendable, Equatable {
    /// A file, or a folder with `pytorch_lora_weights.safetensors` or `adapter_model.safetensors` in it.
    public var path: String
    /// What the changes are multiplied with; 1 is what the LoRA was trained for, and it may be negative.
    public var weight: Float
    /// The UNet's own, where `weight` is to hold for text encoders alone.
    public var unetWeight: Float?

    public init(path: String, weight: Float = 1, unetWeight: Float? = nil) {
        (self.path, self.weight, self.unetWeight) = (path, weight, unetWeight == weight ? nil : unetWeight)
    }

    /// Reads `file`, `file:weight` or `file:weight:unet-weight`. A file whose name ends like a weight is still that file,
    /// if it is there; the ending (`.safetensors`, …) may be left out.
    ///
    /// - Throws: `LimnError` if the name is empty or a weight not finite
    public init(parsing text: String) throws {
        var (path, weights) = (text, [Float]())
        while Self.file(path) == nil, weights.count < 2, let colon = path.lastIndex(of: ":"),
            let number = Float(path[path.index(after: colon)...])
        {
            weights.insert(number, at: 0)
            path = String(path[..<colon])
        }
        guard !path.isEmpty, weights.allSatisfy(\.isFinite) else {
            throw LimnError(
                "\"\(text)\" is no LoRA; give a file, file:weight, or file:weight:unet-weight", isUsage: true)
        }
        self.init(path: Self.file(path) ?? path, weight: weights.first ?? 1, unetWeight: weights.dropFirst().first)
    }

    /// What lies at a path, or at the path with an ending; nil if nothing does.
    private static func file(_ path: String) -> String? {
        guard !path.isEmpty else { return nil }
        return ([""] + endings).map { path + $0 }.first { FileManager.default.fileExists(atPath: $0) }
    }

    /// The file's own name without its ending.
    public var name: String { Self.stem(path) }

    static func stem(_ path: String) -> String {
        let last = path.split(separator: "/").last.map(String.init) ?? path
        return endings.first(where: last.hasSuffix).map { String(last.dropLast($0.count)) } ?? last
    }

    static let endings = [".safetensors", ".ckpt", ".bin", ".pth", ".pt"]
}
