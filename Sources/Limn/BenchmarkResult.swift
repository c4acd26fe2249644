/// What a benchmark measured. Seconds are the best of the repeats.
public struct BenchmarkResult: Codable, Sendable, CustomStringConvertible {
    /// One kind of layer in one UNet evaluation.
    public struct Kind: Codable, Sendable {
        public var kind: String
        public var calls: Int
        public var seconds: Double
        public var gflops: Double
    }

    public var shape: String
    public var precision: String
    public var threads: Int
    /// The instruction set in use.
    public var kernels: String
    public var width: Int
    public var height: Int
    public var repeats: Int
    public var packSeconds = 0.0
    /// Both texts of a pair.
    public var textEncoderSeconds = 0.0
    /// One evaluation of a pair.
    public var unetSeconds = 0.0
    public var vaeEncodeSeconds = 0.0
    public var vaeDecodeSeconds = 0.0
    /// Largest resident set of the process.
    public var peakMemoryBytes = 0
    public var breakdown: [Kind] = []

    enum CodingKeys: String, CodingKey {
        case shape, precision, threads, kernels, width, height, repeats, breakdown
        case packSeconds = "pack_s"
        case textEncoderSeconds = "text_encoder_s"
        case unetSeconds = "unet_s"
        case vaeEncodeSeconds = "vae_encode_s"
        case vaeDecodeSeconds = "vae_decode_s"
        case peakMemoryBytes = "peak_memory_bytes"
    }

    init(
        shape: String, precision: String, threads: Int, kernels: String, width: Int, height: Int, repeats: Int
    ) {
        (self.shape, self.precision, self.threads, self.kernels) = (shape, precision, threads, kernels)
        (self.width, self.height, self.repeats) = (width, height, repeats)
    }

    public var description: String {
        func column(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(1, width - text.count))
        }
        func seconds(_ value: Double) -> String { decimals(value, 4) + " s" }
        var lines = [
            "\(shape) \(width)×\(height), \(precision), \(kernels) kernels, \(threads) threads, best of \(repeats)",
            column("text encoder (pair)", 24) + seconds(textEncoderSeconds),
            column("UNet (pair)", 24) + seconds(unetSeconds),
        ]
        let total = breakdown.reduce(0) { $0 + $1.seconds }
        for kind in breakdown {
            let share = decimals(100 * kind.seconds / max(total, 1e-9), 1) + " %"
            lines.append(
                column("  \(kind.kind)", 24) + column(seconds(kind.seconds), 12) + column(share, 9)
                    + (kind.gflops > 0 ? decimals(kind.gflops, 0) + " GFLOP/s" : ""))
        }
        lines += [
            column("VAE encode", 24) + seconds(vaeEncodeSeconds),
            column("VAE decode", 24) + seconds(vaeDecodeSeconds),
            column("packing the weights", 24) + seconds(packSeconds),
            column("peak memory", 24) + "\(peakMemoryBytes >> 20) MiB",
        ]
        return lines.joined(separator: "\n")
    }
}

/// A number with a fixed count of decimals.
func decimals(_ value: Double, _ count: Int) -> String {
    var scale = 1.0
    for _ in 0..<count { scale *= 10 }
    guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
    let scaled = Int((abs(value) * scale).rounded())
    let whole = "\(scaled / Int(scale))"
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard count > 0 else { return sign + whole }
    let fraction = "\(scaled % Int(scale))"
    return sign + whole + "." + String(repeating: "0", count: count - fraction.count) + fraction
}
