import Tensors

/// Times how a model comes to its first step, and how much memory it then takes to draw a picture.
///
///     print(try await LoadBenchmark.run(model: "models/sd15"))
///
/// Times count from the start of the process, so a program should run this first. Files that the system does not have
/// in its cache yet are read from the disk, which takes what it takes: run it twice.
public enum LoadBenchmark {
    /// What is drawn after loading.
    public struct Options: Sendable {
        public var load = LoadOptions()
        /// Size in pixels; nil for the model's own.
        public var width: Int?
        public var height: Int?
        /// Denoising steps.
        public var steps = 2

        public init() {}
    }

    /// - Parameter model: whatever `Model.load` takes
    /// - Throws: as `Model.load` and `Model.generate` do
    public static func run(model path: String, options: Options = Options()) async throws -> LoadReport {
        let watch = LoadWatch()
        watch.lap("program start")
        let model = try await Model.load(from: path, options: options.load, watch: watch)
        var request = Request(prompt: "a red apple")
        (request.width, request.height, request.steps, request.seed) = (options.width, options.height, options.steps, 1)
        return try await model.watched(request, watch)
    }
}

/// Collects stages as they end. Driven by one thread at a time.
final class LoadWatch: @unchecked Sendable {
    private(set) var stages: [LoadReport.Stage] = []
    private var last: Double

    init() { last = Compute.seconds - processAge() }

    /// Ends a stage.
    func lap(_ name: String) {
        let now = Compute.seconds
        stages.append(
            LoadReport.Stage(
                name: name, seconds: now - last, residentBytes: residentMemoryBytes(),
                peakBytes: Limn.peakMemoryBytes()))
        last = now
    }
}

extension Model {
    fileprivate func watched(_ request: Request, _ watch: LoadWatch) throws -> LoadReport {
        var isFirst = true
        var toFirstStep = 0.0
        try run(request) { event in
            guard case .progress(let progress) = event else { return }
            switch progress.stage {
            case .encodingText, .encodingPicture: break
            case .denoising(step: 0, _):
                watch.lap("text")
                toFirstStep = watch.stages.reduce(0) { $0 + $1.seconds }
            case .denoising:
                watch.lap(isFirst ? "first step" : "step")
                isFirst = false
            case .decoding: break
            }
        }
        watch.lap("decoding")
        return LoadReport(
            model: name, precision: precision.rawValue, kernels: compute.kernels.name, threads: threads,
            packedWeightsBytes: compute.packedByteCount, secondsToFirstStep: toFirstStep, stages: watch.stages)
    }
}

/// What `LoadBenchmark` measured.
public struct LoadReport: Codable, Sendable, CustomStringConvertible {
    /// A part of the way, in the order in which they came.
    public struct Stage: Codable, Sendable {
        public var name: String
        public var seconds: Double
        /// What the process holds at the stage's end, and the most that it has held until then.
        public var residentBytes: Int
        public var peakBytes: Int

        enum CodingKeys: String, CodingKey {
            case name
            case seconds = "s"
            case residentBytes = "resident_bytes"
            case peakBytes = "peak_bytes"
        }
    }

    public var model: String
    public var precision: String
    public var kernels: String
    public var threads: Int
    public var packedWeightsBytes: Int
    /// From the start of the process until the first denoising step could begin.
    public var secondsToFirstStep: Double
    public var stages: [Stage]
    /// The most that the process held, pictures and all.
    public var peakMemoryBytes: Int { stages.map(\.peakBytes).max() ?? 0 }

    enum CodingKeys: String, CodingKey {
        case model, precision, kernels, threads, stages
        case packedWeightsBytes = "packed_weights_bytes"
        case secondsToFirstStep = "to_first_step_s"
    }

    public var description: String {
        func column(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(1, width - text.count))
        }
        func memory(_ bytes: Int) -> String { "\(bytes >> 20) MiB" }
        var lines = ["\(model), \(precision), \(kernels) kernels, \(threads) threads"]
        lines.append(column("", 24) + column("time", 12) + column("memory", 12) + "peak")
        for stage in stages {
            lines.append(
                column(stage.name, 24) + column(decimals(stage.seconds, 3) + " s", 12)
                    + column(memory(stage.residentBytes), 12) + memory(stage.peakBytes))
        }
        lines += [
            column("to the first step", 24) + decimals(secondsToFirstStep, 3) + " s from the start of the program",
            column("packed weights", 24) + memory(packedWeightsBytes),
            column("peak memory", 24) + memory(peakMemoryBytes),
        ]
        return lines.joined(separator: "\n")
    }
}
