import Sampling

/// Which random numbers a run uses, with everything chosen: of the whole run, or of one of its pictures.
struct SeedPlan: Equatable {
    /// A second seed, whose noise is mixed into the first one's.
    struct Second: Equatable {
        var seed: UInt64
        /// Above 0, to 1.
        var strength: Double
    }

    var seed: UInt64
    var variation: Second?
    /// The size, in pixels, at which the noise is drawn; nil: the picture's.
    let size: PixelSize?
    /// Which picture of a batch this is, whose pictures share one tensor of noise.
    var place: BatchPlace?
    let generator: GeneratorName
    /// Whether all pictures of a batch are slices of one noise tensor; otherwise picture *i* uses seed + *i*.
    let sharesNoise: Bool

    /// Chooses at random what the request leaves open.
    ///
    /// - Throws: `LimnError` for what is out of range
    init(
        _ request: Request, generator: GeneratorName, sharesNoise: Bool, _ description: ModelDescription
    ) throws {
        try Self.check(request, multiple: description.vae.factor)
        seed = request.seed ?? Self.random()
        variation = request.seeds.variation.flatMap { asked in
            asked.strength == 0 ? nil : Second(seed: asked.seed ?? Self.random(), strength: asked.strength)
        }
        (size, place) = (request.seeds.size, request.seeds.place)
        (self.generator, self.sharesNoise) = (generator, sharesNoise)
    }

    private static func random() -> UInt64 { UInt64.random(in: 0..<1 << 32) }

    /// The plan of one picture.
    func picture(_ index: Int, of count: Int) -> SeedPlan {
        var own = self
        if let second = variation {
            own.variation?.seed = second.seed &+ UInt64(index)
        } else if sharesNoise {
            if count > 1 { own.place = BatchPlace(index: index, count: count) }
        } else {
            own.seed = seed &+ UInt64(index)
        }
        return own
    }

    /// Writes down what was chosen.
    func record(in request: inout Request) {
        (request.seed, request.seeds.generator, request.seeds.place) = (seed, generator.rawValue, place)
        request.seeds.variation = variation.map { Variation(seed: $0.seed, strength: $0.strength) }
    }

    private static func check(_ request: Request, multiple: Int) throws {
        func usage(_ text: String) -> LimnError { LimnError(text, isUsage: true) }
        if let strength = request.seeds.variation?.strength, !(0...1).contains(strength) {
            throw usage("a variation's strength of \(strength) is out of range; give 0 to 1")
        }
        if let size = request.seeds.size {
            for side in [size.width, size.height]
            where !(multiple...Canvas.largestSide).contains(side) || side % multiple != 0 {
                throw usage(
                    "a seed's size of \(size.width)×\(size.height) pixels is not possible with this model: both must be "
                        + "multiples of \(multiple), at most \(Canvas.largestSide)")
            }
        }
        if let amount = request.text.morph?.amount, !(0...1).contains(amount) {
            throw usage("a morph's amount of \(amount) is out of range; give 0 to 1")
        }
        if request.source.latents != nil, request.seeds.variation != nil || request.seeds.size != nil {
            throw usage("starting noise is given, so a seed's variation or size has no use; leave one of them out")
        }
    }
}
