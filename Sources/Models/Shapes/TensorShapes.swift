import Checkpoints
import Platform

/// The shapes of a network's tensors, to be asked about the network. Names are diffusers'.
package struct TensorShapes: Sendable {
    package let path: String
    private let shapes: [String: [Int]]
    /// All modules that have tensors, each as a whole path: "down_blocks.0", "down_blocks.0.resnets", ….
    private let modules: Set<String>

    package init(_ source: any TensorSource) {
        self.init(path: source.path, source.tensors.mapValues(\.shape))
    }

    package init(path: String, _ shapes: [String: [Int]]) {
        (self.path, self.shapes) = (path, shapes)
        var modules: Set<String> = []
        for key in shapes.keys {
            var rest = key[...]
            while let dot = rest.lastIndex(of: ".") {
                rest = rest[..<dot]
                guard modules.insert(String(rest)).inserted else { break }
            }
        }
        self.modules = modules
    }

    func has(_ module: String) -> Bool { modules.contains(module) }
    func shape(_ key: String) -> [Int]? { shapes[key] }

    /// How many there are of a module list, counted from 0 up.
    func count(_ list: String) -> Int {
        var count = 0
        while modules.contains("\(list).\(count)") { count += 1 }
        return count
    }

    /// A dimension of a tensor that must be there.
    ///
    /// - Throws: `ModelError` naming the tensor
    func size(_ key: String, _ dimension: Int) throws -> Int {
        guard let shape = shapes[key] else {
            throw ModelError("\(path): the tensor \(key) is missing, without which the network's form cannot be told")
        }
        // With values in it, no dimension is larger than the file: what follows cannot overflow.
        guard shape.indices.contains(dimension), shape.allSatisfy({ $0 > 0 }) else {
            throw ModelError("\(path): the tensor \(key) has the shape \(shape), which is none that it can have")
        }
        return shape[dimension]
    }
}

/// The group norms' groups cannot be told from shapes: 32 in every published model, fewer where the channels of a small
/// one do not allow them.
func usualGroups(_ channels: [Int]) -> Int {
    (1...32).last { groups in channels.allSatisfy { $0 % groups == 0 } } ?? 1
}

extension JSON {
    static func numbers(_ values: [Int]) -> JSON { .array(values.map { .integer($0) }) }
    static func names(_ values: [String]) -> JSON { .array(values.map { .string($0) }) }
    static func number(_ value: Int) -> JSON { .integer(value) }

    /// One number where all are the same, as diffusers writes it.
    static func perLevel(_ values: [Int]) -> JSON {
        Set(values).count == 1 ? .number(values[0]) : .numbers(values)
    }
}
