/// What decides a Brownian path, apart from where it begins and ends.
package struct BrownianSeed: Sendable {
    package var generator: GeneratorName
    package var seed: UInt64
    /// The σ that it is a path from; nil: the highest of the run's.
    package var highest: Float?
    /// Which picture of a batch, whose noise is drawn at once, and of how many; nil: of none.
    package var part: (index: Int, count: Int)?

    package init(_ generator: GeneratorName, seed: UInt64) { (self.generator, self.seed) = (generator, seed) }
}

/// A Brownian path over σ, as k-diffusion's BrownianTreeNoiseSampler takes it from torchsde's BrownianTree: the noise of
/// a step is the path's increment over it, and so the same path is followed however it is cut into steps.
///
/// What happens between the ends is found by halving: the path's middle is normally distributed around the mean of its
/// ends, and every half's seed is told by its place in the tree. σ are known to 10⁻⁶.
final class BrownianPath {
    private let seed: UInt64
    private var generator: any NoiseGenerator
    private let top: Piece
    /// The increment over all of the path.
    private let whole: Sample

    private typealias Span = (start: Double, end: Double)

    private struct Piece {
        let start: Double
        let end: Double
        /// Place among the pieces of a depth, from the left.
        let place: UInt64
        let depth: UInt64

        var middle: Double { BrownianPath.rounded(0.5 * (end + start)) }
        var left: Piece { Piece(start: start, end: middle, place: 2 &* place, depth: depth + 1) }
        var right: Piece { Piece(start: middle, end: end, place: 2 &* place &+ 1, depth: depth + 1) }
    }

    init(_ seed: BrownianSeed, from lowest: Float, to highest: Float, in pool: SamplePool) {
        self.seed = seed.seed
        generator = seed.generator.generator(seed: UInt64(SeedSequence.word(of: seed.seed)))
        if let part = seed.part, part.count > 1 {
            generator = BatchPart(of: generator, index: part.index, pictures: part.count, count: pool.count)
        }
        let (start, end) = (Double(lowest), Double(highest))
        whole = (end - start).squareRoot() * generator.normal(in: pool)
        top = Piece(start: Self.rounded(start), end: Self.rounded(end), place: 0, depth: 0)
    }

    /// The increment between two σ, in units of its standard deviation; against the path where the first is the higher.
    func noise(from: Float, to: Float) -> Sample {
        let (low, high) = (Double(min(from, to)), Double(max(from, to)))
        let span: Span = (Self.rounded(clamped(low)), Self.rounded(clamped(high)))
        var sum: Sample?
        add(span, of: top, whole, to: &sum)
        guard let sum else { return whole.map { _ in 0 } }
        return sum / ((from > to ? -1 : 1) * abs(to - from).squareRoot())
    }

    private func clamped(_ sigma: Double) -> Double { min(max(sigma, top.start), top.end) }

    /// - Parameters:
    ///   - span: lies within the piece, or is empty
    ///   - increment: the path's over the piece
    private func add(_ span: Span, of piece: Piece, _ increment: Sample, to sum: inout Sample?) {
        guard span.start < span.end else { return }
        guard span.start > piece.start || span.end < piece.end else {
            sum = sum.map { $0 + increment } ?? increment
            return
        }
        let middle = piece.middle
        guard piece.start < middle, middle < piece.end else { return }
        let (length, before, after) = (1 / (piece.end - piece.start), middle - piece.start, piece.end - middle)
        generator.restart(seed: UInt64(SeedSequence.word(of: seed, spawned: (piece.place, piece.depth))))
        let mean = length * (before * increment)
        let left = mean + (before * after * length).squareRoot() * generator.normal(in: increment.pool)
        add((span.start, min(span.end, middle)), of: piece.left, left, to: &sum)
        add((max(span.start, middle), span.end), of: piece.right, increment - left, to: &sum)
    }

    /// To six digits behind the point, as Python rounds: by the exact value, and ties to even.
    static func rounded(_ value: Double) -> Double {
        let scaled = value * 1e6
        let error = (-scaled).addingProduct(value, 1e6)
        let floor = scaled.rounded(.down)
        // Exact but for the last sum, which keeps its sign.
        let beyondHalf = (scaled - floor - 0.5) + error
        let isOdd = floor.truncatingRemainder(dividingBy: 2) != 0
        return (beyondHalf > 0 || (beyondHalf == 0 && isOdd) ? floor + 1 : floor) / 1e6
    }
}
