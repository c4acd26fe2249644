import Tensors

/// What the deep layers of a UNet gave to its outermost ones in a whole evaluation. It changes little from step to
/// step, so evaluations in between may go on with it and run the outermost layers alone (Ma et al. 2023, DeepCache).
///
/// The outermost layers are `conv_in`, the first layer of the first down block, the last two layers of the last up
/// block, and `conv_out`: one skip connection inside of `conv_in`'s own.
package final class DeepFeatures {
    /// [batch, height, width, channels], where it enters the last up block's last two layers
    let features: Tensor

    init(_ features: Tensor) { self.features = features }

    /// Takes the place of the last ones. (In one copy: it is 10 MB of a 512×512 pair.)
    func keep(_ h: Tensor, _ compute: Compute) {
        if compute.arena.isPlanning { return }
        features.pointer.update(from: h.pointer, count: h.count)
    }
}

extension UNet2DConditionModel {
    /// Room for the deep features of one batch of latents, in memory of its own: they outlive an evaluation.
    package func deepFeatures(height: Int, width: Int, _ conditioning: Conditioning) throws -> DeepFeatures {
        // With one layer a block, they are what comes up from the level below.
        let level = config.layersPerBlock[0] > 1 ? 0 : min(1, config.levels - 1)
        return DeepFeatures(
            try Tensor(
                batch: conditioning.batch, height: height, width: width, channels: config.blockOutChannels[level]))
    }
}
