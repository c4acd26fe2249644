/// A prompt that changes while the picture is drawn, read as the webui's `get_learned_conditioning_prompt_schedules`
/// does: `[from:to:0.4]`, `[to:0.4]`, `[from::0.4]` change after a part of the steps, or after so many of them where
/// the number has no point; `[a|b]` takes turns. Brackets that make none of these are left for the weights.
///
/// The webui reads it by a grammar of which every text that is not sign, escape or `|` is a member, so that only what
/// is well formed is a change, and what is not stays as it is; a `|` out of place, or a backslash with nothing behind
/// it, and nothing changes at all. Here brackets are kept on a stack, which takes time in proportion to the text: a
/// bracket can only be part of a change if everything between it and its partner is well formed.
package struct PromptSchedule: Sendable {
    /// A piece of the text.
    fileprivate indirect enum Node: Sendable {
        case text(Range<Int>)
        case change(from: [Node], to: [Node], when: Moment)
        case turns([[Node]])
    }

    fileprivate struct Moment: Sendable {
        var number: Double
        /// With a point, a part of all steps; without, a count of them.
        var isPart: Bool

        /// The last step before the change.
        func step(of steps: Int) -> Int {
            let last = isPart ? number * Double(steps) : number
            return Int(max(-1, min(last, Double(steps))))
        }
    }

    /// A bracket that is not closed yet, and what came since.
    fileprivate struct Frame {
        var bracket: Unicode.Scalar
        /// Where it stands.
        var start: Int
        /// Separated by `separators`, one more than these.
        var parts: [[Node]] = [[]]
        var separators: [(sign: Unicode.Scalar, index: Int)] = []
    }

    private let scalars: [Unicode.Scalar]
    private let nodes: [Node]

    /// - Throws: `PromptError`
    package init(parsing text: String) throws {
        try PromptError.checkLength(text)
        scalars = Array(text.unicodeScalars)
        nodes = try Self.parse(scalars) ?? [.text(0..<scalars.count)]
    }

    /// The texts of a run of so many steps, each with its last step, counted from 1.
    package func texts(steps: Int) -> [(lastStep: Int, text: String)] {
        var ends: Set<Int> = [steps]
        collect(nodes, steps, &ends)
        return ends.sorted().map { step in
            var text = String.UnicodeScalarView()
            write(nodes, step, steps, to: &text)
            return (step, String(text))
        }
    }

    private func collect(_ nodes: [Node], _ steps: Int, _ ends: inout Set<Int>) {
        for node in nodes {
            switch node {
            case .text: break
            case .change(let from, let to, let when):
                let step = when.step(of: steps)
                if step >= 1 { ends.insert(step) }
                collect(from, steps, &ends)
                collect(to, steps, &ends)
            case .turns(let choices):
                for step in stride(from: 1, through: steps, by: 1) { ends.insert(step) }
                for choice in choices { collect(choice, steps, &ends) }
            }
        }
    }

    private func write(_ nodes: [Node], _ step: Int, _ steps: Int, to text: inout String.UnicodeScalarView) {
        for node in nodes {
            switch node {
            case .text(let range): text.append(contentsOf: scalars[range])
            case .change(let from, let to, let when):
                write(step <= when.step(of: steps) ? from : to, step, steps, to: &text)
            case .turns(let choices): write(choices[(step - 1) % choices.count], step, steps, to: &text)
            }
        }
    }

    // MARK: - Reading

    /// - Returns: nil if the text is none of the grammar's
    private static func parse(_ text: [Unicode.Scalar]) throws -> [Node]? {
        var top: [Node] = []
        var frames: [Frame] = []
        func append(_ node: Node) {
            if frames.isEmpty { top.append(node) } else { frames[frames.count - 1].append(node) }
        }
        var index = 0
        while index < text.count {
            switch text[index] {
            case "\\":
                guard index + 1 < text.count, text[index + 1] != "\n" else { return nil }
                append(.text(index..<index + 2))
                index += 1
            case "(", "[":
                guard frames.count < PromptError.deepest else { throw PromptError.tooDeep }
                frames.append(Frame(bracket: text[index], start: index))
            case ":", "|":
                if !frames.isEmpty {
                    frames[frames.count - 1].separate(text[index], at: index)
                } else if text[index] == "|" {
                    return nil
                } else {
                    append(.text(index..<index + 1))
                }
            case ")", "]":
                if let closed = frames.last?.closed(by: text[index], at: index, text) {
                    frames.removeLast()
                    closed.forEach(append)
                } else {
                    // All that is open has something in it now that is not well formed.
                    guard let open = flattened(frames) else { return nil }
                    top += open
                    frames.removeAll()
                    top.append(.text(index..<index + 1))
                }
            default:
                let end = text[index...].firstIndex { "\\()[]:|".unicodeScalars.contains($0) } ?? text.count
                append(.text(index..<end))
                index = end - 1
            }
            index += 1
        }
        guard let open = flattened(frames) else { return nil }
        return top + open
    }

    /// What brackets that never close are: text. nil if one of them has a `|`.
    private static func flattened(_ frames: [Frame]) -> [Node]? {
        guard frames.allSatisfy({ $0.separators.allSatisfy { $0.sign == ":" } }) else { return nil }
        return frames.flatMap { $0.asText }
    }
}

extension PromptSchedule.Frame {
    fileprivate typealias Node = PromptSchedule.Node

    fileprivate mutating func append(_ node: Node) { parts[parts.count - 1].append(node) }

    fileprivate mutating func separate(_ sign: Unicode.Scalar, at index: Int) {
        separators.append((sign, index))
        parts.append([])
    }

    /// The bracket and what came since, with its signs.
    fileprivate var asText: [Node] {
        var nodes: [Node] = [.text(start..<start + 1)]
        for (index, part) in parts.enumerated() {
            if index > 0 { nodes.append(.text(separators[index - 1].index..<separators[index - 1].index + 1)) }
            nodes += part
        }
        return nodes
    }

    /// What it makes with its partner; nil if they do not go together.
    fileprivate func closed(by sign: Unicode.Scalar, at index: Int, _ text: [Unicode.Scalar]) -> [Node]? {
        let literally: () -> [Node] = { self.asText + [.text(index..<index + 1)] }
        guard (bracket == "(") == (sign == ")") else { return nil }
        if separators.isEmpty { return literally() }
        let isColons = separators.allSatisfy { $0.sign == ":" }
        if bracket == "(" { return isColons && separators.count == 1 ? literally() : nil }
        if separators.allSatisfy({ $0.sign == "|" }) { return [.turns(parts)] }
        guard isColons, separators.count <= 2, let last = separators.last,
            let when = PromptSchedule.moment(text[(last.index + 1)..<index])
        else { return nil }
        return [.change(from: separators.count == 2 ? parts[0] : [], to: parts[separators.count - 1], when: when)]
    }
}

extension PromptSchedule {
    /// A number as lark's SIGNED_NUMBER has it, white space around it.
    fileprivate static func moment(_ text: ArraySlice<Unicode.Scalar>) -> Moment? {
        let text = PromptScalars.trimmed(text)
        guard let last = text.last, let first = text.first, text.allSatisfy(\.isASCII),
            !text.contains("_"), "0123456789.".unicodeScalars.contains(last),
            "0123456789.+-".unicodeScalars.contains(first),
            let number = PromptScalars.number(text, allowsExponent: true), number.isFinite
        else { return nil }
        return Moment(number: number, isPart: text.contains("."))
    }
}
