/// The 256 characters that spell bytes in GPT-2's and CLIP's vocabularies: printable bytes stand for themselves,
/// the others are U+0100, U+0101, … in their order.
enum ByteAlphabet {
    /// Byte → character.
    static let characters: [Unicode.Scalar] = {
        var next: UInt32 = 0x100
        return (UInt8.min...UInt8.max).map { byte in
            switch byte {
            case 33...126, 161...172, 174...255: return Unicode.Scalar(byte)
            default:
                defer { next += 1 }
                return Unicode.Scalar(next) ?? "?"
            }
        }
    }()

    private static let bytes: [Unicode.Scalar: UInt8] = Dictionary(
        uniqueKeysWithValues: zip(characters, UInt8.min...UInt8.max))

    /// The text that a spelling stands for; bytes that are not UTF-8 become U+FFFD.
    static func text(_ spelling: some StringProtocol) -> String {
        String(decoding: spelling.unicodeScalars.compactMap { bytes[$0] }, as: UTF8.self)
    }
}
