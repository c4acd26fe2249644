/// Cuts a text at its added tokens: leftmost first, and the longest of those that begin at one place.
struct AddedTokens: Sendable {
    /// A stretch of the text: ordinary, or an added token's.
    enum Part: Equatable {
        case text(Substring)
        case token(Token)
    }

    private struct Entry: Sendable {
        let token: AddedToken
        let id: Int
    }

    private let runs: [Int: [Token]]
    private var written: Matcher
    private var normalized: Matcher

    /// - Parameters:
    ///   - tokens: with their ids.
    ///   - runs: tokens that stand for several, by their ids.
    ///   - normalize: what the tokenizer does to a text before splitting it.
    init(_ tokens: [(token: AddedToken, id: Int)], runs: [Int: [Token]] = [:], normalize: (Substring) -> String) {
        self.runs = runs
        let entries = tokens.filter { !$0.token.content.isEmpty }.map { Entry(token: $0.token, id: $0.id) }
        written = Matcher(entries.filter { !$0.token.normalized }.map { ($0, $0.token.content) })
        normalized = Matcher(
            entries.filter(\.token.normalized).map { ($0, normalize(Substring($0.token.content))) })
    }

    /// What a token of the text stands for: itself, or several of which it is the first.
    func run(of token: Token) -> [Token] { runs[token.id] ?? [token] }

    /// The parts of a text; ordinary ones are normalized, since some tokens can be told only then.
    func split(_ text: String, normalize: (Substring) -> String) -> [Part] {
        var parts: [Part] = []
        for part in written.split(Substring(text)) {
            guard case .text(let ordinary) = part else {
                parts.append(part)
                continue
            }
            parts += normalized.split(Substring(normalize(ordinary)))
        }
        return parts
    }

    /// One pass over a text with one set of spellings.
    private struct Matcher: Sendable {
        private let entries: [Entry]
        private let spellings: PrefixTable

        init(_ spelled: [(entry: Entry, spelling: String)]) {
            let usable = spelled.filter { !$0.spelling.isEmpty }
            entries = usable.map(\.entry)
            spellings = PrefixTable(usable.map { Array($0.spelling.utf8) })
        }

        func split(_ text: Substring) -> [Part] {
            if entries.isEmpty { return text.isEmpty ? [] : [.text(text)] }
            let bytes = Array(text.utf8)
            var parts: [Part] = []
            var done = 0
            var at = 0
            func ordinary(upTo end: Int) {
                if done < end { parts.append(.text(Self.substring(bytes, done..<end))) }
            }
            while at < bytes.count {
                guard let (match, length) = spellings.longestPrefix(of: bytes, from: at) else {
                    at += 1
                    continue
                }
                let entry = entries[match]
                var range = at..<(at + length)
                at += length
                if entry.token.singleWord, Self.touchesWord(bytes, range) { continue }
                if entry.token.lstrip {
                    range = max(done, Self.spaceStart(bytes, range.lowerBound))..<range.upperBound
                }
                if entry.token.rstrip { range = range.lowerBound..<Self.spaceEnd(bytes, range.upperBound) }
                ordinary(upTo: range.lowerBound)
                parts.append(.token(Token(id: entry.id, piece: entry.token.content)))
                done = range.upperBound
                at = max(at, done)
            }
            ordinary(upTo: bytes.count)
            return parts
        }

        private static func substring(_ bytes: [UInt8], _ range: Range<Int>) -> Substring {
            Substring(String(decoding: bytes[range], as: UTF8.self))
        }

        private static func touchesWord(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
            let before = scalar(bytes, endingAt: range.lowerBound)
            let after = scalar(bytes, at: range.upperBound)
            return before.map(UnicodeClasses.isWordCharacter) ?? false
                || after.map(UnicodeClasses.isWordCharacter) ?? false
        }

        /// Where the spaces begin that end at `end`.
        private static func spaceStart(_ bytes: [UInt8], _ end: Int) -> Int {
            var at = end
            while let space = scalar(bytes, endingAt: at), UnicodeClasses.isSpace(space) {
                at -= UTF8.width(space)
            }
            return at
        }

        /// Where the spaces end that begin at `start`.
        private static func spaceEnd(_ bytes: [UInt8], _ start: Int) -> Int {
            var at = start
            while let space = scalar(bytes, at: at), UnicodeClasses.isSpace(space) { at += UTF8.width(space) }
            return at
        }

        private static func scalar(_ bytes: [UInt8], endingAt end: Int) -> Unicode.Scalar? {
            var start = end - 1
            while start > 0, bytes[start] & 0xC0 == 0x80 { start -= 1 }
            return start < 0 ? nil : scalar(bytes, at: start)
        }

        private static func scalar(_ bytes: [UInt8], at start: Int) -> Unicode.Scalar? {
            guard start < bytes.count else { return nil }
            let end = min(bytes.count, start + 4)
            return String(decoding: bytes[start..<end], as: UTF8.self).unicodeScalars.first
        }
    }
}
