/// MT19937 (Matsumoto and Nishimura 1998), seeded with one 32-bit word as torch and NumPy do.
struct MersenneTwister: Sendable {
    private var state: [UInt32]
    private var position: Int

    private static let count = 624
    private static let middle = 397

    init(seed: UInt32) {
        state = [UInt32](repeating: 0, count: Self.count)
        position = Self.count
        restart(seed: seed)
    }

    mutating func restart(seed: UInt32) {
        state[0] = seed
        for index in 1..<Self.count {
            let last = state[index - 1]
            state[index] = 1_812_433_253 &* (last ^ (last >> 30)) &+ UInt32(index)
        }
        position = Self.count
    }

    mutating func next() -> UInt32 {
        if position == Self.count { refill() }
        var word = state[position]
        position += 1
        word ^= word >> 11
        word ^= (word << 7) & 0x9d2c_5680
        word ^= (word << 15) & 0xefc6_0000
        return word ^ (word >> 18)
    }

    private mutating func refill() {
        for index in 0..<Self.count {
            let following = state[(index + 1) % Self.count]
            let mixed = (state[index] & 0x8000_0000) | (following & 0x7fff_ffff)
            let twisted = (mixed >> 1) ^ (mixed & 1 == 0 ? 0 : 0x9908_b0df)
            state[index] = state[(index + Self.middle) % Self.count] ^ twisted
        }
        position = 0
    }
}
