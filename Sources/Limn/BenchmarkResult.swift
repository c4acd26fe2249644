/// What a benchmark measured.
public struct BenchmarkResult: Codable, Sendable, CustomStringConvertible {
    /// Arithmetic by time. Operations are those of the layers as they are written down: an algorithm that gets by with
    /// fewer, such as Winograd's convolution, can have more than the whole of the peak.
    public struct Rate: Sendable {
        public var gflops: Double
        /// Of the peak of the benchmark's precision.
        public var shareOfPeak: Double
    }

    /// One kind of layer in one run of a stage.
    public struct Kind: Sendable {
        public var kind: String
        public var calls: Int
        public var seconds: Double
        /// 0 for what is not counted in operations.
        public var rate: Rate
    }

    /// One network, or half of one.
    public struct Stage: Sendable {
        /// `text_encoder`, `unet`, `vae_encoder` or `vae_decoder`.
        public var name: String
        /// Shape of the input, as diffusers has it.
        public var input: [Int]
        public var bestSeconds: Double
        public var medianSeconds: Double
        /// Of every timed run, in the order in which they ran.
        public var seconds: [Double]
        /// Of the best run, as is the breakdown.
        public var rate: Rate
        /// Memory laid out for activations.
        public var arenaBytes: Int
        public var breakdown: [Kind]
    }

    /// The shape that was timed on random weights, with sizes in pixels; nil if a model was given.
    public var shape: String?
    public var width: Int?
    public var height: Int?
    public var batch: Int?
    /// The name of the given model's folder.
    public var model: String?
    public var precision: String
    public var threads: Int
    /// The instruction set in use.
    public var kernels: String
    public var repeats: Int
    /// GFLOP/s of all threads in products that stay in the first-level cache, by precision.
    public var peakGflops: [String: Double]
    public var packSeconds = 0.0
    public var packedWeightsBytes: Int
    /// Largest resident set of the process.
    public var peakMemoryBytes: Int
    public var stages: [Stage]

    enum CodingKeys: String, CodingKey {
        case shape, width, height, batch, model, precision, threads, kernels, repeats, stages
        case peakGflops = "peak_gflops"
        case packSeconds = "pack_s"
        case packedWeightsBytes = "packed_weights_bytes"
        case peakMemoryBytes = "peak_memory_bytes"
    }

    init(
        precision: String, threads: Int, kernels: String, repeats: Int, peakGflops: [String: Double],
        packedWeightsBytes: Int, peakMemoryBytes: Int, stages: [Stage]
    ) {
        (self.precision, self.threads, self.kernels, self.repeats) = (precision, threads, kernels, repeats)
        (self.peakGflops, self.stages) = (peakGflops, stages)
        (self.packedWeightsBytes, self.peakMemoryBytes) = (packedWeightsBytes, peakMemoryBytes)
    }
}

extension BenchmarkResult.Rate: Codable {
    enum CodingKeys: String, CodingKey {
        case gflops
        case shareOfPeak = "share_of_peak"
    }
}

extension BenchmarkResult.Kind: Codable {}

extension BenchmarkResult.Stage: Codable {
    enum CodingKeys: String, CodingKey {
        case name, input, seconds, rate, breakdown
        case bestSeconds = "best_s"
        case medianSeconds = "median_s"
        case arenaBytes = "arena_bytes"
    }
}

// MARK: For people

extension BenchmarkResult {
    public var description: String {
        func column(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(1, width - text.count))
        }
        func seconds(_ value: Double) -> String { decimals(value, 4) + " s" }
        func percent(_ value: Double) -> String { decimals(100 * value, 1) + " %" }
        func shown(_ rate: Rate) -> String {
            rate.gflops > 0 ? column(decimals(rate.gflops, 0) + " GFLOP/s", 16) + percent(rate.shareOfPeak) : ""
        }
        func memory(_ bytes: Int) -> String { "\(bytes >> 20) MiB" }

        var title = model ?? shape ?? "?"
        if let width, let height { title += " \(width)×\(height)" }
        if let batch, batch > 1 { title += ", \(batch) pictures" }
        var lines = [
            "\(title), \(precision), \(kernels) kernels, \(threads) threads, \(repeats) timed runs",
            column("", 24) + column("best", 12) + column("median", 12) + column("rate", 16) + "of the peak",
        ]
        for stage in stages {
            let name = StageName(rawValue: stage.name)?.words ?? stage.name
            lines.append(
                column(name, 24) + column(seconds(stage.bestSeconds), 12) + column(seconds(stage.medianSeconds), 12)
                    + shown(stage.rate))
            for kind in stage.breakdown {
                let share = percent(kind.seconds / max(stage.bestSeconds, 1e-9))
                lines.append(
                    column("  \(kind.kind)", 24) + column(seconds(kind.seconds), 12) + column(share, 12)
                        + shown(kind.rate))
            }
            lines.append(column("  activations", 24) + memory(stage.arenaBytes))
        }
        for (precision, gflops) in peakGflops.sorted(by: { $0.key > $1.key }) {
            lines.append(
                column("peak, \(precision)", 24) + "\(decimals(gflops, 0)) GFLOP/s, in products that stay in the cache")
        }
        lines += [
            column("packed weights", 24) + column(memory(packedWeightsBytes), 12) + "in \(decimals(packSeconds, 2)) s",
            column("peak memory", 24) + memory(peakMemoryBytes),
        ]
        return lines.map { String($0.reversed().drop { $0 == " " }.reversed()) }.joined(separator: "\n")
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
