import FoundationEssentials
import Limn

/// What `--json` tells of a picture.
struct PictureReport: Encodable {
    /// In seconds. A run's first picture bears the loading of the model and the reading of the text.
    struct Seconds: Encodable {
        var load: Double
        var textEncoder: Double
        var vaeEncoder: Double
        var unet: Double
        var vaeDecoder: Double
        var total: Double

        private enum CodingKeys: String, CodingKey {
            case load, unet, total
            case textEncoder = "text_encoder"
            case vaeEncoder = "vae_encoder"
            case vaeDecoder = "vae_decoder"
        }
    }

    let file: String
    let seed: UInt64
    let width: Int
    let height: Int
    let seconds: Seconds
    /// The most memory that the process held so far.
    let peakMemoryBytes: Int

    init(_ picture: Picture, file: String, seed: UInt64, loadSeconds: Double) {
        (self.file, self.seed) = (file, seed)
        (width, height) = (picture.width, picture.height)
        let stages = picture.seconds
        // Microseconds: more digits are noise.
        func rounded(_ seconds: Double) -> Double { (seconds * 1e6).rounded() / 1e6 }
        seconds = Seconds(
            load: rounded(loadSeconds), textEncoder: rounded(stages.textEncoder),
            vaeEncoder: rounded(stages.vaeEncoder), unet: rounded(stages.unet),
            vaeDecoder: rounded(stages.vaeDecoder), total: rounded(loadSeconds + stages.total))
        peakMemoryBytes = Limn.peakMemoryBytes()
    }

    private enum CodingKeys: String, CodingKey {
        case file, seed, width, height, seconds
        case peakMemoryBytes = "peak_memory_bytes"
    }
}

/// JSON on one line, keys in alphabetical order so that the same value is the same text.
enum JSONLine {
    static func text(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
