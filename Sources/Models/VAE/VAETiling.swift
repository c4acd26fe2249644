import Tensors

/// Cuts a picture or its latents into tiles that overlap by a quarter and that the autoencoder sees one at a time, so
/// that it needs memory for one tile, whatever the picture's size (diffusers' `AutoencoderKL.enable_tiling`).
///
/// Where tiles overlap, one fades into the next. The result is not quite that of the whole: norms and attention know
/// their own tile only.
package struct VAETiling: Sendable, Equatable {
    /// Side of a tile in latents. 64 are 512 pixels of Stable Diffusion, which is what diffusers takes where the VAE's
    /// `sample_size` is 512. Other autoencoders get the same here, for memory is what tiles are for: SDXL's `sample_size`
    /// of 1024 would need four times as much.
    package let latents: Int

    /// - Precondition: `latents` is a multiple of 4, so that overlaps are whole latents
    package init(latents: Int = 64) {
        precondition(latents > 0 && latents % 4 == 0)
        self.latents = latents
    }

    /// Whether latents of this size are more than one tile.
    package func cuts(height: Int, width: Int) -> Bool { max(height, width) > latents }

    /// Runs `network` on the tiles of `x`, and joins what it makes of them.
    ///
    /// - Parameters:
    ///   - x: [batch, height, width, channels]
    ///   - tile: side of a tile of `x`
    ///   - resultTile: side of what `network` makes of such a tile; 1/4 of it is a whole number of pixels
    /// - Returns: [batch, height · resultTile / tile, width · resultTile / tile, channels of the result]
    func map(_ x: Tensor, tile: Int, resultTile: Int, _ network: (Tensor) throws -> Tensor) throws -> Tensor {
        let (step, resultStep) = (tile * 3 / 4, resultTile * 3 / 4)
        let overlap = resultTile - resultStep
        var result: Tensor?
        /// The last rows of the tiles above, by column of tiles.
        var above: [Tensor] = []
        for (i, top) in stride(from: 0, to: x.height, by: step).enumerated() {
            /// The last columns of the tile to the left.
            var left: Tensor?
            for (j, start) in stride(from: 0, to: x.width, by: step).enumerated() {
                let part = try x.part(top..<min(top + tile, x.height), start..<min(start + tile, x.width))
                let made = try network(part)
                if i > 0 { made.fadeInRows(after: above[j]) }
                if let left { made.fadeInColumns(after: left) }
                let bottom = try made.part(max(0, made.height - overlap)..<made.height, 0..<made.width)
                if i == 0 { above.append(bottom) } else { above[j] = bottom }
                left = try made.part(0..<made.height, max(0, made.width - overlap)..<made.width)
                let whole =
                    try result
                    ?? Tensor(
                        batch: made.batch, height: x.height * resultTile / tile, width: x.width * resultTile / tile,
                        channels: made.channels)
                whole.paste(made, row: i * resultStep, column: j * resultStep, atMost: resultStep)
                result = whole
            }
        }
        guard let result else { throw TensorError("a picture without pixels has no tiles") }
        return result
    }
}

extension Tensor {
    private func row(_ batch: Int, _ y: Int, _ x: Int = 0) -> UnsafeMutablePointer<Float> {
        pointer + ((batch * height + y) * width + x) * channels
    }

    /// A copy of some rows and columns of every picture.
    fileprivate func part(_ rows: Range<Int>, _ columns: Range<Int>) throws -> Tensor {
        let part = try Tensor(batch: batch, height: rows.count, width: columns.count, channels: channels)
        for b in 0..<batch {
            for (y, from) in rows.enumerated() {
                part.row(b, y).update(from: row(b, from, columns.lowerBound), count: columns.count * channels)
            }
        }
        return part
    }

    /// Writes the first rows and columns of `part`, at most so many of each, over the place given.
    fileprivate func paste(_ part: Tensor, row: Int, column: Int, atMost side: Int) {
        for b in 0..<batch {
            for y in 0..<min(side, part.height) {
                self.row(b, row + y, column).update(from: part.row(b, y), count: min(side, part.width) * channels)
            }
        }
    }

    /// Lets the first rows come up while the last rows of the tile above, which show the same place, go down
    /// (diffusers' `blend_v`).
    fileprivate func fadeInRows(after above: Tensor) {
        let count = min(above.height, height)
        for b in 0..<batch {
            for y in 0..<count {
                let share = Double(y) / Double(count)
                fade(row(b, y), above.row(b, above.height - count + y), width * channels, share)
            }
        }
    }

    /// The same from left to right (`blend_h`).
    fileprivate func fadeInColumns(after left: Tensor) {
        let count = min(left.width, width)
        for b in 0..<batch {
            for y in 0..<height {
                for x in 0..<count {
                    let share = Double(x) / Double(count)
                    fade(row(b, y, x), left.row(b, y, left.width - count + x), channels, share)
                }
            }
        }
    }

    private func fade(
        _ new: UnsafeMutablePointer<Float>, _ old: UnsafeMutablePointer<Float>, _ count: Int, _ share: Double
    ) {
        let (oldShare, newShare) = (Float(1 - share), Float(share))
        for i in 0..<count { new[i] = old[i] * oldShare + new[i] * newShare }
    }
}
