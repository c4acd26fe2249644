import Checkpoints
import Layers
import Tensors

/// The weights of a folder's three networks, opened but not yet packed.
package struct ModelParts {
    package enum Part: String, CaseIterable, Sendable {
        case textEncoder = "text_encoder"
        case unet
        case vae

        package var base: String { self == .textEncoder ? "model" : "diffusion_pytorch_model" }

        package var rules: KeyRules {
            switch self {
            case .textEncoder: .clipText
            case .unet: .none
            case .vae: .autoencoder
            }
        }
    }

    package let sources: [Part: any TensorSource]

    package init(sources: [Part: any TensorSource]) { self.sources = sources }

    package init(_ folder: ModelFolder) throws {
        var sources: [Part: any TensorSource] = [:]
        for part in Part.allCases {
            sources[part] = try openTensors(folder: "\(folder.path)/\(part.rawValue)", base: part.base)
        }
        self.sources = sources
    }

    /// Builds a network from its part and makes sure that no tensor was missing, left over or misshapen.
    func load<Network>(_ part: Part, _ compute: Compute, _ build: (LayerSource) throws -> Network) throws -> Network {
        let weights = Weights(try source(part), rules: part.rules)
        let network = try build(LayerSource(weights, compute: compute))
        try weights.finish()
        return network
    }

    /// Does what `load` does, with the same errors, but reads no values and keeps nothing.
    func check<Network>(_ part: Part, _ build: (LayerSource) throws -> Network) throws {
        let compute = Compute(kernels: try Kernels.chosen(), threads: 1)
        let weights = Weights.unread(try source(part), rules: part.rules)
        try compute.arena.plan { _ = try build(LayerSource(weights, compute: compute)) }
        try weights.finish()
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
}
