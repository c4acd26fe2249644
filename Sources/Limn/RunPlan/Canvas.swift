import Images

/// What a run draws on: its size, and the picture and the mask at that size.
struct Canvas {
    enum Kind {
        case text, picture, inpainting
        /// A picture that the model reads beside the latents, and changes as the prompt says.
        case editing
    }

    let kind: Kind
    /// In pixels.
    let width: Int
    let height: Int
    /// The picture to start from, at the size of the result.
    let picture: Image?
    let mask: Mask?

    /// Largest side, far above what fits into memory with any model there is.
    static let largestSide = 16384

    /// Whether the run starts from the picture's latents.
    var startsFromPicture: Bool { kind == .picture || kind == .inpainting }

    /// - Throws: `LimnError` for pictures that are missing, do not fit, or are of no use to the model
    init(_ request: Request, _ description: ModelDescription) throws {
        func usage(_ text: String) -> LimnError { LimnError(text, isUsage: true) }
        let source = request.source
        let edits = description.input == .picture
        kind = source.picture == nil ? .text : source.mask != nil ? .inpainting : edits ? .editing : .picture
        if source.mask != nil, source.picture == nil {
            throw usage("a mask needs the picture that it belongs to: give it with -i")
        }
        if source.strength != nil, source.picture == nil {
            throw usage("a strength needs a picture to start from: give it with -i")
        }
        try Self.checkKind(kind, request, description)
        (width, height) = try Self.size(request, description)
        picture = try source.picture.map { [width, height] in
            try $0.image.composited().fitted(width: width, height: height)
        }
        mask = try Self.mask(request, width: width, height: height)
        try Self.check(source.latents, request: request, description: description, width: width, height: height)
        if source.latents != nil, startsFromPicture {
            throw usage("--latents is the starting noise of a picture from text; leave out -i, or the latents")
        }
    }

    /// What pictures a family of models needs, and what it has no use for.
    private static func checkKind(_ kind: Kind, _ request: Request, _ description: ModelDescription) throws {
        func usage(_ text: String) -> LimnError { LimnError("\(description.name) \(text)", isUsage: true) }
        switch description.input {
        case .latents: break
        case .maskedPicture:
            guard kind == .inpainting else {
                throw usage("is an inpainting model: give it a picture with -i and a mask with --mask")
            }
        case .picture:
            guard kind == .editing else {
                throw usage("changes pictures as the prompt says: give it one with -i, and no mask")
            }
            guard request.source.strength == nil else {
                throw usage("always starts from noise: leave out the strength, and set --image-cfg-scale instead")
            }
        }
        if request.guidance.imageScale != nil, description.input != .picture {
            throw usage("does not see a picture beside the latents, so it has no image guidance scale")
        }
    }

    /// Width and height: as asked, the model's own, or the shape of the picture to start from.
    private static func size(_ request: Request, _ description: ModelDescription) throws -> (Int, Int) {
        let multiple = description.vae.factor
        let own = description.unet.sampleSize * multiple
        var (width, height) = (request.width ?? own, request.height ?? own)
        if let picture = request.source.picture, request.width == nil, request.height == nil {
            // The picture's shape, its shorter side brought to the model's own size, the longer at most four times
            // that; both rounded to the multiple.
            let shorter = Double(min(picture.width, picture.height))
            func side(_ length: Int) -> Int {
                let scaled = min(Double(length) / shorter, 4) * Double(own)
                return max(multiple, Int((scaled / Double(multiple)).rounded()) * multiple)
            }
            (width, height) = (side(picture.width), side(picture.height))
        }
        for (name, value) in [("width", width), ("height", height)] {
            guard value >= multiple, value <= largestSide, value % multiple == 0 else {
                let nearest = (min(max(value, multiple), largestSide) + multiple / 2) / multiple * multiple
                throw LimnError(
                    "a \(name) of \(value) pixels is not possible with this model: it must be a multiple of "
                        + "\(multiple), such as \(nearest), and at most \(largestSide)", isUsage: true)
            }
        }
        return (width, height)
    }

    private static func mask(_ request: Request, width: Int, height: Int) throws -> Mask? {
        guard let picture = request.source.mask, let initImage = request.source.picture else { return nil }
        guard (picture.width, picture.height) == (initImage.width, initImage.height) else {
            throw LimnError(
                "the mask is \(picture.width)×\(picture.height) pixels, but the picture it belongs to is "
                    + "\(initImage.width)×\(initImage.height): they must be of one size", isUsage: true)
        }
        let mask = Mask(try picture.image.fitted(width: width, height: height))
        guard mask.repaintedShare > 0 else {
            throw LimnError(
                "the mask has no white, so nothing would be repainted: white is repainted, black is kept",
                isUsage: true)
        }
        return mask
    }

    private static func check(
        _ latents: Latents?, request: Request, description: ModelDescription, width: Int, height: Int
    ) throws {
        guard let latents else { return }
        let factor = description.vae.factor
        let wanted = [request.count, description.vae.latentChannels, height / factor, width / factor]
        let given = [latents.batch, latents.channels, latents.height, latents.width]
        guard wanted == given else {
            throw LimnError(
                "the latents are of shape \(given), but \(wanted) is needed: give -W, -H and -b to match", isUsage: true
            )
        }
    }
}
