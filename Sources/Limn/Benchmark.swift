import Models
import Tensors

/// Times the networks of a model, stage by stage: of a known shape on random weights, so that no file is needed, or of
/// a folder on given inputs.
///
///     var options = Benchmark.Options(shape: "sd15")
///     options.repeats = 3
///     print(try await Benchmark.run(options) { print($0) })
public enum Benchmark {
    /// Names of the shapes that can be timed.
    public static let shapes = BenchmarkShape.all.map(\.name)

    /// A model's folder with inputs of its stages, for comparison with other engines on the same weights and values.
    public struct Given: Sendable {
        /// A diffusers folder.
        public var model: String
        /// A safetensors file; which tensors it holds decides which stages run. See `StageName`.
        public var inputs: String
        /// The safetensors file that takes the stages' results; nil for none. One that is there is replaced.
        public var outputs: String?

        public init(model: String, inputs: String, outputs: String? = nil) {
            (self.model, self.inputs, self.outputs) = (model, inputs, outputs)
        }
    }

    public struct Options: Sendable {
        enum Subject: Sendable {
            case shape(String)
            case given(Given)
        }

        let subject: Subject
        /// nil: the one that is usual on this CPU.
        public var precision: Precision?
        /// How often each stage is timed, after one run that does not count.
        public var repeats = 3
        /// nil: the cores available to the process.
        public var threads: Int?
        /// Picture size in pixels; nil for the shape's own. Given inputs have their own sizes.
        public var width: Int?
        public var height: Int?
        /// Pictures at once; the text encoder and the UNet work on a pair for each, as guidance wants it. nil for 1.
        public var batch: Int?

        /// - Parameter shape: one of `shapes`, on random weights
        public init(shape: String) { subject = .shape(shape) }

        public init(_ given: Given) { subject = .given(given) }
    }

    /// - Parameter tell: called with a line about what is being done
    /// - Throws: `LimnError` if the options are not possible, a file does not hold what it should or cannot be written;
    ///   `CancellationError` if the task was cancelled
    public static func run(
        _ options: Options, tell: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> BenchmarkResult {
        try await ModelExecutor.detached { isCancelled in
            try withLimnErrors {
                let timer = try StageTimer(options, tell: tell, isCancelled: isCancelled)
                switch options.subject {
                case .shape(let name): return try ShapeBenchmark(name, options, timer).result()
                case .given(let given): return try GivenBenchmark(given, options, timer).result()
                }
            }
        }
    }
}
