import FoundationEssentials

/// Small changes of a model's weights (Hu et al. 2021, "LoRA"), which are merged into them when the model is loaded:
///
///     var options = LoadOptions()
///     options.loras = [LoRA(path: "loras/ink.safetensors", weight: 0.8)]
///     let model = try await Model.load(from: "models/sd15", options: options)
///
/// Files of kohya's, diffusers' and PEFT's trainers are read, and LyCORIS' LoHa, LoKr, whole differences and DoRA.
/// With DoRA, as in diffusers, the weight counts before the new lengths are applied; with 0, nothing is changed.
public struct LoRA: Sendable, Equatable {
    /// A file, or a folder with `pytorch_lora_weights.safetensors` or `adapter_model.safetensors` in it.
    public var path: String
    /// What the changes are multiplied with; 1 is what the LoRA was trained for, and it may be negative.
    public var weight: Float

    public init(path: String, weight: Float = 1) { (self.path, self.weight) = (path, weight) }

    /// Reads `file` or `file:weight`. A file whose name ends like a weight is still that file, if it is there.
    ///
    /// - Throws: `LimnError` if the name is empty or the weight not finite
    public init(parsing text: String) throws {
        var (path, weight) = (text, Float(1))
        if !FileManager.default.fileExists(atPath: text), let colon = text.lastIndex(of: ":"),
            let number = Float(text[text.index(after: colon)...])
        {
            (path, weight) = (String(text[..<colon]), number)
        }
        guard !path.isEmpty, weight.isFinite else {
            throw LimnError("\"\(text)\" is no LoRA; give a file, or file:weight with a number", isUsage: true)
        }
        self.init(path: path, weight: weight)
    }

    /// The file's own name without its ending.
    public var name: String { Self.stem(path) }

    static func stem(_ path: String) -> String {
        let last = path.split(separator: "/").last.map(String.init) ?? path
        return endings.first(where: last.hasSuffix).map { String(last.dropLast($0.count)) } ?? last
    }

    static let endings = [".safetensors", ".ckpt", ".bin", ".pth", ".pt"]
}
