import Platform

/// What a tokenizer's folder says beside its vocabulary: tokenizer_config.json, and the older
/// special_tokens_map.json and added_tokens.json.
struct TokenizerConfig: Sendable {
    /// Beyond this a `model_max_length` means "none": transformers writes 1e30.
    static let longest = 1_000_000

    let folder: String
    /// `tokenizer_class` without "Fast".
    let tokenizerClass: String?
    /// `model_max_length`, if it is one.
    let modelMaxLength: Int?
    /// `extra_ids`: how many sentinels `<extra_id_…>` T5 has.
    let extraIDs: Int
    /// `add_prefix_space` of XLM-R.
    let addPrefixSpace: Bool
    /// `do_lower_case`, which Japanese Stable Diffusion sets.
    let lowercases: Bool
    /// `bos_token`, `pad_token`, …: by their name without `_token`, in the order of the files.
    private(set) var named: [(role: String, token: AddedToken)] = []
    /// `extra_special_tokens` (once `additional_special_tokens`).
    private(set) var extra: [AddedToken] = []
    /// `added_tokens_decoder`, or the lists that take its place, in the order of their ids.
    private(set) var added: [AddedToken] = []

    var file: String { folder + "/tokenizer_config.json" }

    /// - Parameter tokenizerJSON: tokenizer.json, if the folder has it; it may list added tokens.
    init(folder: String, tokenizerJSON: JSON?) throws {
        self.folder = folder
        let file = folder + "/tokenizer_config.json"
        let config = InputFile.exists(file) ? try JSON.read(file: file) : .object([])
        guard config.members != nil else {
            throw TokenizerError.malformed(file: file, reason: "expected an object")
        }
        tokenizerClass = config["tokenizer_class"]?.string.map {
            $0.hasSuffix("Fast") ? String($0.dropLast(4)) : $0
        }
        modelMaxLength = try Self.length(config["model_max_length"], file: file)
        extraIDs = config["extra_ids"]?.integer ?? 100
        guard (0...10_000).contains(extraIDs) else {
            throw TokenizerError.malformed(file: file, reason: "extra_ids is \(extraIDs)")
        }
        addPrefixSpace = config["add_prefix_space"]?.bool ?? true
        lowercases = config["do_lower_case"]?.bool ?? false
        try readTokens(config, file: file, special: false)
        if let decoder = config["added_tokens_decoder"] {
            added = try Self.decoder(decoder, file: file)
        } else {
            try readOlderFiles(tokenizerJSON)
        }
        // A token's flags stand where it was added, not where it is named.
        let flags = Dictionary(added.map { (ExactString($0.content), $0) }) { first, _ in first }
        named = named.map { ($0.role, flags[ExactString($0.token.content)] ?? $0.token) }
    }

    /// The token that plays a role ("eos"), or the class's default.
    func token(_ role: String, default content: String) -> AddedToken {
        named.first { $0.role == role }?.token ?? AddedToken(content)
    }

    /// Puts another token in a role than the files do.
    mutating func setToken(_ role: String, _ content: String) {
        named.removeAll { $0.role == role }
        named.append((role, added.first { $0.content == content } ?? AddedToken(content)))
    }

    private static func length(_ json: JSON?, file: String) throws -> Int? {
        guard let json else { return nil }
        guard let number = json.number, number >= 1 else {
            throw TokenizerError.malformed(file: file, reason: "model_max_length is not a positive number")
        }
        return number <= Double(longest) ? Int(number) : nil
    }

    /// Everything named `…_token`, and the list of further special tokens.
    private mutating func readTokens(_ json: JSON, file: String, special: Bool) throws {
        for (key, value) in json.members ?? [] where key.hasSuffix("_token") {
            // add_bos_token and its like are switches.
            guard let token = AddedToken(value, special: special || value["__type"] == nil) else {
                switch value {
                case .bool, .null: continue
                default: throw TokenizerError.malformed(file: file, reason: "\(key) is not a token")
                }
            }
            let role = String(key.dropLast("_token".count))
            if let place = named.firstIndex(where: { $0.role == role }) {
                named[place].token = token
            } else {
                named.append((role, token))
            }
        }
        let list = json["extra_special_tokens"]?.array ?? json["additional_special_tokens"]?.array ?? []
        for value in list {
            guard let token = AddedToken(value, special: true) else {
                throw TokenizerError.malformed(
                    file: file, reason: "extra_special_tokens holds what is not a token")
            }
            extra.append(token)
        }
    }

    /// `{"49406": {"content": …}, …}`
    private static func decoder(_ json: JSON, file: String) throws -> [AddedToken] {
        var tokens: [(id: Int, token: AddedToken)] = []
        for (key, value) in json.members ?? [] {
            guard let id = Int(key), id >= 0, let token = AddedToken(value, special: false) else {
                throw TokenizerError.malformed(
                    file: file, reason: "added_tokens_decoder has a bad entry “\(key)”")
            }
            tokens.append((id, token))
        }
        return tokens.sorted { $0.id < $1.id }.map(\.token)
    }

    /// What stands in for `added_tokens_decoder` in folders that lack it.
    private mutating func readOlderFiles(_ tokenizerJSON: JSON?) throws {
        let map = folder + "/special_tokens_map.json"
        if InputFile.exists(map) { try readTokens(JSON.read(file: map), file: map, special: true) }

        var tokens: [(id: Int, token: AddedToken)] = []
        let list = folder + "/added_tokens.json"
        if InputFile.exists(list) {
            let special = Set((named.map(\.token) + extra).map { ExactString($0.content) })
            for (content, value) in try JSON.read(file: list).members ?? [] {
                guard let id = value.integer, id >= 0 else {
                    throw TokenizerError.malformed(file: list, reason: "“\(content)” has no id")
                }
                var token = AddedToken(content)
                token.normalized = !special.contains(ExactString(content))
                tokens.append((id, token))
            }
        }
        for value in tokenizerJSON?["added_tokens"]?.array ?? [] {
            guard let id = value["id"]?.integer, id >= 0, let token = AddedToken(value, special: false) else {
                throw TokenizerError.malformed(
                    file: folder + "/tokenizer.json", reason: "added_tokens holds what is not a token")
            }
            tokens.removeAll { $0.id == id }
            tokens.append((id, token))
        }
        added = tokens.sorted { $0.id < $1.id }.map(\.token)
    }
}
