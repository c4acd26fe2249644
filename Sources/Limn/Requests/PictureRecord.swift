import Platform

/// How a picture was made, as its file holds it: the request, and the names and fingerprints of the files it was made with.
/// As JSON, the fields of the request lie beside the others. Pictures and latents are represented by digests.
struct PictureRecord: Equatable {
    var request: Request
    /// Limn's version; nil: another program's.
    var version: String?
    var model: String?
    var fingerprint: String?
    /// The VAE in the place of the model's own.
    var vae: String?
    var taesd: String?
    var precision: String?
    /// The refiner's fingerprint.
    var refiner: String?
    var loras: [StoredLoRA]?
    /// Files of embeddings.
    var embeddings: [String]?
    var initImage: String?
    var mask: String?
    var latents: String?
    /// Names that a record has and that this version does not know.
    private(set) var unknown: [String] = []

    /// - Parameter version: Limn's; nil for another program's picture
    init(_ request: Request, version: String? = nil) {
        (self.request, self.version) = (request, version)
        initImage = request.source.picture.map(Self.digest)
        mask = request.source.mask.map(Self.digest)
        latents = request.source.latents.map(Self.digest)
    }

    /// FNV-1a over size and pixels.
    static func digest(_ picture: Picture) -> String {
        var hash = FNV1a()
        for side in [picture.width, picture.height, picture.channels] { hash.add(UInt64(side)) }
        for pixel in picture.pixels { hash.add(byte: pixel) }
        return hash.text
    }

    static func digest(_ latents: Latents) -> String {
        var hash = FNV1a()
        for value in latents.values { hash.add(UInt64(value.bitPattern)) }
        return hash.text
    }
}

extension PictureRecord: Codable {
    private enum CodingKeys: String, CodingKey, CaseIterable {
        case version, model, fingerprint, vae, taesd, precision, refiner, loras, embeddings, initImage, mask, latents
    }

    init(from decoder: any Decoder) throws {
        let json = try JSON(from: decoder)
        request = try Request(json: json)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        version = try container.decodeIfPresent(String.self, forKey: .version)
        model = try container.decodeIfPresent(String.self, forKey: .model)
        fingerprint = try container.decodeIfPresent(String.self, forKey: .fingerprint)
        vae = try container.decodeIfPresent(String.self, forKey: .vae)
        taesd = try container.decodeIfPresent(String.self, forKey: .taesd)
        precision = try container.decodeIfPresent(String.self, forKey: .precision)
        refiner = try container.decodeIfPresent(String.self, forKey: .refiner)
        loras = try container.decodeIfPresent([StoredLoRA].self, forKey: .loras)
        embeddings = try container.decodeIfPresent([String].self, forKey: .embeddings)
        initImage = try container.decodeIfPresent(String.self, forKey: .initImage)
        mask = try container.decodeIfPresent(String.self, forKey: .mask)
        latents = try container.decodeIfPresent(String.self, forKey: .latents)
        unknown = Self.unknown(in: json)
    }

    func encode(to encoder: any Encoder) throws {
        try request.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(version, forKey: .version)
        try container.encodeIfPresent(model, forKey: .model)
        try container.encodeIfPresent(fingerprint, forKey: .fingerprint)
        try container.encodeIfPresent(vae, forKey: .vae)
        try container.encodeIfPresent(taesd, forKey: .taesd)
        try container.encodeIfPresent(precision, forKey: .precision)
        try container.encodeIfPresent(refiner, forKey: .refiner)
        try container.encodeIfPresent(loras, forKey: .loras)
        try container.encodeIfPresent(embeddings, forKey: .embeddings)
        try container.encodeIfPresent(initImage, forKey: .initImage)
        try container.encodeIfPresent(mask, forKey: .mask)
        try container.encodeIfPresent(latents, forKey: .latents)
    }

    /// Names of fields that no version up to this one writes, dotted as `RequestField`'s.
    private static func unknown(in json: JSON) -> [String] {
        let own = Set(CodingKeys.allCases.map(\.rawValue))
        let fields = Set(RequestField.all.map(\.name))
        let groups = Set(fields.compactMap { $0.split(separator: ".").dropLast().first.map(String.init) })
        return (json.members ?? []).flatMap { key, value -> [String] in
            if own.contains(key) || fields.contains(key) { return [] }
            guard groups.contains(key), let members = value.members else { return [key] }
            return members.map { "\(key).\($0.key)" }.filter { !fields.contains($0) }
        }
    }

    /// What to say of a record that a newer version has written.
    func newerNotes(path: String) -> [String] {
        guard !unknown.isEmpty else { return [] }
        let names = unknown.prefix(8).map { quoted($0, limit: 40) }.joined(separator: ", ")
        return [
            "\(path) was drawn by limn \(version.map { printable($0, limit: 20) } ?? "of another version") with settings that this "
                + "version does not know, so the picture may be another: \(names)"
        ]
    }
}
