import Platform

/// CLIP's vocabulary and merges, from vocab.json and merges.txt or from tokenizer.json.
struct CLIPVocabulary: Sendable {
    /// Far above CLIP's 49408; ids index a table.
    private static let largestID = 1_000_000

    /// The file that names the tokens, for messages.
    let file: String
    /// The vocabulary's spelling of each id; nil for ids that none has.
    private(set) var spellings: [String?] = []
    private var ids: [ExactString: Int] = [:]
    private(set) var merges = BytePairEncoding()

    var size: Int { spellings.count }

    func id(_ spelling: String) -> Int? { ids[ExactString(spelling)] }

    /// vocab.json and merges.txt.
    init(folder: String) throws {
        file = folder + "/vocab.json"
        try readVocabulary(JSON.read(file: file))
        try readMerges(file: folder + "/merges.txt")
    }

    /// tokenizer.json, as transformers 5 saves it.
    init(folder: String, tokenizerJSON json: JSON) throws {
        file = folder + "/tokenizer.json"
        guard let model = json["model"], let vocabulary = model["vocab"], let list = model["merges"]?.array
        else {
            throw TokenizerError.malformed(file: file, reason: "no model with vocab and merges")
        }
        try readVocabulary(vocabulary)
        merges.reserve(list.count)
        for (index, merge) in list.enumerated() {
            // A pair, or both in one string in older files.
            let pair =
                merge.array?.compactMap(\.string) ?? merge.string?.split(separator: " ").map(String.init)
                ?? []
            try learn(pair, file: file, place: "merge \(index + 1)")
        }
    }

    private mutating func readVocabulary(_ json: JSON) throws {
        func failure(_ reason: String) -> TokenizerError { .malformed(file: file, reason: reason) }
        guard let members = json.members, !members.isEmpty else {
            throw failure("expected an object of tokens and their ids")
        }
        ids.reserveCapacity(members.count)
        for (token, value) in members {
            guard let id = value.integer, (0...Self.largestID).contains(id) else {
                throw failure("the token “\(token)” has no id from 0 to \(Self.largestID)")
            }
            if id >= spellings.count {
                spellings += repeatElement(nil, count: id + 1 - spellings.count)
            }
            if let other = spellings[id] {
                throw failure("the tokens “\(other)” and “\(token)” have the same id \(id)")
            }
            spellings[id] = token
            ids[ExactString(token)] = id
        }
    }

    private mutating func readMerges(file: String) throws {
        let lines = try InputFile.bytes(file).split(
            separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        merges.reserve(lines.count)
        for (index, line) in lines.enumerated() {
            let bytes = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            if bytes.isEmpty, index == lines.count - 1 { break }
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw TokenizerError.malformed(file: file, reason: "line \(index + 1) is not UTF-8")
            }
            if text.hasPrefix("#version") { continue }
            try learn(text.split(separator: " ").map(String.init), file: file, place: "line \(index + 1)")
        }
    }

    private mutating func learn(_ pair: [String], file: String, place: String) throws {
        func failure(_ reason: String) -> TokenizerError {
            .malformed(file: file, reason: "\(place) \(reason)")
        }
        guard pair.count == 2 else { throw failure("is not a pair of tokens") }
        var found: [Int] = []
        for token in [pair[0], pair[1], pair[0] + pair[1]] {
            guard let id = id(token) else {
                throw failure("speaks of “\(token)”, which the vocabulary does not have")
            }
            found.append(id)
        }
        guard merges.learn(left: found[0], right: found[1], result: found[2]) else {
            throw failure("repeats the merge of “\(pair[0])” and “\(pair[1])”")
        }
    }
}
