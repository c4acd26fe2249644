import TestSupport

/// Damages files at random, the same way for the same seed.
struct Mutator {
    private var generator: SplitMix
    /// Pieces of the format that may turn up where they do not belong.
    private let fragments: [[UInt8]]

    init(seed: UInt64, fragments: [[UInt8]]) {
        generator = SplitMix(seed)
        self.fragments = fragments
    }

    mutating func below(_ count: Int) -> Int { count > 0 ? Int.random(in: 0..<count, using: &generator) : 0 }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

    /// One to eight changes, mostly few.
    mutating func damage(_ bytes: inout [UInt8]) {
        repeat { change(&bytes) } while below(3) == 0
    }

    private static let extremes: [Int64] = [
        0, 1, -1, 2, 7, 8, 127, 128, 255, 256, 32_767, 65_535, 65_536, 1 << 24, 1 << 31 - 1, 1 << 31, 1 << 32 - 1,
        1 << 32, 1 << 40, 1 << 61, 1 << 62, .max, .min, .max - 7,
    ]

    private mutating func change(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else {
            bytes.append(UInt8(below(256)))
            return
        }
        // The beginning of a file says most about the rest.
        let place = below(3) == 0 ? below(min(bytes.count, 64)) : below(bytes.count)
        let length = min(bytes.count - place, 1 + below(below(4) == 0 ? 4_096 : 24))
        switch below(12) {
        case 0, 1: bytes[place] ^= 1 << UInt8(below(8))
        case 2: bytes[place] = UInt8(below(256))
        case 3, 4: overwrite(&bytes, at: place, with: extreme())
        case 5: bytes.removeSubrange(place..<place + length)
        case 6: bytes.insert(contentsOf: Array(bytes[place..<place + length]), at: below(bytes.count + 1))
        case 7: overwrite(&bytes, at: below(bytes.count), with: Array(bytes[place..<place + length]))
        case 8: bytes.insert(contentsOf: [UInt8](repeating: bytes[place], count: 1 + below(2_000)), at: place)
        case 9: bytes.removeLast(below(2) == 0 ? length : bytes.count - place)
        case 10: replaceNumber(&bytes, near: place)
        default:
            if fragments.isEmpty { return }
            let fragment = pick(fragments)
            if below(2) == 0 {
                overwrite(&bytes, at: place, with: fragment)
            } else {
                bytes.insert(contentsOf: fragment, at: place)
            }
        }
    }

    private mutating func extreme() -> [UInt8] {
        let value = pick(Self.extremes)
        let bytes = withUnsafeBytes(of: value.littleEndian) { Array($0.prefix(pick([1, 2, 4, 8]))) }
        return below(4) == 0 ? bytes.reversed() : bytes
    }

    private func overwrite(_ bytes: inout [UInt8], at place: Int, with piece: [UInt8]) {
        let count = min(piece.count, bytes.count - place)
        bytes.replaceSubrange(place..<place + count, with: piece.prefix(count))
    }

    /// The next number in digits becomes another.
    private mutating func replaceNumber(_ bytes: inout [UInt8], near place: Int) {
        func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
        guard let first = bytes[place...].firstIndex(where: isDigit) else { return }
        let end = bytes[first...].firstIndex { !isDigit($0) } ?? bytes.count
        bytes.replaceSubrange(first..<end, with: Array(String(pick(Self.extremes)).utf8))
    }
}
