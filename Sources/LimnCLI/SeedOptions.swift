import ArgumentParser
import Limn

/// Pictures near that of a seed.
struct SeedOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            How much of another seed's noise is mixed in, 0 to 1, for pictures near that of --seed. Picture i of \
            several then has the same seed, and variation seed + i.
            """, valueName: "0…1"))
    var variationStrength: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The other seed; negative is random. (default: random)", valueName: "number"))
    var variationSeed: Seed?

    @Option(
        help: ArgumentHelp(
            "Draw the seed's noise at this size, and lay it into the middle: keeps a composition at another size.",
            valueName: "width×height"))
    var seedResize: PixelSize?

    /// - Throws: `LimnError` for a second seed without a strength
    func apply(to request: inout Request) throws {
        if let seedResize { request.seedSize = seedResize }
        guard variationStrength != nil || variationSeed != nil else { return }
        guard let strength = variationStrength ?? request.variation?.strength else {
            throw LimnError("--variation-seed does nothing without --variation-strength; give 0 to 1", isUsage: true)
        }
        let seed = variationSeed.map(\.number) ?? request.variation?.seed
        request.variation = Variation(seed: seed, strength: strength)
    }
}
