import CKernels
import Platform
import Synchronization

/// One component's weights under a key prefix. Every key that is read is ticked off, so that nothing missing or
/// left over goes unnoticed. Values made by `scoped` share the list; all of it may be used from several threads.
///
///     let weights = Weights(try openTensors(folder: folder, base: "diffusion_pytorch_model"))
///     try weights.scoped("conv_in").read("bias", shape: [320]) { … }
///     try weights.finish()
package struct Weights: Sendable {
    private enum Backing: Sendable {
        case checkpoint(Ledger)
        case random(RandomTensors)
    }

    private let backing: Backing
    /// What the keys of these weights begin with.
    package let prefix: String

    private init(_ backing: Backing, prefix: String) {
        self.backing = backing
        self.prefix = prefix
    }

    /// Where it is written what a network's tensors should be; for messages.
    package enum Plan: Sendable {
        /// In a configuration beside the file.
        case configuration
        /// Nowhere: it was told from the file's other tensors.
        case otherTensors
    }

    /// Tensors that nobody asked for.
    package struct LeftOver: Sendable, CustomStringConvertible {
        package let fileKeys: [String]
        /// A sentence that names some.
        package let description: String
    }

    /// - Parameters:
    ///   - rules: how the file's keys become the names that `read` is asked for. If two keys become the same name, the
    ///     first `read` and `finish` throw.
    ///   - didRead: is told the bytes of every tensor that was asked for
    package init(
        _ source: any TensorSource, rules: KeyRules = .none, plan: Plan = .configuration,
        didRead: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.init(.checkpoint(Ledger(source, rules: rules, plan: plan, didRead: didRead)), prefix: "")
    }

    /// Weights that tick off keys and check shapes, but give undefined values in place of the file's: tells whether a
    /// file fits its configuration without reading gigabytes.
    package static func unread(
        _ source: any TensorSource, rules: KeyRules = .none, plan: Plan = .configuration
    ) -> Weights {
        Weights(.checkpoint(Ledger(source, rules: rules, plan: plan, readsValues: false)), prefix: "")
    }

    /// Weights for benchmarks: any key of any shape exists, with values that depend on key and seed only. See
    /// `RandomTensors`.
    package static func random(seed: UInt64) -> Weights {
        Weights(.random(RandomTensors(seed: seed)), prefix: "")
    }

    /// The file's path, for messages.
    package var path: String {
        switch backing {
        case .checkpoint(let ledger): ledger.source.path
        case .random: RandomTensors.path
        }
    }

    /// The weights below `key`: prefixes are joined with ".".
    package func scoped(_ key: String) -> Weights { Weights(backing, prefix: full(key)) }

    private func full(_ key: String) -> String {
        prefix.isEmpty ? key : key.isEmpty ? prefix : prefix + "." + key
    }

    /// Whether there is a tensor of exactly this name; always true for random weights.
    package func contains(_ key: String) -> Bool {
        switch backing {
        case .checkpoint(let ledger): ledger.fileKeys[full(key)] != nil
        case .random: true
        }
    }

    /// The shape as stored; nil if there is no such tensor and for random weights, which take any shape.
    package func shape(of key: String) -> [Int]? {
        switch backing {
        case .checkpoint(let ledger): ledger.fileKeys[full(key)].flatMap { ledger.source.tensors[$0]?.shape }
        case .random: nil
        }
    }

    /// Reads a tensor as float32, row-major, and ticks it off. The buffer is the mapped file itself where that is
    /// F32, and is valid only within `body`.
    ///
    /// - Parameter shape: must be the stored shape, except that a matrix [m, n] and a 1×1 convolution
    ///   [m, n, 1, 1] are the same thing.
    /// - Throws: `CheckpointError` naming file, full key, and both shapes, or a value that is not finite; or what
    ///   `body` throws.
    package func read<R>(
        _ key: String, shape: [Int], _ body: (UnsafeBufferPointer<Float>) throws -> R
    ) throws -> R {
        switch backing {
        case .checkpoint(let ledger): try ledger.read(full(key), shape: shape, body)
        case .random(let tensors): try tensors.stored(full(key), shape: shape).withFloats(body)
        }
    }

    /// A tensor in the form that the file has it in, ticked off like one that is read.
    ///
    /// - Throws: as `read` does, but for the values, which are not looked at
    package func stored(_ key: String, shape: [Int]) throws -> StoredTensor {
        switch backing {
        case .checkpoint(let ledger): try ledger.stored(full(key), shape: shape)
        case .random(let tensors): try tensors.stored(full(key), shape: shape)
        }
    }

    /// What to say of a tensor with an infinite value, or one that is no number.
    package func notFinite(_ key: String) -> CheckpointError { .notFinite(path, full(key)) }

    /// Makes sure that every tensor of the whole source was read, apart from those that the rules let be.
    ///
    /// - Parameter isLenient: whether others may be left over
    /// - Returns: those; nil if there are none
    /// - Throws: `CheckpointError` that lists the first few left over.
    @discardableResult
    package func finish(isLenient: Bool = false) throws -> LeftOver? {
        guard case .checkpoint(let ledger) = backing else { return nil }
        return try ledger.finish(isLenient: isLenient)
    }
}

/// A source, the names its keys have in Models, and which of them were read.
private final class Ledger: Sendable {
    let source: any TensorSource
    let rules: KeyRules
    /// Name in Models → key in the file.
    let fileKeys: [String: String]
    private let plan: Weights.Plan
    private let readsValues: Bool
    private let didRead: @Sendable (Int) -> Void
    private let ambiguity: CheckpointError?
    private let used = Mutex<Set<String>>([])

    init(
        _ source: any TensorSource, rules: KeyRules, plan: Weights.Plan, readsValues: Bool = true,
        didRead: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.source = source
        self.rules = rules
        self.plan = plan
        self.readsValues = readsValues
        self.didRead = didRead
        do throws(CheckpointError) {
            fileKeys = try rules.map(source.tensors.keys, path: source.path)
            ambiguity = nil
        } catch {
            fileKeys = [:]
            ambiguity = error
        }
    }

    func read<R>(_ key: String, shape: [Int], _ body: (UnsafeBufferPointer<Float>) throws -> R) throws -> R {
        let (fileKey, info) = try tickOff(key, shape: shape)
        guard readsValues else {
            return try withScratch(info.elementCount, path: source.path, tensor: key) { floats in
                try body(UnsafeBufferPointer(floats))
            }
        }
        return try source.withFloat32(fileKey) { floats in
            guard limn_stored_is_finite(LIMN_STORED_F32, floats.baseAddress, floats.count) else {
                throw CheckpointError.notFinite(source.path, key)
            }
            return try body(floats)
        }
    }

    func stored(_ key: String, shape: [Int]) throws -> StoredTensor {
        let (fileKey, info) = try tickOff(key, shape: shape)
        guard readsValues else {
            return try StoredTensor.filling(info.elementCount, path: source.path, tensor: key) { _ in }
        }
        return try source.stored(fileKey)
    }

    /// The key in the file of a tensor that must be there and of this shape.
    private func tickOff(_ key: String, shape: [Int]) throws -> (fileKey: String, info: TensorInfo) {
        if let ambiguity { throw ambiguity }
        guard let fileKey = fileKeys[key], let info = source.tensors[fileKey] else {
            throw CheckpointError(
                path: source.path, tensor: key,
                problem: "it is missing; expected one of shape \(shape). \(advice)")
        }
        guard fits(stored: info.shape, expected: shape) else {
            let alias = fileKey == key ? "" : " (as \(quoted(fileKey)))"
            throw CheckpointError(
                path: source.path, tensor: key,
                problem: "expected shape \(shape), but the file has \(info.shape)\(alias). "
                    + advice)
        }
        used.withLock { _ = $0.insert(key) }
        didRead(info.byteCount)
        return (fileKey, info)
    }

    private func fits(stored: [Int], expected: [Int]) -> Bool {
        stored == expected
            || stored.count == 4 && expected.count == 2 && stored == expected + [1, 1]
            || stored.count == 2 && expected.count == 4 && expected == stored + [1, 1]
    }

    private var advice: String {
        switch plan {
        case .configuration: "The file does not fit its config.json"
        case .otherTensors: "Its other tensors call for that: the file is incomplete or damaged; download it again"
        }
    }

    func finish(isLenient: Bool) throws -> Weights.LeftOver? {
        Scratch.release()
        if let ambiguity { throw ambiguity }
        let used = used.withLock { $0 }
        let unread = fileKeys.keys.filter { !used.contains($0) && !rules.isIgnorable($0) }.sorted()
        guard !unread.isEmpty else { return nil }
        let text = CheckpointError.notUsed(unread, of: fileKeys.count)
        if isLenient {
            return Weights.LeftOver(
                fileKeys: unread.compactMap { fileKeys[$0] },
                description: CheckpointError(path: source.path, problem: text).description)
        }
        let reason = plan == .configuration ? "The file does not fit its config.json. " : ""
        throw CheckpointError(
            path: source.path,
            problem: "\(text). \(reason)\(CheckpointError.lenientAdvice(unread.count))")
    }
}
