import Checkpoints
import Layers
import Models
import Synchronization
import Tensors

extension CheckpointPart {
    /// The name of its weights' file in a diffusers folder, without what follows the first dot.
    package var base: String {
        switch self {
        case .textEncoder, .textEncoder2: "model"
        case .unet, .vae: "diffusion_pytorch_model"
        }
    }
}

/// The weights of a model's networks, opened but not yet packed.
package struct ModelParts {
    package typealias Part = CheckpointPart

    package private(set) var sources: [Part: any TensorSource]
    /// Parts whose shapes no configuration says; they were told from the tensors.
    private var undescribed: Set<Part>
    /// Whether tensors that belong to no layer are left out, and named in `notes`, instead of being an error.
    var isLenient = false
    /// What was left out, in sentences; all copies of these parts write into one list.
    let notes = LoadNotes()
    /// Is told what is loaded.
    var tracker: LoadTracker?

    /// - Parameter areDescribed: whether there are configurations beside the files
    package init(sources: [Part: any TensorSource], areDescribed: Bool = true) {
        self.sources = sources
        undescribed = areDescribed ? [] : Set(sources.keys)
    }

    /// Puts another file in the place of a part's.
    mutating func replace(_ part: Part, by source: any TensorSource, isDescribed: Bool) {
        sources[part] = source
        undescribed.remove(part)
        if !isDescribed { undescribed.insert(part) }
    }

    /// Puts sources that give changed values of the same tensors in the place of the files.
    mutating func change(_ changed: [Part: any TensorSource]) { sources.merge(changed) { $1 } }

    private func plan(_ part: Part) -> Weights.Plan { undescribed.contains(part) ? .otherTensors : .configuration }

    /// Opens the files of a diffusers folder.
    package init(folder description: ModelDescription) throws {
        var sources: [Part: any TensorSource] = [:]
        for part in description.texts.map(\.part) + [.unet, .vae] {
            sources[part] = try openTensors(folder: "\(description.path)/\(part.rawValue)", base: part.base)
        }
        self.init(sources: sources)
    }

    /// Builds a network from its part and makes sure that no tensor was missing, left over or misshapen.
    func load<Network>(
        _ part: Part, _ rules: KeyRules, _ compute: Compute, _ build: (LayerSource) throws -> Network
    ) throws -> Network {
        let weights = Weights(try source(part), rules: rules, plan: plan(part)) { [tracker] in tracker?.add($0) }
        let network = try build(LayerSource(weights, compute: compute))
        notes.add(part, try weights.finish(isLenient: isLenient))
        return network
    }

    /// Bytes of all tensors.
    var byteCount: Int {
        sources.values.reduce(0) { $0 + $1.tensors.values.reduce(0) { $0 + $1.byteCount } }
    }

    /// Does what `load` does, with the same errors, but reads no values and keeps nothing.
    func check<Network>(_ part: Part, _ rules: KeyRules, _ build: (LayerSource) throws -> Network) throws {
        let compute = Compute(kernels: try Kernels.chosen(), threads: 1)
        let weights = Weights.unread(try source(part), rules: rules, plan: plan(part))
        try compute.arena.plan { _ = try build(LayerSource(weights, compute: compute)) }
        notes.add(part, try weights.finish(isLenient: isLenient))
    }

    private func source(_ part: Part) throws -> any TensorSource {
        guard let source = sources[part] else { throw LimnError("the part \(part.rawValue) was not opened") }
        return source
    }

    /// FNV-1a over names, shapes and types of all tensors and the first bytes of each: tells models apart without
    /// reading gigabytes.
    package var fingerprint: String {
        var hash = FNV1a()
        for part in Part.allCases {
            if let source = sources[part] { hash.add(source, prefix: part.rawValue + " ") }
        }
        return hash.text
    }

    /// The fingerprint of the model with learnt words.
    func fingerprint(with words: [TextualInversion]) -> String {
        var hash = FNV1a()
        for byte in fingerprint.utf8 { hash.add(byte: byte) }
        for word in words {
            for byte in word.name.utf8 { hash.add(byte: byte) }
            for value in word.values {
                withUnsafeBytes(of: value.bitPattern.littleEndian) { for byte in $0 { hash.add(byte: byte) } }
            }
        }
        return hash.text
    }
}

/// Sentences about what was left out when networks were built.
final class LoadNotes: Sendable {
    private let leftOvers = Mutex<[ModelParts.Part: Weights.LeftOver]>([:])

    func add(_ part: ModelParts.Part, _ leftOver: Weights.LeftOver?) {
        leftOvers.withLock { $0[part] = leftOver }
    }

    /// In sentences.
    var all: [String] {
        leftOvers.withLock { $0.sorted { $0.key.rawValue < $1.key.rawValue }.map(\.value.description) }
    }

    /// Keys of the parts' files.
    var unused: [ModelParts.Part: Set<String>] { leftOvers.withLock { $0.mapValues { Set($0.fileKeys) } } }
}

/// How each network is built of its part: the one list of them.
extension ModelParts {
    func text(_ text: ModelDescription.Text, _ compute: Compute) throws -> any TextEncoder {
        try load(text.part, text.config.rules, compute, text.config.encoder)
    }

    func unet(_ config: UNetConfig, _ compute: Compute) throws -> UNet2DConditionModel {
        try load(.unet, .none, compute) { try UNet2DConditionModel($0, config) }
    }

    func vae(_ config: any VAEConfig, _ compute: Compute) throws -> any Autoencoder {
        try load(.vae, config.rules, compute, config.autoencoder)
    }

    /// What is wrong with each part, without reading values.
    func problems(_ description: ModelDescription) -> [any Error] {
        var problems: [any Error] = []
        func attempt(_ body: () throws -> Void) {
            do { try body() } catch { problems.append(error) }
        }
        for text in description.texts { attempt { try check(text.part, text.config.rules, text.config.encoder) } }
        attempt { try check(.unet, .none) { try UNet2DConditionModel($0, description.unet) } }
        attempt { try check(.vae, description.vae.rules, description.vae.autoencoder) }
        return problems
    }
}
