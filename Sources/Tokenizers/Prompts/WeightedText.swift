/// A stretch of a prompt and how much it counts.
package struct WeightedText: Sendable, Equatable {
    package var text: String
    package var weight: Double

    package init(_ text: String, _ weight: Double) { (self.text, self.weight) = (text, weight) }

    /// The webui's mark of where a new chunk begins.
    static let chunkBreak = WeightedText("BREAK", -1)
    package var isBreak: Bool { self == Self.chunkBreak }
}

/// The webui's weights, read as its `parse_prompt_attention` does, with all its habits: `(a)` counts 1.1 times,
/// `[a]` 1/1.1 times, `(a:1.3)` 1.3 times; brackets within each other multiply; one that is not closed reaches to the
/// end; `\(` is a bracket; `BREAK` begins a chunk.
package struct WebUIWeights {
    private static let breakWord = Array("BREAK".unicodeScalars)
    private static let round = 1.1
    private static let square = 1 / 1.1

    private var stretches: [(text: [Unicode.Scalar], weight: Double)] = []
    /// Where in `stretches` the brackets opened that are not closed yet.
    private var roundBrackets: [Int] = []
    private var squareBrackets: [Int] = []

    /// - Returns: at least one stretch
    /// - Throws: `PromptError`
    package static func parse(_ text: String) throws -> [WeightedText] {
        try PromptError.checkLength(text)
        var parser = WebUIWeights()
        try parser.read(Array(text.unicodeScalars))
        return parser.merged()
    }

    private mutating func read(_ text: [Unicode.Scalar]) throws {
        var index = 0
        while index < text.count {
            let scalar = text[index]
            switch scalar {
            case "\\":
                let isEscape = index + 1 < text.count && "()[]\\".unicodeScalars.contains(text[index + 1])
                // A backslash before anything else is left out, and ends the stretch.
                append(isEscape ? [text[index + 1]] : [])
                index += isEscape ? 2 : 1
            case "(":
                try checkDepth()
                roundBrackets.append(stretches.count)
                index += 1
            case "[":
                try checkDepth()
                squareBrackets.append(stretches.count)
                index += 1
            case ":":
                guard let weight = Self.weight(text, at: index) else {
                    appendWords(text[index...index])
                    index += 1
                    continue
                }
                if let start = roundBrackets.popLast() {
                    guard let factor = PromptScalars.number(text[weight.digits]) else {
                        throw PromptError.badWeight(PromptScalars.string(text[weight.digits]))
                    }
                    multiply(from: start, by: factor)
                } else {
                    appendWords(text[index..<weight.end])
                }
                index = weight.end
            case ")":
                if let start = roundBrackets.popLast() {
                    multiply(from: start, by: Self.round)
                } else {
                    append([scalar])
                }
                index += 1
            case "]":
                if let start = squareBrackets.popLast() {
                    multiply(from: start, by: Self.square)
                } else {
                    append([scalar])
                }
                index += 1
            default:
                let end = text[index...].firstIndex { "\\()[]:".unicodeScalars.contains($0) } ?? text.count
                appendWords(text[index..<end])
                index = end
            }
        }
        for start in roundBrackets { multiply(from: start, by: Self.round) }
        for start in squareBrackets { multiply(from: start, by: Self.square) }
    }

    /// Depth is bounded, so that all the multiplying takes time in proportion to the text.
    private func checkDepth() throws {
        guard roundBrackets.count + squareBrackets.count < PromptError.deepest else { throw PromptError.tooDeep }
    }

    /// `:1.3)`, white space allowed around the number.
    private static func weight(_ text: [Unicode.Scalar], at colon: Int) -> (digits: Range<Int>, end: Int)? {
        func skip(_ index: Int, _ belongs: (Unicode.Scalar) -> Bool) -> Int {
            text[index...].firstIndex { !belongs($0) } ?? text.count
        }
        let start = skip(colon + 1, PromptScalars.isSpace)
        let unsigned = start < text.count && "+-".unicodeScalars.contains(text[start]) ? start + 1 : start
        let end = skip(unsigned) { $0 == "." || PromptScalars.digit($0) != nil }
        let close = skip(end, PromptScalars.isSpace)
        guard end > unsigned, close < text.count, text[close] == ")" else { return nil }
        return (start..<end, close + 1)
    }

    private mutating func append(_ text: some Sequence<Unicode.Scalar>) { stretches.append((Array(text), 1)) }

    /// Words, cut at each `BREAK`.
    private mutating func appendWords(_ text: ArraySlice<Unicode.Scalar>) {
        var start = text.startIndex
        var index = start
        while index < text.endIndex {
            guard PromptScalars.hasWord(Self.breakWord, at: index, in: text) else {
                index += 1
                continue
            }
            var end = index
            while end > start, PromptScalars.isSpace(text[end - 1]) { end -= 1 }
            append(text[start..<end])
            stretches.append((Self.breakWord, -1))
            index += Self.breakWord.count
            while index < text.endIndex, PromptScalars.isSpace(text[index]) { index += 1 }
            start = index
        }
        append(text[start...])
    }

    private mutating func multiply(from start: Int, by factor: Double) {
        for index in start..<stretches.count { stretches[index].weight *= factor }
    }

    /// Neighbours of one weight as one.
    private func merged() -> [WeightedText] {
        var result: [(text: [Unicode.Scalar], weight: Double)] = []
        for stretch in stretches {
            if let last = result.last, last.weight == stretch.weight {
                result[result.count - 1].text += stretch.text
            } else {
                result.append((stretch.text, stretch.weight))
            }
        }
        let texts = result.map { WeightedText(PromptScalars.string($0.text), $0.weight) }
        return texts.isEmpty ? [WeightedText("", 1)] : texts
    }
}

/// ComfyUI's weights, read as its `token_weights` does: `(a)` counts 1.1 times what stands around it, `(a:1.3)` 1.3
/// times whatever stands around it; square brackets are text; `\(` is a bracket.
package enum ComfyWeights {
    /// What stands for an escaped bracket while brackets are counted, so that it is none.
    private enum Sign: Equatable {
        case plain(Unicode.Scalar)
        case escaped(Unicode.Scalar)

        var scalar: Unicode.Scalar {
            switch self {
            case .plain(let scalar), .escaped(let scalar): scalar
            }
        }
    }

    /// - Throws: `PromptError`
    package static func parse(_ text: String) throws -> [WeightedText] {
        try PromptError.checkLength(text)
        var signs: [Sign] = []
        var rest = Array(text.unicodeScalars)[...]
        while let scalar = rest.popFirst() {
            if scalar == "\\", let next = rest.first, next == "(" || next == ")" {
                signs.append(.escaped(next))
                rest.removeFirst()
            } else {
                signs.append(.plain(scalar))
            }
        }
        var result: [WeightedText] = []
        try read(signs[...], weight: 1, depth: 0, into: &result)
        return result
    }

    private static func read(
        _ text: ArraySlice<Sign>, weight: Double, depth: Int, into result: inout [WeightedText]
    ) throws {
        guard depth <= PromptError.deepest else { throw PromptError.tooDeep }
        for item in items(text) {
            guard item.count >= 2, item.first == .plain("("), item.last == .plain(")") else {
                result.append(WeightedText(PromptScalars.string(item.lazy.map(\.scalar)), weight))
                continue
            }
            var inner = item.dropFirst().dropLast()
            var own = weight * 1.1
            if let colon = inner.lastIndex(of: .plain(":")), colon > inner.startIndex,
                let number = PromptScalars.number(inner[(colon + 1)...].map(\.scalar)[...], allowsExponent: true)
            {
                own = number
                inner = inner[..<colon]
            }
            try read(inner, weight: own, depth: depth + 1, into: &result)
        }
    }

    /// The text cut at its outermost brackets.
    private static func items(_ text: ArraySlice<Sign>) -> [ArraySlice<Sign>] {
        var items: [ArraySlice<Sign>] = []
        var start = text.startIndex
        var level = 0
        for (index, sign) in zip(text.indices, text) {
            if sign == .plain("(") {
                if level == 0, index > start {
                    items.append(text[start..<index])
                    start = index
                }
                level += 1
            } else if sign == .plain(")") {
                level -= 1
                if level == 0 {
                    items.append(text[start...index])
                    start = index + 1
                }
            }
        }
        if start < text.endIndex { items.append(text[start...]) }
        return items
    }
}
