import Glibc

/// Self-attention guidance (Hong et al. 2023): what a network looks at most is blurred, and the run led away from what
/// the network then predicts. Here is how the picture is degraded; the network does the rest.
package enum SelfAttentionGuidance {
    /// Where attention is mapped, from the network's middle.
    package struct Map {
        /// What each place is looked at, on average over heads, summed over those who look; [height, width].
        package var values: UnsafeBufferPointer<Float>
        package var height: Int
        package var width: Int

        package init(_ values: UnsafeBufferPointer<Float>, height: Int, width: Int) {
            (self.values, self.height, self.width) = (values, height, width)
        }
    }

    /// x₀, blurred where it is looked at more than an even share (section 5.2, with the threshold 1 of diffusers'
    /// sag_masking).
    ///
    /// - Parameters:
    ///   - x0: [channels, height, width]
    ///   - map: taken to the picture's size by nearest neighbour
    package static func degraded(_ x0: Sample, where map: Map, height: Int, width: Int) -> Sample {
        let blurred = blurred(x0, height: height, width: width)
        return Sample(in: x0.pool) { result in
            x0.withValues { x0 in
                blurred.withValues { blurred in
                    let down = Float(map.height) / Float(height)
                    let across = Float(map.width) / Float(width)
                    for index in x0.indices {
                        let row = min(Int(Float(index / width % height) * down), map.height - 1)
                        let column = min(Int(Float(index % width) * across), map.width - 1)
                        result[index] = map.values[row * map.width + column] > 1 ? blurred[index] : x0[index]
                    }
                }
            }
        }
    }

    /// A Gaussian of standard deviation 1, cut at 4 pixels; what lies beyond the edge is mirrored there.
    static func blurred(_ x: Sample, height: Int, width: Int) -> Sample {
        let across = convolved(x, length: width, stride: 1)
        return convolved(across, length: height, stride: width)
    }

    /// Along one axis, on which neighbours are `stride` values apart.
    private static func convolved(_ x: Sample, length: Int, stride: Int) -> Sample {
        Sample(in: x.pool) { result in
            x.withValues { x in
                for index in x.indices {
                    let place = index / stride % length
                    let start = index - place * stride
                    var sum: Float = 0
                    for offset in -reach...reach {
                        sum += weight(offset) * x[start + mirrored(place + offset, length) * stride]
                    }
                    result[index] = sum
                }
            }
        }
    }

    private static let reach = 4

    private static func weight(_ offset: Int) -> Float {
        // 1 / Σ exp(−d²/2) over −4…4
        0.398_943_5 * expf(-0.5 * Float(offset * offset))
    }

    /// A place beyond an end, counted back from there without repeating the end itself.
    private static func mirrored(_ place: Int, _ length: Int) -> Int {
        guard length > 1 else { return 0 }
        let period = 2 * (length - 1)
        let wrapped = ((place % period) + period) % period
        return min(wrapped, period - wrapped)
    }
}
