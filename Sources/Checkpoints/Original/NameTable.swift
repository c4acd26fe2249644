/// Two spellings of the same keys: the original code's and diffusers'. A pair holds for a key and for everything
/// below it, and the longest pair that fits decides; so a table is a list of modules, not of tensors, and is read in
/// both directions.
///
///     table.add("input_blocks.1.0.in_layers.0", "down_blocks.0.resnets.0.norm1")
///     table.diffusers("input_blocks.1.0.in_layers.0.bias")  // "down_blocks.0.resnets.0.norm1.bias"
package struct NameTable: Sendable {
    private var toDiffusers: [String: String] = [:]
    private var toOriginal: [String: String] = [:]

    package init() {}

    mutating func add(_ original: String, _ diffusers: String) {
        toDiffusers[original] = diffusers
        toOriginal[diffusers] = original
    }

    /// The modules of one block: each name below `original` and what it is called below `diffusers`.
    mutating func add(_ original: String, _ diffusers: String, inside pairs: KeyValuePairs<String, String>) {
        for (first, second) in pairs { add("\(original).\(first)", "\(diffusers).\(second)") }
    }

    /// diffusers' name of an original key; nil if no pair fits.
    package func diffusers(_ original: String) -> String? { Self.renamed(original, by: toDiffusers) }

    /// The original name of a key of diffusers'; nil if no pair fits.
    package func original(_ diffusers: String) -> String? { Self.renamed(diffusers, by: toOriginal) }

    private static func renamed(_ key: String, by pairs: [String: String]) -> String? {
        var prefix = key[...]
        while true {
            if let other = pairs[String(prefix)] { return other + key[prefix.endIndex...] }
            guard let dot = prefix.lastIndex(of: ".") else { return nil }
            prefix = key[..<dot]
        }
    }
}
