/// The classes of characters that the splitting rules speak of, as the tokenizers library has them: its regular
/// expressions know Unicode 16.
enum UnicodeClasses {
    /// `\p{L}`
    static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            return isInUnicode16(scalar)
        default: return false
        }
    }

    /// `\p{N}`
    static func isNumber(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return ("0"..."9").contains(scalar) }
        switch scalar.properties.generalCategory {
        case .decimalNumber, .letterNumber, .otherNumber: return isInUnicode16(scalar)
        default: return false
        }
    }

    /// `\s`
    static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar == " " || ("\t"..."\r").contains(scalar) }
        return scalar.properties.isWhitespace
    }

    /// `\w`: what may stand beside a token that must be a whole word to count.
    static func isWordCharacter(_ scalar: Unicode.Scalar) -> Bool {
        if isLetter(scalar) || scalar.properties.isAlphabetic { return true }
        switch scalar.properties.generalCategory {
        case .decimalNumber, .connectorPunctuation, .nonspacingMark, .spacingMark, .enclosingMark: return true
        default: return scalar.value == 0x200C || scalar.value == 0x200D
        }
    }

    /// Swift's tables are newer and grow: later letters are still unassigned to the tokenizers library.
    private static func isInUnicode16(_ scalar: Unicode.Scalar) -> Bool {
        (scalar.properties.age?.major ?? .max) <= 16
    }
}
