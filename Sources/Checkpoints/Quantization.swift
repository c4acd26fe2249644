/// The forms of GGML in which a few weights share a scale. Each is a block of so many values in so many bytes; the
/// arithmetic is that of ggml-quants.c, in its order.
package enum Quantization: String, CaseIterable, Sendable {
    case q40 = "Q4_0"
    case q41 = "Q4_1"
    case q50 = "Q5_0"
    case q51 = "Q5_1"
    case q80 = "Q8_0"
    case q2K = "Q2_K"
    case q3K = "Q3_K"
    case q4K = "Q4_K"
    case q5K = "Q5_K"
    case q6K = "Q6_K"

    /// Values in a block.
    package var blockCount: Int {
        switch self {
        case .q40, .q41, .q50, .q51, .q80: 32
        case .q2K, .q3K, .q4K, .q5K, .q6K: 256
        }
    }

    /// Bytes of a block.
    package var blockSize: Int {
        switch self {
        case .q40: 2 + 16
        case .q41: 2 + 2 + 16
        case .q50: 2 + 4 + 16
        case .q51: 2 + 2 + 4 + 16
        case .q80: 2 + 32
        case .q2K: 16 + 64 + 2 + 2
        case .q3K: 32 + 64 + 12 + 2
        case .q4K: 2 + 2 + 12 + 128
        case .q5K: 2 + 2 + 12 + 32 + 128
        case .q6K: 128 + 64 + 16 + 2
        }
    }

    /// - Precondition: whole blocks, and as many floats as they have values
    func dequantize(_ blocks: UnsafeRawBufferPointer, to floats: UnsafeMutableBufferPointer<Float>) {
        let count = min(blocks.count / blockSize, floats.count / blockCount)
        guard count > 0, let start = blocks.baseAddress, let values = floats.baseAddress else { return }
        switch self {
        case .q40: each(count, start, values, Block.q40)
        case .q41: each(count, start, values, Block.q41)
        case .q50: each(count, start, values, Block.q50)
        case .q51: each(count, start, values, Block.q51)
        case .q80: each(count, start, values, Block.q80)
        case .q2K: each(count, start, values, Block.q2K)
        case .q3K: each(count, start, values, Block.q3K)
        case .q4K: each(count, start, values, Block.q4K)
        case .q5K: each(count, start, values, Block.q5K)
        case .q6K: each(count, start, values, Block.q6K)
        }
    }

    @inline(__always)
    private func each(
        _ count: Int, _ start: UnsafeRawPointer, _ values: UnsafeMutablePointer<Float>,
        _ block: (Block, UnsafeMutablePointer<Float>) -> Void
    ) {
        let (size, length) = (blockSize, blockCount)
        for index in 0..<count { block(Block(start + index * size), values + index * length) }
    }
}

/// One block's bytes. Scales and minima come as float16; "low" and "high" are the halves of a byte.
private struct Block {
    private let start: UnsafeRawPointer

    @inline(__always)
    init(_ start: UnsafeRawPointer) { self.start = start }

    @inline(__always)
    private func half(_ offset: Int) -> Float {
        Conversion.float(half: start.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    @inline(__always)
    private func byte(_ offset: Int) -> Int32 {
        Int32(truncatingIfNeeded: start.load(fromByteOffset: offset, as: UInt8.self))
    }

    @inline(__always)
    private func signedByte(_ offset: Int) -> Float { Float(start.load(fromByteOffset: offset, as: Int8.self)) }

    // MARK: Blocks of 32

    /// Scale, 16 bytes of low and high quants; x = d·(q − 8).
    @inline(__always)
    static func q40(_ block: Block, _ x: UnsafeMutablePointer<Float>) {
        let d = block.half(0)
        for i in 0..<16 {
            let byte = block.byte(2 + i)
            x[i] = d * Float((byte & 15) &- 8)
            x[i + 16] = d * Float((byte &>> 4) &- 8)
        }
    }

    /// Scale, minimum, quants; x = d·q + m.
    @inline(__always)
    static func q41(_ block: Block, _ x: UnsafeMutablePointer<Float>) {
        let (d, m) = (block.half(0), block.half(2))
        for i in 0..<16 {
            let byte = block.byte(4 + i)
            x[i] = d * Float(byte & 15) + m
            x[i + 16] = d * Float(byte &>> 4) + m
        }
    }

    /// Scale, a fifth bit for every quant, quants; x = d·(q − 16).
    @inline(__always)
    static func q50(_ block: Block, _ x: UnsafeMutablePointer<Float>) {
        let d = block.half(0)
        let fifth = block.start.loadUnaligned(fromByteOffset: 2, as: Int32.self)
        for i in 0..<16 {
            let byte = block.byte(6 + i)
            x[i] = d * Float((byte & 15 | (fifth &>> Int32(i) & 1) &<< 4) &- 16)
            x[i + 16] = d * Float((byte &>> 4 | (fifth &>> Int32(i + 16) & 1) &<< 4) &- 16)
        }
    }

    /// Scale, minimum, fifth bits, quants; x = d·q + m.
    @inline(__always)
    static func q51(_ block: Block, _ x: UnsafeMutablePointer<Float>) {
        let (d, m) = (block.half(0), block.half(2))
        let fifth = block.start.loadUnaligned(fromByteOffset: 4, as: Int32.self)
        for i in 0..<16 {
            let byte = block.byte(8 + i)
            x[i] = d * Float(byte & 15 | (fifth &>> Int32(i) & 1) &<< 4) + m
            x[i + 16] = d * Float(byte &>> 4 | (fifth &>> Int32(i + 16) & 1) &<< 4) + m
        }
    }

    /// Scale, 32 signed bytes.
    @inline(__always)
    static func q80(_ block: Block, _ x: UnsafeMutablePointer<Float>) {
        let d = block.half(0)
        for i in 0..<32 { x[i] = d * block.signedByte(2 + i) }
    }

    // MARK: Blocks of 256, in which smaller blocks have scales of their own

    /// 16 scales (low) and minima (high) of 16 values each, quants of two bits, scale and minimum of those.
    @inline(__always)
    static func q2K(_ block: Block, _ x: UnsafeMutablePointer<Float>) {
        let (d, minimum) = (block.half(80), block.half(82))
        for part in 0..<16 {
            // Parts 0 to 7 share 32 bytes of quants, and so do the rest; two parts for each pair of bits.
            let (bytes, shift) = (16 + part / 8 * 32 + part % 2 * 16, Int32(part % 8 / 2 * 2))
            let scale = block.byte(part)
            let (dl, ml) = (d * Float(scale & 15), minimum * Float(scale &>> 4))
            for i in 0..<16 { x[part * 16 + i] = dl * Float(block.byte(bytes + i) &>> shift & 3) - ml }
        }
    }

    /// The quants' third bits (which count 4 where they are not set), two bits, 16 scales of six bits, their scale.
    @inline(__always)
    static func q3K(_ block: Block, _ x: UnsafeMutablePointer<Float>) {
        let d = block.half(108)
        for part in 0..<16 {
            let low = block.byte(96 + part % 8) &>> (part < 8 ? 0 : 4) & 15
            let high = block.byte(104 + part % 4) &>> Int32(part / 4 * 2) & 3
            let dl = d * Float((low | high &<< 4) &- 32)
            let (bytes, shift) = (32 + part / 8 * 32 + part % 2 * 16, Int32(part % 8 / 2 * 2))
            for i in 0..<16 {
                let third = block.byte(part % 2 * 16 + i) &>> Int32(part / 2) & 1
                x[part * 16 + i] = dl * Float((block.byte(bytes + i) &>> shift & 3) &- (third ^ 1) &<< 2)
            }
        }
    }

    /// Scale and minimum `part` of eight, of six bits each, of the twelve bytes that Q4_K and Q5_K have for them.
    @inline(__always)
    private func sixBits(_ part: Int) -> (scale: Float, minimum: Float) {
        if part < 4 { return (Float(byte(4 + part) & 63), Float(byte(8 + part) & 63)) }
        let last = byte(8 + part)
        return (
            Float(last & 15 | byte(part) &>> 2 & 0x30), Float(last &>> 4 | byte(4 + part) &>> 2 & 0x30)
        )
    }

    /// Scale and minimum, eight scales and minima of 32 values each, quants.
    @inline(__always)
    static func q4K(_ block: Block, _ x: UnsafeMutablePointer<Float>) {
        let (d, minimum) = (block.half(0), block.half(2))
        for part in 0..<8 {
            let (scale, least) = block.sixBits(part)
            let (dl, ml) = (d * scale, minimum * least)
            let (bytes, shift) = (16 + part / 2 * 32, Int32(part % 2 * 4))
            for i in 0..<32 { x[part * 32 + i] = dl * Float(block.byte(bytes + i) &>> shift & 15) - ml }
        }
    }

    /// Like Q4_K, with a fifth bit for every quant.
    @inline(__always)
    static func q5K(_ block: Block, _ x: UnsafeMutablePointer<Float>) {
        let (d, minimum) = (block.half(0), block.half(2))
        for part in 0..<8 {
            let (scale, least) = block.sixBits(part)
            let (dl, ml) = (d * scale, minimum * least)
            let (bytes, shift) = (48 + part / 2 * 32, Int32(part % 2 * 4))
            for i in 0..<32 {
                let fifth = block.byte(16 + i) &>> Int32(part) & 1
                x[part * 32 + i] = dl * Float(block.byte(bytes + i) &>> shift & 15 | fifth &<< 4) - ml
            }
        }
    }

    /// Four bits of the quants, two more, 16 signed scales, their scale; x = d·scale·(q − 32).
    @inline(__always)
    static func q6K(_ block: Block, _ x: UnsafeMutablePointer<Float>) {
        let d = block.half(208)
        for part in 0..<16 {
            // A half of 128 values: 64 bytes whose low halves come first, 32 bytes of which each has two bits of four
            // values.
            let (half, quarter, side) = (part / 8, part % 8 / 2, part % 2 * 16)
            let low = half * 64 + quarter % 2 * 32 + side
            let high = 128 + half * 32 + side
            let dl = d * block.signedByte(192 + part)
            for i in 0..<16 {
                let four = block.byte(low + i) &>> Int32(quarter / 2 * 4) & 15
                let two = block.byte(high + i) &>> Int32(quarter * 2) & 3
                x[part * 16 + i] = dl * Float((four | two &<< 4) &- 32)
            }
        }
    }
}
