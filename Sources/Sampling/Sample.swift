/// The values of one picture's latents on their way from noise, [channels, height, width], and the arithmetic that
/// samplers are written in.
///
///     x += (next - sigma) * slope
///
/// A sample is a value and is never changed; `+=` puts another in its place. What an operation makes lies in memory
/// that the samples' pool lends it, and lends anew once no sample holds it: so a step allocates nothing, however its
/// formulas are written down.
package struct Sample {
    fileprivate let storage: SampleStorage
    package let pool: SamplePool

    /// - Parameter write: gives every value
    package init(in pool: SamplePool, _ write: (UnsafeMutableBufferPointer<Float>) throws -> Void) rethrows {
        self.pool = pool
        storage = pool.lend()
        try write(storage.values)
    }

    /// - Precondition: as many values as the samples of the pool have
    package init(_ values: [Float], in pool: SamplePool) {
        precondition(values.count == pool.count, "values of another size")
        self.init(in: pool) { _ = $0.update(fromContentsOf: values) }
    }

    package var count: Int { pool.count }
    package var values: [Float] { Array(storage.values) }

    package func withValues<R>(_ body: (UnsafeBufferPointer<Float>) throws -> R) rethrows -> R {
        // The storage is lent out again as soon as it is not held any more.
        defer { withExtendedLifetime(storage) {} }
        return try body(UnsafeBufferPointer(storage.values))
    }
}

/// The memory of a run's samples, all of one size.
package final class SamplePool {
    /// Values of a sample.
    package let count: Int
    private var storages: [SampleStorage]

    /// What the samplers that remember most hold at a time; a pool grows if that is not enough.
    private static let usualNumber = 16

    package init(count: Int) {
        self.count = count
        storages = (0..<Self.usualNumber).map { _ in SampleStorage(count: count) }
    }

    /// Memory that no sample holds.
    fileprivate func lend() -> SampleStorage {
        for index in storages.indices where isKnownUniquelyReferenced(&storages[index]) { return storages[index] }
        storages.append(SampleStorage(count: count))
        return storages[storages.count - 1]
    }
}

private final class SampleStorage {
    let values: UnsafeMutableBufferPointer<Float>

    init(count: Int) {
        values = .allocate(capacity: count)
        values.initialize(repeating: 0)
    }

    deinit { values.deallocate() }
}

// Every operation rounds once, to float32. A factor of double precision is rounded first, as torch does it with a
// Python number.
extension Sample {
    package static func + (x: Sample, y: Sample) -> Sample { x.combined(with: y) { $0 + $1 } }
    package static func - (x: Sample, y: Sample) -> Sample { x.combined(with: y) { $0 - $1 } }
    package static func * (factor: Float, x: Sample) -> Sample { x.map { factor * $0 } }
    package static func * (factor: Double, x: Sample) -> Sample { Float(factor) * x }
    package static func / (x: Sample, divisor: Float) -> Sample { x.map { $0 / divisor } }
    package static func += (x: inout Sample, y: Sample) { x = x + y }

    func map(_ transform: (Float) -> Float) -> Sample {
        Sample(in: pool) { result in
            let values = storage.values
            for index in 0..<pool.count { result[index] = transform(values[index]) }
        }
    }

    private func combined(with other: Sample, _ operation: (Float, Float) -> Float) -> Sample {
        precondition(count == other.count, "samples of different sizes")
        return Sample(in: pool) { result in
            let (x, y) = (storage.values, other.storage.values)
            for index in 0..<pool.count { result[index] = operation(x[index], y[index]) }
        }
    }
}

/// What a multistep sampler remembers: the newest first, `limit` at most.
struct History {
    private var samples: [Sample] = []
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
        samples.reserveCapacity(limit)
    }

    var count: Int { samples.count }
    subscript(index: Int) -> Sample { samples[index] }

    mutating func add(_ newest: Sample) {
        if samples.count == limit { samples.removeLast() }
        samples.insert(newest, at: 0)
    }
}
