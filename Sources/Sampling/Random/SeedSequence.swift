/// `numpy.random.SeedSequence(seed, spawn_key=…, pool_size=24).generate_state(1)`: a good seed from a bad one (O'Neill's
/// seed_seq), and another for each place in a tree.
enum SeedSequence {
    private static let size = 24

    /// - Parameter spawned: the spawn key, whose numbers count as one 32-bit word each, or as two where they are longer
    static func word(of seed: UInt64, spawned: (UInt64, UInt64)? = nil) -> UInt32 {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: size) { pool in
            var hash = Hash(constant: 0x43b0_d7e5, factor: 0x931e_8875)
            // The seed's own words lie before the key's, at the pool's beginning; what is left of it counts as zeros.
            for index in 0..<size {
                pool.initializeElement(
                    at: index, to: hash.mixed(index < 2 ? UInt32(truncatingIfNeeded: seed >> (32 * index)) : 0))
            }
            for source in 0..<size {
                for index in 0..<size where index != source { stir(&pool[index], hash.mixed(pool[source])) }
            }
            func add(_ word: UInt64) {
                for index in 0..<size { stir(&pool[index], hash.mixed(UInt32(truncatingIfNeeded: word))) }
            }
            func spawn(_ number: UInt64) {
                add(number)
                if number >> 32 != 0 { add(number >> 32) }
            }
            if let spawned {
                spawn(spawned.0)
                spawn(spawned.1)
            }
            var output = Hash(constant: 0x8b51_f9dd, factor: 0x58f3_8ded)
            return output.mixed(pool[0])
        }
    }

    private struct Hash {
        var constant: UInt32
        let factor: UInt32

        mutating func mixed(_ word: UInt32) -> UInt32 {
            var word = word ^ constant
            constant &*= factor
            word &*= constant
            return word ^ (word >> 16)
        }
    }

    private static func stir(_ word: inout UInt32, _ other: UInt32) {
        let mixed = 0xca01_f9dd &* word &- 0x4973_f715 &* other
        word = mixed ^ (mixed >> 16)
    }
}
