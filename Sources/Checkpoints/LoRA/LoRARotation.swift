/// What turns a weight's outputs instead of adding to them: OFT (Qiu et al. 2023), whose blocks each turn a run of
/// outputs, and BOFT (Liu et al. 2024), which does so in stages, each with the outputs in another order.
///
/// A block is kept as a matrix B of which only the skew part counts, Q = B − Bᵀ; the rotation is Cayley's,
/// R = (I + Q)(I − Q)⁻¹. The formulas are those of LyCORIS' `functional`, and for OFT also kohya's.
struct LoRARotation {
    private let size: Int
    /// How many blocks a stage has.
    private let blocks: Int
    private let isButterfly: Bool
    /// Each R [size, size], stage by stage.
    private let rotations: [[Double]]
    private let rescale: [Float]?

    /// - Parameters:
    ///   - values: [stages,] blocks, size, size
    ///   - rescale: factors of the outputs
    ///   - limit: the most that all Q together may measure (their norm); 0 for any
    init(_ values: [Float], size: Int, blocks: Int, isButterfly: Bool, rescale: [Float]?, limit: Double) {
        (self.size, self.blocks, self.isButterfly, self.rescale) = (size, blocks, isButterfly, rescale)
        let area = size * size
        var skew = [Double](repeating: 0, count: values.count)
        for index in values.indices {
            let (block, row, column) = (index / area, index % area / size, index % size)
            skew[index] = Double(values[index]) - Double(values[block * area + column * size + row])
        }
        let norm = skew.reduce(0) { $0 + $1 * $1 }.squareRoot() + 1e-8
        if limit > 0, norm > limit { for index in skew.indices { skew[index] *= limit / norm } }
        rotations = stride(from: 0, to: values.count, by: area).map {
            Self.rotation(Array(skew[$0..<$0 + area]), size)
        }
    }

    /// (I − Q)⁻¹(I + Q), which is the same as the product the other way round, by Gauss' elimination. I − Q has an
    /// inverse for every skew Q.
    private static func rotation(_ skew: [Double], _ size: Int) -> [Double] {
        var left = skew.map { -$0 }
        var right = skew
        for index in 0..<size {
            left[index * size + index] += 1
            right[index * size + index] += 1
        }
        left.withUnsafeMutableBufferPointer { left in
            right.withUnsafeMutableBufferPointer { right in
                for column in 0..<size { eliminate(column, left, right, size) }
            }
        }
        return right
    }

    private static func eliminate(
        _ column: Int, _ left: UnsafeMutableBufferPointer<Double>, _ right: UnsafeMutableBufferPointer<Double>,
        _ size: Int
    ) {
        let pivot = (column..<size).max { abs(left[$0 * size + column]) < abs(left[$1 * size + column]) } ?? column
        if pivot != column {
            for index in 0..<size {
                left.swapAt(pivot * size + index, column * size + index)
                right.swapAt(pivot * size + index, column * size + index)
            }
        }
        let inverse = 1 / left[column * size + column]
        for index in 0..<size {
            left[column * size + index] *= inverse
            right[column * size + index] *= inverse
        }
        for row in 0..<size where row != column {
            let factor = left[row * size + column]
            if factor == 0 { continue }
            for index in 0..<size {
                left[row * size + index] -= factor * left[column * size + index]
                right[row * size + index] -= factor * right[column * size + index]
            }
        }
    }

    /// W becomes what it is turned into. The strength lies between no turn and the whole, stage by stage; the factors of
    /// the outputs always count whole.
    func apply(to weight: UnsafeMutableBufferPointer<Float>, strength: Double) {
        let outputs = blocks * size
        guard let base = weight.baseAddress, outputs > 0 else { return }
        let width = weight.count / outputs
        var gathered = [Float](repeating: 0, count: size * width)
        for (index, rotation) in rotations.enumerated() {
            let (stage, block) = (index / blocks, index % blocks)
            let places = (0..<size).map { place($0, of: block, in: stage) }
            for (row, place) in places.enumerated() {
                for column in 0..<width { gathered[row * width + column] = base[place * width + column] }
            }
            let turned =
                matrix(rotation, strength) * LoRAMatrix(rows: size, columns: width, values: gathered)
            for (row, place) in places.enumerated() {
                for column in 0..<width { base[place * width + column] = turned.values[row * width + column] }
            }
        }
        guard let rescale else { return }
        for output in 0..<min(outputs, rescale.count) {
            for column in 0..<width { base[output * width + column] *= rescale[output] }
        }
    }

    /// OFT multiplies with Rᵀ, BOFT with R.
    private func matrix(_ rotation: [Double], _ strength: Double) -> LoRAMatrix {
        var values = [Float](repeating: 0, count: size * size)
        for row in 0..<size {
            for column in 0..<size {
                let value = isButterfly ? rotation[row * size + column] : rotation[column * size + row]
                values[row * size + column] = Float(strength * value + (row == column ? 1 - strength : 0))
            }
        }
        return LoRAMatrix(rows: size, columns: size, values: values)
    }

    /// The output that is a block's `row`th: side by side, or those that lie 2ˢᵗᵃᵍᵉ·size/2 apart next to each other.
    private func place(_ row: Int, of block: Int, in stage: Int) -> Int {
        let position = block * size + row
        guard isButterfly else { return position }
        let distance = (size / 2) << stage
        let (pair, half) = (position / 2, position % 2)
        return (pair / distance * 2 + half) * distance + pair % distance
    }
}
