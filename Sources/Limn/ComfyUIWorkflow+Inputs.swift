import Platform

// What is wired to a node, or written into it.

extension ComfyUIWorkflow {
    func sorted(_ isWanted: (Node) -> Bool) -> [Node] {
        nodes.values.filter(isWanted).sorted { $0.id < $1.id }
    }

    func node(linked input: String, of node: Node) throws -> Node {
        guard case .array(let link)? = node.inputs[input], let first = link.first else {
            throw unable("\(node.name) has nothing wired to its \(input)")
        }
        let id: String
        switch first {
        case .string(let text): id = text
        case .integer(let number): id = "\(number)"
        default: throw unable("\(node.name) has nothing wired to its \(input)")
        }
        guard let source = nodes[id] else {
            throw unable("\(node.name) is wired to node \(Self.short(id)), which is not there")
        }
        return source
    }

    func value(_ input: String, of node: Node) throws -> JSON {
        guard let value = node.inputs[input] else { throw unable("\(node.name) lacks its \(input)") }
        if case .array = value {
            throw unable(
                "the \(input) of \(node.name) comes from \(try self.node(linked: input, of: node).name), which is "
                    + "not followed")
        }
        return value
    }

    func string(_ input: String, of node: Node) throws -> String {
        guard case .string(let text) = try value(input, of: node) else {
            throw unable("the \(input) of \(node.name) is no text")
        }
        return text
    }

    func number(_ input: String, of node: Node) throws -> Double {
        switch try value(input, of: node) {
        case .integer(let number): return Double(number)
        case .number(let number) where abs(number) <= 1e6: return number
        default: throw unable("the \(input) of \(node.name) is no number")
        }
    }

    func integer(_ input: String, of node: Node, in range: ClosedRange<Int>) throws -> Int {
        guard case .integer(let number) = try value(input, of: node), range.contains(number) else {
            throw unable("the \(input) of \(node.name) is no number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func seed(_ input: String, of node: Node) throws -> UInt64 {
        switch try value(input, of: node) {
        case .integer(let number) where number >= 0: return UInt64(number)
        case .large(let number): return number
        default: throw unable("the \(input) of \(node.name) is no number from 0 on")
        }
    }

    func notFollowed(_ node: Node) -> LimnError { unable("\(node.name) is a node that is not followed") }

    func unable(_ text: String) -> LimnError {
        LimnError("\(path): its ComfyUI workflow cannot be drawn again: \(text)")
    }

    /// A name out of a file, for a message.
    static func short(_ text: String) -> String {
        let plain = text.unicodeScalars.prefix(80).filter { $0.value >= 0x20 && $0.value != 0x7F }
        return String(String.UnicodeScalarView(plain))
    }

    /// Of a path as any system writes it.
    static func lastPart(_ path: String) -> String {
        path.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? path
    }
}
