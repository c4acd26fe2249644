#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How the values of one line are mixed into those of a shorter or longer one, by Lanczos-3.
///
/// The weights are in fixed point and each pass rounds to 8 bits, as in Pillow (Resample.c), so that the bytes are the
/// same as there.
struct Resampling {
    struct Output {
        /// The first value of the source that counts.
        let start: Int
        /// In units of 2⁻²²; their sum is about 2²².
        let weights: [Int32]
    }

    /// One for each position of the window.
    let outputs: [Output]
    /// The part of the source that is needed at all.
    let sources: Range<Int>

    /// 32 bits less 8 for the value and 2 for the sign and the overshoot of Lanczos.
    private static let precisionBits: Int32 = 32 - 8 - 2

    /// - Parameters:
    ///   - from: the length of the source
    ///   - to: the length that the whole source is scaled to
    ///   - window: the part of the result that is wanted, within 0..<to
    init(from: Int, to: Int, window: Range<Int>) {
        guard from != to else {
            outputs = window.map { Output(start: $0, weights: [1 << Resampling.precisionBits]) }
            sources = window
            return
        }
        let scale = Double(from) / Double(to)
        let filterScale = max(scale, 1)
        let support = 3 * filterScale
        outputs = window.map { position in
            let centre = (Double(position) + 0.5) * scale
            let start = max(0, Int(centre - support + 0.5))
            let end = max(min(from, Int(centre + support + 0.5)), start)
            let weights = (start..<end).map { lanczos3((Double($0) - centre + 0.5) * (1 / filterScale)) }
            let sum = weights.reduce(0, +)
            return Output(
                start: start, weights: weights.map { Resampling.fixedPoint(sum == 0 ? $0 : $0 / sum) })
        }
        let lower = outputs.map(\.start).min() ?? 0
        sources = lower..<max(lower, outputs.map { $0.start + $0.weights.count }.max() ?? 0)
    }

    private static func fixedPoint(_ weight: Double) -> Int32 {
        let scaled = weight * Double(Int32(1) << precisionBits)
        return Int32(weight < 0 ? scaled - 0.5 : scaled + 0.5)
    }

    /// The weighted sum of source[start], source[start + stride], …, rounded and clamped.
    @inline(__always)
    static func sum(
        _ weights: [Int32], _ source: UnsafeBufferPointer<UInt8>, _ start: Int, _ stride: Int
    ) -> UInt8 {
        var sum: Int32 = 1 << (precisionBits - 1)
        var at = start
        for weight in weights {
            sum &+= Int32(source[at]) &* weight
            at += stride
        }
        return UInt8(clamping: sum >> precisionBits)
    }
}

/// sinc(x) · sinc(x / 3) within −3 ≤ x < 3, else 0.
private func lanczos3(_ x: Double) -> Double {
    guard x >= -3, x < 3 else { return 0 }
    func sinc(_ x: Double) -> Double { x == 0 ? 1 : sin(x * .pi) / (x * .pi) }
    return sinc(x) * sinc(x / 3)
}
