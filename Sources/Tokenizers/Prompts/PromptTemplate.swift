/// A prompt with words to choose from: `{red|blue} car`, `{2::red|blue}` where red is twice as likely, `__colour__` for
/// a line of a file of that name; each within the others. `\{`, `\}` and `\|` are the signs themselves. The syntax is
/// that of the webui's extension for dynamic prompts.
package struct PromptTemplate: Sendable {
    private indirect enum Node: Sendable {
        case text(String)
        case choice([Option])
    }

    private struct Option: Sendable {
        var weight: Double
        var nodes: [Node]
        /// Counted once, for files may be in many places.
        var combinations: Int?

        init(weight: Double, nodes: [Node]) {
            (self.weight, self.nodes, combinations) = (weight, nodes, PromptTemplate.count(nodes))
        }
    }

    /// What is wrong with a template.
    package struct Failure: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    private static let deepest = 32
    /// The most pieces that a choice may consist of.
    private static let largest = 200_000
    /// The most characters that are read, files' lines included.
    private static let longest = 16 << 20

    private let nodes: [Node]
    /// How many different ways there are to choose; nil if that is beyond counting.
    package let combinations: Int?

    /// - Parameter lines: what a file holds, by its name in the text
    /// - Throws: `Failure` for braces that do not close, weights that are none, and files within themselves
    package init(parsing text: String, lines: @escaping (String) throws -> [String]) throws {
        var reader = Reader(lines: lines)
        nodes = try reader.read(text)
        combinations = Self.count(nodes)
    }

    /// Whether there is anything to choose.
    package var hasChoices: Bool { combinations != 1 }

    /// One choice.
    ///
    /// - Parameter random: a number from 0 to below 1
    /// - Throws: `Failure` if the text is endless, for all that it is worth
    package func text(random: () -> Double) throws -> String {
        try write { options in
            var rest = random() * options.reduce(0) { $0 + $1.weight }
            return options.firstIndex {
                rest -= $0.weight
                return rest < 0
            } ?? options.count - 1
        }
    }

    /// The choice of a number, 0 to below `combinations`; the first word changes fastest.
    ///
    /// - Throws: `Failure` if the text is endless, for all that it is worth
    package func combination(_ index: Int) throws -> String {
        var rest = index
        return try write { options in
            // The number of the option and what is left to choose within it are one number, the option's own counts
            // added up; what follows takes what that leaves.
            let total = max(1, options.reduce(0) { $0 + ($1.combinations ?? 1) })
            var own = rest % total
            rest /= total
            for (index, option) in options.enumerated() {
                let count = option.combinations ?? 1
                if own < count {
                    rest = rest * count + own
                    return index
                }
                own -= count
            }
            return options.count - 1
        }
    }

    private func write(choose: ([Option]) -> Int) throws -> String {
        var text = ""
        var visits = 0
        func write(_ nodes: [Node]) throws {
            for node in nodes {
                visits += 1
                guard visits <= Self.largest, text.utf8.count <= PromptError.longest else {
                    throw Failure(description: "what the prompt's choices make is too long")
                }
                switch node {
                case .text(let own): text += own
                case .choice(let options): try write(options[choose(options)].nodes)
                }
            }
        }
        try write(nodes)
        return text
    }

    /// The product of what there is to choose; nil if that is beyond counting.
    private static func count(_ nodes: [Node]) -> Int? {
        var product = 1
        for case .choice(let options) in nodes {
            var sum = 0
            for option in options {
                guard let count = option.combinations else { return nil }
                let (total, overflow) = sum.addingReportingOverflow(count)
                if overflow { return nil }
                sum = total
            }
            let (total, overflow) = product.multipliedReportingOverflow(by: sum)
            if overflow { return nil }
            product = total
        }
        return product
    }

    // MARK: - Reading

    private struct Reader {
        let lines: (String) throws -> [String]
        /// Files that are being read.
        var open: [String] = []
        var known: [String: [Option]] = [:]
        var length = 0

        init(lines: @escaping (String) throws -> [String]) { self.lines = lines }

        mutating func read(_ text: String) throws -> [Node] {
            var rest = Array(text.unicodeScalars)[...]
            return try nodes(&rest, depth: 0)
        }

        /// Up to the end, or within braces to the `|` or `}` that ends an option.
        private mutating func nodes(_ rest: inout ArraySlice<Unicode.Scalar>, depth: Int) throws -> [Node] {
            guard depth <= PromptTemplate.deepest else {
                throw Failure(description: "there are more than \(PromptTemplate.deepest) braces within each other")
            }
            var nodes: [Node] = []
            var text = String.UnicodeScalarView()
            func flush() {
                if !text.isEmpty { nodes.append(.text(String(text))) }
                text = String.UnicodeScalarView()
            }
            while let scalar = rest.first {
                if depth > 0, scalar == "|" || scalar == "}" { break }
                if scalar == "\\", let next = rest.dropFirst().first, "{}|".unicodeScalars.contains(next) {
                    text.append(next)
                    rest = rest.dropFirst(2)
                } else if scalar == "{" {
                    flush()
                    rest.removeFirst()
                    nodes.append(.choice(try options(&rest, depth: depth + 1)))
                } else if scalar == "_", let name = fileName(rest) {
                    flush()
                    rest = rest.dropFirst(name.unicodeScalars.count + 4)
                    nodes.append(.choice(try file(name)))
                } else {
                    text.append(scalar)
                    rest.removeFirst()
                }
                length += 1
                guard length <= PromptTemplate.longest else {
                    throw Failure(description: "there is too much to choose from")
                }
            }
            flush()
            return nodes
        }

        private mutating func options(_ rest: inout ArraySlice<Unicode.Scalar>, depth: Int) throws -> [Option] {
            var options: [Option] = []
            while true {
                let weight = try weight(&rest)
                options.append(Option(weight: weight, nodes: try nodes(&rest, depth: depth)))
                guard let end = rest.popFirst() else {
                    throw Failure(description: "a { lacks its }; write \\{ for a brace")
                }
                guard end == "|" else { break }
            }
            guard options.contains(where: { $0.weight > 0 }) else {
                throw Failure(description: "all choices within braces have a weight of 0")
            }
            return options
        }

        /// `2::` before an option.
        private func weight(_ rest: inout ArraySlice<Unicode.Scalar>) throws -> Double {
            let digits = rest.prefix { $0 == " " || $0 == "." || ("0"..."9").contains($0) }
            guard rest.dropFirst(digits.count).starts(with: [":", ":"]) else { return 1 }
            guard let weight = PromptScalars.number(PromptScalars.trimmed(digits)), (0...1_000_000).contains(weight)
            else {
                throw Failure(
                    description: "\"\(PromptScalars.string(digits))::\" is no weight of a choice; write {2::red|blue}")
            }
            rest = rest.dropFirst(digits.count + 2)
            return weight
        }

        /// The name of `__name__` at the beginning.
        private func fileName(_ rest: ArraySlice<Unicode.Scalar>) -> String? {
            guard rest.starts(with: ["_", "_"]) else { return nil }
            let start = rest.startIndex + 2
            var end = start
            while end < rest.endIndex, end - start <= 200 {
                if rest[end] == "_", end + 1 < rest.endIndex, rest[end + 1] == "_" {
                    return end > start ? PromptScalars.string(rest[start..<end]) : nil
                }
                let isName = PromptScalars.isWord(rest[end]) || "-./".unicodeScalars.contains(rest[end])
                guard isName else { return nil }
                end += 1
            }
            return nil
        }

        private mutating func file(_ name: String) throws -> [Option] {
            if let known = known[name] { return known }
            guard !open.contains(name), open.count < PromptTemplate.deepest else {
                throw Failure(
                    description: "the wildcard file \(name) is within itself (\(open.joined(separator: ", ")))")
            }
            open.append(name)
            defer { open.removeLast() }
            let options = try lines(name).map { line in
                var rest = Array(line.unicodeScalars)[...]
                let weight = try weight(&rest)
                return Option(weight: weight, nodes: try nodes(&rest, depth: 0))
            }
            guard options.contains(where: { $0.weight > 0 }) else {
                throw Failure(description: "the wildcard file \(name) has no lines to choose from")
            }
            known[name] = options
            return options
        }
    }
}
