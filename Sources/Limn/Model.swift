import Checkpoints
import Models
import Sampling
import Tensors

/// How a model is loaded.
public struct LoadOptions: Sendable, Equatable {
    /// Worker threads; nil for the cores available to the process.
    public var threads: Int?
    /// Arithmetic of the networks; nil for bfloat16 products where the CPU does them faster, else float32.
    public var precision: Precision?
    /// Leaves weights in their files and packs them when they are used, all those for which there is no room within
    /// about 1.5 GB. Up to one tile of `Request.vaeTiling` (512 pixels of Stable Diffusion) the pictures are the same;
    /// larger ones go through the VAE in tiles, and so differ slightly, unless the request says otherwise. The files must
    /// not be changed while the model lives.
    public var lowMemory = false
    /// The folder or file of a refiner: a second Stable Diffusion XL model that does the last steps.
    public var refiner: String?
    /// Files of learnt words (textual inversions), each to be used in prompts by its name.
    public var embeddings: [String] = []
    /// Merged into the weights in this order, in float32. Changed weights stay in memory even with `lowMemory`.
    public var loras: [LoRA] = []
    /// Whether tensors of a LoRA that find no place in the model are left out, to be found in `Model.warnings`, instead
    /// of being an error.
    public var isLenientWithLoRAs = false
    /// Whether tensors of the model that belong to no part of it are left out, to be found in `Model.warnings`, instead of
    /// being an error. One that is missing always is one.
    public var isLenient = false
    /// The folder of a tokenizer, for a model that is a single file; nil to look beside the file.
    public var tokenizer: String?
    /// Takes the averaged weights (EMA) of the UNet where a single file has both these and the last ones.
    public var prefersAverages = false
    /// A VAE in the place of the model's own: a folder or a file, of diffusers or with the original code's names.
    public var vae: String?
    /// A tiny autoencoder (TAESD) that decodes pictures in the VAE's place, faster and coarser: a folder or a file.
    public var taesd: String?
    /// Whether `taesd` is used for previews alone.
    public var taesdForPreviewsOnly = false

    public init(
        threads: Int? = nil, precision: Precision? = nil, lowMemory: Bool = false, loras: [LoRA] = []
    ) {
        (self.threads, self.precision, self.lowMemory, self.loras) = (threads, precision, lowMemory, loras)
    }
}

/// Arithmetic of the networks.
public enum Precision: String, Sendable, CaseIterable {
    /// Single precision throughout: the reference.
    case float32 = "f32"
    /// Products of bfloat16 numbers, summed in single precision; everything else in single precision. Two to three
    /// times as fast with half the memory, on CPUs that have it (AMX, AVX-512 BF16).
    case bfloat16 = "bf16"

    /// As bf16, but the linear layers of the UNet's transformer blocks multiply 8-bit integers, and Winograd's
    /// convolutions compute larger tiles. Pictures differ a little more.
    case int8

    var operands: Element { self == .float32 ? .float32 : .bfloat16 }
    var isCoarse: Bool { self == .int8 }

    /// What is used where nobody asks for anything.
    static func usual(with kernels: Kernels) -> Precision { kernels.prefersBfloat16 ? .bfloat16 : .float32 }
}

/// A model that draws: tokenizers, text encoders, UNet, VAE and noise schedule.
///
///     let model = try await Model.load(from: "weights/icons-128")
///     var request = Request(prompt: "a red apple")
///     request.seed = 7
///     for picture in try await model.generate(request) {
///         try picture.write(to: "apple.png")
///     }
///
/// A model runs one request at a time, on a thread of its own and its workers; further requests wait.
public actor Model {
    /// The folder that the model was loaded from.
    public nonisolated let path: String
    /// The folder's own name.
    public nonisolated let name: String
    /// Sides of a picture must be multiples of this.
    public nonisolated let sizeMultiple: Int
    /// Sides of the pictures that the model was trained on.
    public nonisolated let ownSize: Int
    /// Whether the model only repaints parts of pictures (9 input channels).
    public nonisolated let isInpainting: Bool
    /// Worker threads.
    public nonisolated let threads: Int
    /// Arithmetic of the networks.
    public nonisolated let precision: Precision
    /// What `usualSteps(for:)` gives for pictures from text, and for those that start from a picture.
    nonisolated let usualStepCounts: (text: Int, picture: Int)
    /// The refiner's fingerprint; nil without one.
    public nonisolated let refinerFingerprint: String?
    /// A short fingerprint of the weights' names, shapes and sizes, to tell models apart.
    public nonisolated let fingerprint: String
    /// What was merged into the weights.
    public nonisolated let loras: [LoRA]
    /// The files of learnt words.
    public nonisolated let embeddings: [String]
    /// Words for prompts that the files of LoRAs bring along.
    public nonisolated let wordsOfLoRAs: [String]
    /// What was not quite as it should be when the model was loaded, in sentences.
    public nonisolated let warnings: [String]

    let storedLoRAs: [StoredLoRA]
    let description: ModelDescription
    let networks: Networks
    let tiny: TinyDecoder?
    /// The name of the VAE in the place of the model's own; nil if there is none.
    let vaeName: String?
    let refiner: Refiner?
    let compute: Compute
    /// Where text encoders run, and the VAE: these work once a picture, and pack their weights when they do.
    let textCompute: Compute
    let vaeCompute: Compute
    var scheduler: SchedulerConfig

    /// Bytes of activations and all weights together from which on networks that rest give their weights' memory back:
    /// more than Stable Diffusion 1 and 2 take at 1024×1024. Tests change it.
    var largeMemory = 6_000_000_000

    private let executor: ModelExecutor
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Loads a diffusers folder, or a single file with the original names of Stable Diffusion 1, 2 or XL, and packs its
    /// weights for this CPU. Those of text encoders and VAE are checked only, and packed when they are used, so the
    /// files must not be changed while the model lives.
    ///
    /// - Parameter progress: is told how much of the weights has been read, a hundredth at a time
    /// - Throws: `LimnError` naming the file and what is wrong with it: a part missing or of an unsupported class, a
    ///   tensor missing, left over or misshapen; `CancellationError` if the task was cancelled
    public static func load(
        from path: String, options: LoadOptions = LoadOptions(),
        progress: @escaping @Sendable (LoadProgress) -> Void = { _ in }
    ) async throws -> Model {
        try await load(from: path, options: options, watch: nil, progress: progress)
    }

    /// - Parameter watch: is told the stages of loading
    static func load(
        from path: String, options: LoadOptions, watch: LoadWatch?,
        progress: @escaping @Sendable (LoadProgress) -> Void = { _ in }
    ) async throws -> Model {
        // Off the cooperative pool: loading blocks for seconds.
        try await ModelExecutor.detached { isCancelled in
            try withLimnErrors {
                try Model(path: path, options: options, watch: watch, progress: progress, isCancelled: isCancelled)
            }
        }
    }

    private init(
        path: String, options: LoadOptions, watch: LoadWatch?, progress: @escaping @Sendable (LoadProgress) -> Void,
        isCancelled: @escaping () -> Bool
    ) throws {
        let threads = options.threads ?? ProcessorCount.available
        guard (1...1024).contains(threads) else {
            throw LimnError("\(threads) threads are not possible; give 1 to 1024", isUsage: true)
        }
        let opened = try OpenedModel(
            path: path,
            options: .init(
                tokenizer: options.tokenizer, prefersAverages: options.prefersAverages, isLenient: options.isLenient))
        var (description, parts) = (opened.description, opened.parts)
        var warnings = opened.warnings
        vaeName = try options.vae.map { try description.replaceVAE($0, &parts) }
        let kernels = try Kernels.chosen()
        precision = options.precision ?? .usual(with: kernels)
        let compute = try Compute(
            kernels: kernels, threads: threads, operands: precision.operands, isCoarse: precision.isCoarse,
            packsOnUse: options.lowMemory)
        let belongsToTask = compute.isCancelled
        compute.isCancelled = isCancelled
        var words = try options.embeddings.map { try TextualInversion(path: $0) }
        // A picture drawn with a learnt word is not what the model alone would draw.
        let own = words.isEmpty ? parts.fingerprint : parts.fingerprint(with: words)
        storedLoRAs = try options.loras.map { try StoredLoRA($0) }
        (loras, embeddings) = (options.loras, options.embeddings)
        var (merged, unplaced, bundled) = try parts.merging(
            options.loras, description, isLenient: options.isLenientWithLoRAs)
        warnings += unplaced
        wordsOfLoRAs = Self.add(bundled, to: &words, &warnings)
        var refining = try options.refiner.map { [description] in
            try OpenedRefiner(
                path: $0, of: description, tokenizer: options.tokenizer, isLenient: options.isLenient)
        }
        let tracker = LoadTracker(ofBytes: merged.byteCount + (refining?.parts.byteCount ?? 0), progress)
        merged.tracker = tracker
        refining?.parts.tracker = tracker
        watch?.lap("opening")
        textCompute = options.lowMemory ? compute : compute.packing(into: WeightStore(budget: .max))
        vaeCompute = description.needsFloat32VAE ? textCompute.exact() : textCompute
        networks = try Networks(
            description, merged, words: words, text: textCompute, compute, vae: vaeCompute, watch)
        refiner = try refining.map { [textCompute, words] in
            try Refiner($0, words: words, text: textCompute, compute)
        }
        warnings += merged.notes.all + (refining.map { $0.warnings + $0.parts.notes.all } ?? [])
        tracker.finish()
        tiny = try options.taesd.map { [description] in
            try TinyDecoder(
                path: $0, isForPreviewsOnly: options.taesdForPreviewsOnly, for: description,
                isLenient: options.isLenient, compute)
        }
        if let note = tiny?.note { warnings.append(note) }
        self.warnings = warnings
        // What decodes is part of what draws.
        fingerprint = own + (tiny.map { $0.isForPreviewsOnly ? "" : "-" + $0.fingerprint } ?? "")
        compute.isCancelled = belongsToTask
        (self.description, self.compute) = (description, compute)
        self.path = path
        self.threads = threads
        name = description.name
        sizeMultiple = description.vae.factor
        ownSize = description.unet.sampleSize * description.vae.factor
        isInpainting = description.input == .maskedPicture
        refinerFingerprint = refiner?.fingerprint
        scheduler = description.scheduler
        usualStepCounts = (
            description.usualSteps(startsFromPicture: false), description.usualSteps(startsFromPicture: true)
        )
        executor = ModelExecutor()
    }

    /// Adds the embeddings of LoRAs to words, except those that have been given otherwise.
    ///
    /// - Returns: the words that were added
    private static func add(
        _ bundled: [TextualInversion], to words: inout [TextualInversion], _ warnings: inout [String]
    ) -> [String] {
        var added: [String] = []
        for embedding in bundled {
            if words.contains(where: { $0.name == embedding.name }) {
                warnings.append(
                    "\(embedding.path): its embedding \"\(embedding.name)\" is not used, for there is another of this "
                        + "name")
            } else {
                words.append(embedding)
                added.append(embedding.name)
            }
        }
        return added
    }

    /// Puts another scheduler configuration in the place of the folder's own; for tests.
    package func use(_ scheduler: SchedulerConfig) { self.scheduler = scheduler }

    /// Draws, and tells on the way how far it is. Ending the iteration, or cancelling its task, stops the work within
    /// one layer.
    ///
    ///     for try await event in model.events(for: request) {
    ///         switch event {
    ///         case .progress(let progress): print(progress)
    ///         case .warning(let text): print(text)
    ///         case .picture(let picture): try picture.write(to: "apple.png")
    ///         }
    ///     }
    ///
    /// - Parameter previewEvery: after every how many steps `Progress.preview` holds a picture; nil for never. Decoding
    ///   one takes as long as decoding the last, which is little with `LoadOptions.taesd` alone
    public nonisolated func events(
        for request: Request, previewEvery: Int? = nil
    ) -> AsyncThrowingStream<Event, any Error> {
        AsyncThrowingStream { continuation in
            let task = Task {
                do {
                    try await run(request, previewEvery: previewEvery) { continuation.yield($0) }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    /// Draws all pictures of a request.
    ///
    /// - Throws: `LimnError` if the request cannot be met, `CancellationError` if the task was cancelled
    public func generate(_ request: Request) async throws -> [Picture] {
        var pictures: [Picture] = []
        try run(request) { if case .picture(let picture) = $0 { pictures.append(picture) } }
        return pictures
    }

    /// Checks that a request can be met, without drawing it.
    ///
    /// - Throws: `LimnError` if it cannot
    public func check(_ request: Request) throws {
        _ = try withLimnErrors {
            try PreparedRequest(
                request, description: description, scheduler: scheduler, hasRefiner: refiner != nil,
                lowMemory: compute.weights != nil)
        }
    }

    func run(_ request: Request, previewEvery: Int? = nil, tell: (Event) -> Void) throws {
        try withLimnErrors {
            let job = try PreparedRequest(
                request, description: description, scheduler: scheduler, hasRefiner: refiner != nil,
                lowMemory: compute.weights != nil)
            try draw(job, previewEvery: previewEvery, tell: tell)
        }
    }
}
