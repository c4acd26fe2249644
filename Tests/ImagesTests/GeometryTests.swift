import Images
import Testing

@Suite struct GeometryTests {
    @Test(arguments: [(20, 15), (61, 16), (64, 47), (97, 130), (1, 1)])
    func resizesAsPillowDoes(width: Int, height: Int) throws {
        let resized = try pam("source").resized(width: width, height: height)
        #expect(try largestDifference(resized, pam("resized-\(width)x\(height)")) == 0)
    }

    @Test func resizesAlphaAsPillowDoes() throws {
        let resized = try pam("source-rgba").resized(width: 24, height: 32)
        #expect(try largestDifference(resized, pam("resized-rgba-24x32")) == 0)
    }

    @Test(arguments: [(32, 32), (64, 16), (16, 48), (33, 77)])
    func fitsAsDiffusersCrops(width: Int, height: Int) throws {
        let fitted = try pam("source").fitted(width: width, height: height)
        #expect(try largestDifference(fitted, pam("fitted-\(width)x\(height)")) == 0)
    }

    @Test func theSameSizeChangesNothing() throws {
        let source = try pam("source-rgba")
        #expect(try source.resized(width: source.width, height: source.height) == source)
        #expect(try source.fitted(width: source.width, height: source.height) == source)
    }

    @Test func aFlatPictureStaysFlat() throws {
        let flat = try Image(width: 50, height: 3, channels: 1, pixels: [UInt8](repeating: 201, count: 150))
        for (width, height) in [(7, 90), (500, 1), (3, 3)] {
            #expect(try flat.resized(width: width, height: height).pixels.allSatisfy { $0 == 201 })
        }
    }

    @Test func aStripCanCoverASquareWithoutMuchMemory() throws {
        let strip = try gradient(width: 16_384, height: 1, channels: 3)
        let fitted = try strip.fitted(width: 512, height: 512)
        #expect(fitted.width == 512 && fitted.height == 512)
        let tall = try gradient(width: 1, height: 16_384, channels: 1).fitted(width: 64, height: 32)
        #expect(tall.width == 64 && tall.height == 32)
    }

    @Test func impossibleSizesAreRefused() throws {
        let source = try pam("source")
        for (width, height) in [(0, 5), (5, -1), (20_000, 5), (16_384, 16_384), (.max, .max)] {
            #expect(
                message { _ = try source.resized(width: width, height: height) }.contains("cannot be resized")
            )
            #expect(
                message { _ = try source.fitted(width: width, height: height) }.contains("cannot be resized"))
        }
    }
}

@Suite struct ColourTests {
    @Test func greyIsPillowsL() throws {
        #expect(try pam("source").grey() == pam("source-grey"))
        #expect(try pam("source-rgba").grey() == pam("source-grey"))
    }

    @Test func alphaIsLaidOverWhiteAsPillowPastes() throws {
        #expect(try pam("source-rgba").composited() == pam("source-over-white"))
    }

    @Test func rgbDropsAlphaAndRepeatsGrey() throws {
        #expect(try pam("source-rgba").rgb() == pam("source"))
        let grey = try Image(width: 2, height: 1, channels: 1, pixels: [3, 200])
        #expect(grey.rgb().pixels == [3, 3, 3, 200, 200, 200])
        #expect(grey.composited() == grey.rgb())
    }

    @Test func signedValuesAreDiffusers() throws {
        #expect(try pam("source").signed == floats("signed"))
        let decoded = try floats("decoded")
        #expect(try Image(signed: decoded, width: 10, height: 12) == pam("decoded"))
    }

    @Test func toTheNetworkAndBackChangesNothing() throws {
        let image = try Image(width: 256, height: 1, channels: 1, pixels: Array(0...255))
        #expect(try Image(signed: image.signed, width: 256, height: 1, channels: 1) == image)
    }

    @Test func valuesThatAreNoNumbersAreRefused() throws {
        for value: Float in [.nan, .infinity, -.infinity] {
            #expect(throws: ImageError.self) { try Image(signed: [0, value, 0], width: 1, height: 1) }
        }
        #expect(throws: ImageError.self) { try Image(signed: [0, 0], width: 1, height: 1) }
    }

    @Test func statisticsTellAFlatPicture() throws {
        let flat = try Image(width: 2, height: 2, channels: 1, pixels: [9, 9, 9, 9]).statistics
        #expect(flat.minimum == 9 && flat.maximum == 9 && flat.mean == 9 && flat.standardDeviation == 0)
        let other = try Image(width: 2, height: 2, channels: 1, pixels: [0, 0, 200, 200]).statistics
        #expect(
            other.minimum == 0 && other.maximum == 200 && other.mean == 100 && other.standardDeviation == 100)
    }
}
