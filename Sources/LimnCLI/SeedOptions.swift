import ArgumentParser
import Limn

/// Pictures near that of a seed.
struct SeedOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.variation, "0…1"))
    var variationStrength: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The other seed; negative is random. (default: random)", valueName: "number"))
    var variationSeed: Seed?

    @Option(
        help: ArgumentHelp(.seedSize, "width×height"))
    var seedResize: PixelSize?

    /// - Throws: `LimnError` for a second seed without a strength
    func apply(to request: inout Request) throws {
        if let seedResize { request.seeds.size = seedResize }
        guard variationStrength != nil || variationSeed != nil else { return }
        guard let strength = variationStrength ?? request.seeds.variation?.strength else {
            throw LimnError("--variation-seed does nothing without --variation-strength; give 0 to 1", isUsage: true)
        }
        let seed = variationSeed.map(\.number) ?? request.seeds.variation?.seed
        request.seeds.variation = Variation(seed: seed, strength: strength)
    }
}
