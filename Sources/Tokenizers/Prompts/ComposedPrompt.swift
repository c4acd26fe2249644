/// One of the prompts that `AND` puts together (Liu et al. 2022, Composable Diffusion), and its weight.
package struct ComposedPart: Sendable, Equatable {
    package var text: String
    package var weight: Double

    package init(_ text: String, _ weight: Double) { (self.text, self.weight) = (text, weight) }

    private static let and = Array("AND".unicodeScalars)

    /// Read as the webui's `get_multicond_prompt_list` does: `a cat :1.2 AND a dog`; a single prompt may have a weight
    /// too.
    ///
    /// - Returns: at least one
    /// - Throws: `PromptError`
    package static func parse(_ text: String) throws -> [ComposedPart] {
        try PromptError.checkLength(text)
        let scalars = Array(text.unicodeScalars)[...]
        var parts: [ComposedPart] = []
        var start = 0
        var index = 0
        while index < scalars.endIndex {
            if PromptScalars.hasWord(and, at: index, in: scalars) {
                parts.append(part(scalars[start..<index]))
                index += and.count
                start = index
            } else {
                index += 1
            }
        }
        parts.append(part(scalars[start...]))
        return parts
    }

    /// A colon and a number at the end are the weight; white space at the end belongs to nothing.
    private static func part(_ text: ArraySlice<Unicode.Scalar>) -> ComposedPart {
        func withoutEnd(_ text: ArraySlice<Unicode.Scalar>) -> ArraySlice<Unicode.Scalar> {
            text[..<(text.lastIndex { !PromptScalars.isSpace($0) }.map { $0 + 1 } ?? text.startIndex)]
        }
        if let colon = text.lastIndex(of: ":"),
            let weight = PromptScalars.number(PromptScalars.trimmed(text[(colon + 1)...]))
        {
            return ComposedPart(PromptScalars.string(withoutEnd(text[..<colon])), weight)
        }
        return ComposedPart(PromptScalars.string(withoutEnd(text)), 1)
    }
}
