/// SentencePiece's table of character replacements (NFKC, case folding, …), `precompiled_charsmap` in the model.
///
/// Layout: the size of a trie in bytes (UInt32, little-endian), the trie (a double array of UInt32, "Darts-clone"),
/// then the replacements, each ended by a NUL. What the trie finds is a replacement's place.
///
/// Follows the tokenizers library, which differs from SentencePiece: it looks up whole grapheme clusters of fewer
/// than six bytes, of the matches it takes the shortest, and that replaces the whole cluster ("E" + U+0301 → "e").
struct PrecompiledNormalizer: Sendable {
    private let trie: [UInt32]
    private let replacements: [UInt8]

    /// Nil if the table's sizes do not fit.
    init?(_ table: [UInt8]) {
        func word(_ at: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(table[at + $1]) << (8 * UInt32($1)) }
        }
        guard table.count >= 4 else { return nil }
        let size = Int(word(0))
        guard size >= 4, size % 4 == 0, size <= table.count - 4 else { return nil }
        trie = stride(from: 4, to: 4 + size, by: 4).map(word)
        replacements = Array(table[(4 + size)...])
    }

    func normalize(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for character in text {
            let cluster = Array(character.utf8)
            if cluster.count < 6, let replacement = replacement(cluster) {
                bytes += replacement
                continue
            }
            for scalar in character.unicodeScalars {
                let single = Array(UTF8.encode(scalar) ?? .init())
                bytes += replacement(single) ?? single[...]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The replacement of the shortest prefix that has one.
    private func replacement(_ key: [UInt8]) -> ArraySlice<UInt8>? {
        guard let place = shortestMatch(key), place < replacements.count else { return nil }
        return replacements[place...].prefix { $0 != 0 }
    }

    private func shortestMatch(_ key: [UInt8]) -> Int? {
        // A unit's bits: 31 and 0–7 the label, 8 "a value follows", 9 and 10–30 the offset to the children.
        func offset(_ unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 1 << 9) >> 6) }
        guard let root = trie.first else { return nil }
        var node = offset(root)
        for byte in key {
            if byte == 0 { return nil }
            node ^= Int(byte)
            guard trie.indices.contains(node) else { return nil }
            let unit = trie[node]
            guard unit & (1 << 31 | 0xFF) == UInt32(byte) else { return nil }
            node ^= offset(unit)
            if unit >> 8 & 1 == 1 {
                guard trie.indices.contains(node) else { return nil }
                return Int(trie[node] & ~(1 << 31))
            }
        }
        return nil
    }
}
