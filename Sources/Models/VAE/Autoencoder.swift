import Checkpoints
import Layers
import Tensors

/// Between pictures and latents: what all autoencoders do.
package protocol Autoencoder: Sendable {
    /// Pixels a latent, on each side.
    var factor: Int { get }
    var latentChannels: Int { get }

    /// What a picture is encoded to, in the arena.
    ///
    /// - Parameter picture: [batch, height, width, 3] in −1…1
    /// - Returns: [batch, height/f, width/f, 2·latentChannels] if the class draws latents (`VAEConfig.drawsLatents`),
    ///   else [batch, height/f, width/f, latentChannels]
    func encoded(_ picture: Tensor, _ compute: Compute) throws -> Tensor

    /// - Parameter latents: [batch, h, w, latentChannels], already divided by the scaling factor
    /// - Returns: [batch, h·f, w·f, 3], about −1…1, in the arena
    func decoded(_ latents: Tensor, _ compute: Compute) throws -> Tensor
}

extension Autoencoder {
    /// - Parameters:
    ///   - picture: [batch, height, width, 3] in −1…1; both sides multiples of `factor`
    ///   - tiling: how to cut it if it is large; nil to take it whole
    /// - Returns: as `encoded` does, in memory of its own
    package func encode(_ picture: Tensor, _ compute: Compute, tiling: VAETiling? = nil) throws -> Tensor {
        if let tiling, tiling.cuts(height: picture.height / factor, width: picture.width / factor) {
            return try tiling.map(picture, tile: tiling.latents * factor, resultTile: tiling.latents) {
                try encode($0, compute)
            }
        }
        try compute.arena.plan { _ = try encoded(picture, compute) }
        return try encoded(picture, compute).copy()
    }

    /// Makes room for encoding a picture of this size.
    package func planEncoding(height: Int, width: Int, _ compute: Compute) throws {
        let picture = try Tensor(batch: 1, height: height, width: width, channels: 3)
        try compute.arena.plan { _ = try encoded(picture, compute) }
    }

    /// Makes room for decoding latents of this size, so that too large a picture is refused before any work is done.
    ///
    /// - Throws: `TensorError` if there is not enough memory
    package func planDecoding(height: Int, width: Int, _ compute: Compute, tiling: VAETiling? = nil) throws {
        let side = tiling?.latents ?? .max
        let latents = try Tensor(
            batch: 1, height: min(height, side), width: min(width, side), channels: latentChannels)
        try compute.arena.plan { _ = try decoded(latents, compute) }
    }

    /// - Parameters:
    ///   - latents: [batch, h, w, latentChannels], already divided by the scaling factor
    ///   - tiling: how to cut them if they are large; nil to take them whole
    /// - Returns: [batch, h·f, w·f, 3], about −1…1
    package func decode(_ latents: Tensor, _ compute: Compute, tiling: VAETiling? = nil) throws -> Tensor {
        if let tiling, tiling.cuts(height: latents.height, width: latents.width) {
            return try tiling.map(latents, tile: tiling.latents, resultTile: tiling.latents * factor) {
                try decode($0, compute)
            }
        }
        try compute.arena.plan { _ = try decoded(latents, compute) }
        return try decoded(latents, compute).copy()
    }
}

/// What an autoencoder's `config.json` says, as far as it matters outside the network.
package protocol VAEConfig: Sendable {
    var latentChannels: Int { get }
    /// Pixels a latent, on each side.
    var factor: Int { get }
    /// What latents are multiplied by for the UNet.
    var scalingFactor: Float { get }
    /// How they are shifted and scaled before, channel by channel; nil: not at all.
    var statistics: LatentStatistics? { get }
    /// Whether pictures are encoded to a distribution (its mean, then the logarithm of its variance), of which latents
    /// are drawn; else they are encoded to latents.
    var drawsLatents: Bool { get }
    /// Whether it overflows half precision, and is to multiply float32 numbers where that matters.
    var needsFloat32: Bool { get }
    /// How the files' keys become the names that the network asks for.
    var rules: KeyRules { get }

    /// The network, its weights read from `source`.
    func autoencoder(_ source: LayerSource) throws -> any Autoencoder
}

extension VAEConfig {
    /// Values of a channel as the UNet sees them.
    package func scaled(_ value: Float, channel: Int) -> Float {
        guard let statistics else { return value * scalingFactor }
        return (value - statistics.means[channel]) * scalingFactor / statistics.deviations[channel]
    }

    /// Values of a channel as the decoder wants them.
    package func unscaled(_ value: Float, channel: Int) -> Float {
        guard let statistics else { return value / scalingFactor }
        return value * statistics.deviations[channel] / scalingFactor + statistics.means[channel]
    }
}

/// Mean and standard deviation of each channel of a VAE's latents (`latents_mean` and `latents_std`).
package struct LatentStatistics: Sendable, Equatable {
    package let means: [Float]
    package let deviations: [Float]

    /// nil where the configuration says neither
    init?(_ file: ConfigFile, channels: Int) throws {
        guard let means = try file.floats("latents_mean", count: channels),
            let deviations = try file.floats("latents_std", count: channels)
        else { return nil }
        guard deviations.allSatisfy({ $0 > 0 }) else {
            throw ModelError("\(file.path): latents_std must be numbers above 0")
        }
        (self.means, self.deviations) = (means, deviations)
    }
}

/// The autoencoders that are built, by the class that their configuration names.
package enum AutoencoderClasses {
    private static let readers: [(name: String, read: @Sendable (ConfigFile) throws -> any VAEConfig)] = [
        ("AutoencoderKL", { try AutoencoderConfig($0) }), ("AutoencoderTiny", { try AutoencoderTinyConfig($0) }),
    ]

    package static var names: [String] { readers.map(\.name) }

    /// - Throws: `ModelError` naming the file and what in it is wrong or not supported
    package static func config(_ file: ConfigFile) throws -> any VAEConfig {
        let name = try file.string("_class_name", default: "AutoencoderKL")
        guard let reader = readers.first(where: { $0.name == name }) else {
            throw file.unsupported("class", "\"\(name)\"", supported: names.joined(separator: ", "))
        }
        return try reader.read(file)
    }
}
