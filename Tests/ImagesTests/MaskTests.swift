import Images
import TestSupport
import Testing

@Suite struct MaskTests {
    /// The fixtures' latent masks are made from the mask resized to 64 × 48.
    private func enlarged() throws -> Mask { Mask(try pam("mask").resized(width: 64, height: 48)) }

    @Test func binarizesAsDiffusersDoes() throws {
        #expect(try enlarged().binarized() == Mask(pam("mask-48x64")))
    }

    @Test(arguments: [(8, 6), (9, 7)])
    func shrinksToTheLatentsAsDiffusersDoes(width: Int, height: Int) throws {
        let expected = try Mask(pam("mask-latent-\(width)x\(height)"))
        #expect(try enlarged().downsampled(width: width, height: height) == expected)
        #expect(expected.repaintedShare > 0.05 && expected.repaintedShare < 0.95)
    }

    @Test func blursByTheExactGaussian() throws {
        let blurred = try Mask(pam("mask")).blurred(sigma: 2.5)
        let expected = try floats("mask-gaussian-2.5")
        #expect(relativeError(blurred.values, expected) < 1e-6)
    }

    @Test func blursMuchAsPillowDoes() throws {
        // Pillow's is three box blurs of the same variance.
        let blurred = try Mask(pam("mask")).blurred(sigma: 4)
        let pillows = try Mask(pam("mask-blurred-4"))
        #expect(zip(blurred.values, pillows.values).allSatisfy { abs($0 - $1) < 0.02 })
    }

    @Test func blurReachesAsFarAsItSays() throws {
        var values = [Float](repeating: 0, count: 101 * 101)
        values[50 * 101 + 50] = 1
        let blurred = try Mask(width: 101, height: 101, values: values).blurred(sigma: 4)
        let reach = Mask.reach(ofBlur: 4)
        #expect(reach == 10)
        for y in 0..<101 {
            for x in 0..<101 {
                let isNear = abs(x - 50) <= reach && abs(y - 50) <= reach
                #expect((blurred.values[y * 101 + x] > 0) == isNear)
            }
        }
    }

    @Test func blurKeepsAllWhiteAllBlackAndZeroRadius() throws {
        let white = try Mask(width: 9, height: 5, values: [Float](repeating: 1, count: 45))
        let black = try Mask(width: 9, height: 5, values: [Float](repeating: 0, count: 45))
        #expect(try white.blurred(sigma: 30) == white)
        #expect(try black.blurred(sigma: 30) == black)
        let mask = try Mask(pam("mask"))
        #expect(try mask.blurred(sigma: 0) == mask)
        for sigma in [-1, 513, .nan, .infinity] {
            #expect(message { _ = try mask.blurred(sigma: sigma) }.contains("out of range"))
        }
    }

    @Test func whatIsTransparentIsKept() throws {
        let picture = try Image(
            width: 3, height: 1, channels: 4, pixels: [255, 255, 255, 0, 255, 255, 255, 255, 0, 0, 0, 255])
        #expect(Mask(picture).values == [0, 1, 0])
    }

    @Test func keptPixelsAreTheOriginalsBytes() throws {
        let original = try pam("source")
        let painted = try gradient(width: original.width, height: original.height, channels: 3)
        let mask = try Mask(pam("mask")).blurred(sigma: 1.5)
        let result = try mask.composite(original: original, painted: painted)
        var counts = [0, 0, 0]
        for (pixel, value) in mask.values.enumerated() {
            for at in pixel * 3..<pixel * 3 + 3 {
                let (from, to, now) = (original.pixels[at], painted.pixels[at], result.pixels[at])
                if value == 0 {
                    counts[0] += 1
                    #expect(now == from)
                } else if value == 1 {
                    counts[1] += 1
                    #expect(now == to)
                } else {
                    counts[2] += 1
                    #expect(abs(Float(now) - (Float(from) * (1 - value) + Float(to) * value)) < 0.51)
                }
            }
        }
        #expect(counts.allSatisfy { $0 > 100 })
    }

    @Test func erasesWhatWillBeRepainted() throws {
        let picture = try Image(width: 2, height: 1, channels: 3, pixels: [0, 255, 51, 0, 255, 51])
        let mask = try Mask(width: 2, height: 1, values: [0.49, 0.5])
        #expect(try mask.erased(picture) == picture.signed.prefix(3) + [0, 0, 0])
    }

    @Test func sizesThatDifferAreRefused() throws {
        let mask = try Mask(width: 2, height: 1, values: [0, 1])
        let picture = try gradient(width: 3, height: 1, channels: 3)
        let fitting = try gradient(width: 2, height: 1, channels: 3)
        #expect(message { _ = try mask.erased(picture) }.contains("2×1 but the picture is 3×1"))
        #expect(throws: ImageError.self) { try mask.composite(original: picture, painted: picture) }
        #expect(throws: ImageError.self) { try mask.composite(original: fitting, painted: fitting.grey()) }
        #expect(throws: ImageError.self) { try mask.downsampled(width: 0, height: 1) }
        #expect(throws: ImageError.self) { try mask.downsampled(width: 3, height: 1) }
        #expect(throws: ImageError.self) { try Mask(width: 2, height: 1, values: [0, .nan]) }
        #expect(throws: ImageError.self) { try Mask(width: 2, height: 1, values: [0]) }
    }

    @Test func theRepaintedShareTellsABlackMask() throws {
        #expect(try Mask(width: 2, height: 2, values: [0, 0, 0.4, 0]).repaintedShare == 0)
        #expect(try Mask(width: 2, height: 2, values: [0, 1, 0.5, 0]).repaintedShare == 0.5)
    }
}
