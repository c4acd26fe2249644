/// One picture's part of noise that is drawn for a whole batch, [pictures, channels, height, width], at once.
package struct BatchPart: NoiseGenerator {
    /// Over so many values a batch's noise is refused: 256 MB.
    package static let most = 1 << 26

    private var generator: any NoiseGenerator
    private let start: Int
    /// Of the whole batch; made once, for steps allocate nothing.
    private var values: [Float]

    /// - Parameters:
    ///   - index: the picture's, from 0
    ///   - pictures: how many the batch has; with `count`, at most `most`
    ///   - count: values of a picture
    package init(of generator: any NoiseGenerator, index: Int, pictures: Int, count: Int) {
        self.generator = generator
        start = index * count
        values = [Float](repeating: 0, count: pictures * count)
    }

    package mutating func fill(_ part: UnsafeMutableBufferPointer<Float>) {
        values.withUnsafeMutableBufferPointer { generator.fill($0) }
        for index in part.indices where values.indices.contains(start + index) { part[index] = values[start + index] }
    }

    package mutating func restart(seed: UInt64) { generator.restart(seed: seed) }
}
