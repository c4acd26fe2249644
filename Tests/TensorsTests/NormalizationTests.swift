import Tensors
import Testing

extension GroundFloor {
    /// Group and layer normalisation against two passes in double precision. Measured: group 1.4e-7, layer 1.3e-6 (few
    /// channels, close to each other); with a mean of 10,000 deviations 1.1e-3, the rounding of that mean.
    @Suite struct NormalizationTests {
        static let bound = 5e-6

        private struct Shape {
            var batch = 1
            var pixels = 65
            var channels = (8, 0)
            var groups = 4
            var silu = false
            var hasModulation = false
            var mean: Float = 0
        }

        private func check(_ shapes: [Shape], bound: Double = Self.bound, seed: UInt64) throws {
            let machines = Machine.all
            var random = SplitMix(seed)
            for s in shapes {
                let channels = s.channels.0 + s.channels.1
                let rows = s.batch * s.pixels
                let x = random.values(rows * s.channels.0).map { $0 + s.mean }
                let second = random.values(rows * s.channels.1).map { $0 + s.mean }
                let (weight, bias) = (random.values(channels), random.values(channels))
                let modulation = random.values(s.batch * 2 * channels)
                let expected = groupNorm(s, x, second, weight, bias, modulation)
                try TensorsTests.check(machines, expected, bound: bound, "\(s)") { compute in
                    func picture(_ values: [Float], _ channels: Int) throws -> Tensor {
                        try Tensor(batch: s.batch, height: 1, width: s.pixels, channels: channels, values: values)
                    }
                    return try compute.groupNorm(
                        picture(x, s.channels.0), s.channels.1 > 0 ? picture(second, s.channels.1) : nil,
                        groups: s.groups, weight: FloatArray(weight), bias: FloatArray(bias), epsilon: 1e-5,
                        modulation: s.hasModulation
                            ? Tensor(batch: s.batch, height: 1, width: 1, channels: 2 * channels, values: modulation)
                            : nil,
                        silu: s.silu)
                }
            }
        }

        private func groupNorm(
            _ s: Shape, _ x: [Float], _ second: [Float], _ weight: [Float], _ bias: [Float], _ modulation: [Float]
        ) -> [Double] {
            let channels = s.channels.0 + s.channels.1
            let width = channels / s.groups
            func input(_ row: Int, _ c: Int) -> Double {
                Double(c < s.channels.0 ? x[row * s.channels.0 + c] : second[row * s.channels.1 + c - s.channels.0])
            }
            var output = [Double](repeating: 0, count: s.batch * s.pixels * channels)
            for b in 0..<s.batch {
                for group in 0..<s.groups {
                    let places = (0..<s.pixels).flatMap { pixel in
                        (group * width..<(group + 1) * width).map { (row: b * s.pixels + pixel, channel: $0) }
                    }
                    let normalized = Reference.normalized(places.map { input($0.row, $0.channel) }, epsilon: 1e-5)
                    for (place, value) in zip(places, normalized) {
                        var y = value * Double(weight[place.channel]) + Double(bias[place.channel])
                        if s.hasModulation {
                            let m = b * 2 * channels + place.channel
                            y = y * (1 + Double(modulation[m])) + Double(modulation[m + channels])
                        }
                        output[place.row * channels + place.channel] = s.silu ? Reference.silu(y) : y
                    }
                }
            }
            return output
        }

        @Test func mixedShapes() throws {
            // Channels of both sources and groups; in most of the pairs a group straddles the seam.
            let layouts = [
                ((1, 0), 1), ((3, 0), 3), ((7, 0), 1), ((30, 0), 5), ((31, 0), 31), ((64, 0), 32), ((100, 0), 4),
                ((130, 0), 13), ((320, 0), 32), ((3, 5), 4), ((1, 2), 1), ((7, 9), 2), ((16, 16), 8), ((31, 33), 32),
                ((64, 32), 32), ((17, 15), 4), ((65, 63), 2), ((20, 1), 3), ((48, 16), 1),
            ]
            var random = SplitMix(31)
            var pixels = Deck([1, 2, 3, 63, 64, 65, 127, 128, 130, 200])
            var batches = Deck([1, 2, 3])
            var coins = Deck([true, false])
            let shapes = (layouts + layouts + layouts).map { layout in
                Shape(
                    batch: batches.draw(&random), pixels: pixels.draw(&random) + (layout.0.0 == layout.1 ? 10 : 0),
                    channels: layout.0, groups: layout.1,
                    silu: coins.draw(&random), hasModulation: coins.draw(&random))
            }
            try check(shapes, seed: 32)
        }

        /// A variance taken as E[x²] − E[x]² would be off by its own size here.
        @Test func largeMean() throws {
            let shapes = [(63, 31, 31), (64, 64, 4), (130, 33, 11), (1000, 32, 8)].map {
                Shape(pixels: $0.0, channels: ($0.1, 0), groups: $0.2, mean: 1e4)
            }
            try check(shapes, bound: 3e-3, seed: 33)
        }

        /// Without variance the scale is 1/√ε = 316, which also magnifies the rounding of the mean.
        @Test func constantInput() throws {
            for compute in Machine.all.flatMap(\.computes) {
                let input = try Tensor(
                    batch: 1, height: 10, width: 13, channels: 20, values: [Float](repeating: 3.7, count: 2600))
                let bias = (0..<20).map { Float($0) / 7 - 1 }
                let grouped = try compute.groupNorm(
                    input, groups: 4, weight: FloatArray([Float](repeating: 1, count: 20)), bias: FloatArray(bias),
                    epsilon: 1e-5, silu: false)
                let layered = try compute.layerNorm(
                    input, weight: FloatArray([Float](repeating: 1, count: 20)), bias: FloatArray(bias), epsilon: 1e-5)
                let expected = (0..<2600).map { Double(bias[$0 % 20]) }
                #expect(deviation(grouped.values, expected) < 2e-3, "\(compute.kernels.name)")
                #expect(deviation(layered.values, expected) < 2e-3, "\(compute.kernels.name)")
            }
        }

        @Test func layerNorm() throws {
            let machines = Machine.all
            var random = SplitMix(34)
            for channels in [1, 2, 3, 7, 15, 16, 17, 31, 63, 64, 65, 100, 768, 1280] {
                for rows in [1, 2, 63, 64, 65, 130] {
                    let x = random.values(rows * channels)
                    let (weight, bias) = (random.values(channels), random.values(channels))
                    let expected = (0..<rows).flatMap { row in
                        let values = x[row * channels..<(row + 1) * channels].map(Double.init)
                        return zip(Reference.normalized(values, epsilon: 1e-5), zip(weight, bias)).map {
                            $0 * Double($1.0) + Double($1.1)
                        }
                    }
                    try TensorsTests.check(
                        machines, expected, bound: Self.bound, "\(rows) rows of \(channels)"
                    ) {
                        try $0.layerNorm(
                            Tensor(batch: 1, height: 1, width: rows, channels: channels, values: x),
                            weight: FloatArray(weight), bias: FloatArray(bias), epsilon: 1e-5)
                    }
                }
            }
        }

        @Test func rmsNorm() throws {
            let machines = Machine.all
            var random = SplitMix(36)
            for channels in [1, 3, 15, 16, 17, 31, 64, 100, 4096] {
                for rows in [1, 15, 16, 17, 40] {
                    let x = random.values(rows * channels)
                    let weight = random.values(channels)
                    let expected = (0..<rows).flatMap { row in
                        let values = x[row * channels..<(row + 1) * channels].map(Double.init)
                        let square = values.reduce(0) { $0 + $1 * $1 } / Double(channels)
                        return zip(values, weight).map { $0 / (square + 1e-6).squareRoot() * Double($1) }
                    }
                    try TensorsTests.check(machines, expected, bound: Self.bound, "\(rows) rows of \(channels)") {
                        try $0.rmsNorm(
                            Tensor(batch: 1, height: 1, width: rows, channels: channels, values: x),
                            weight: FloatArray(weight), epsilon: 1e-6)
                    }
                }
            }
        }

        @Test func layerNormOfALargeMean() throws {
            var random = SplitMix(35)
            let (rows, channels) = (70, 768)
            let x = random.values(rows * channels).map { $0 + 1e4 }
            let ones = FloatArray([Float](repeating: 1, count: channels))
            let zeros = FloatArray([Float](repeating: 0, count: channels))
            let expected = (0..<rows).flatMap {
                Reference.normalized(x[$0 * channels..<($0 + 1) * channels].map(Double.init), epsilon: 1e-5)
            }
            try TensorsTests.check(Machine.all, expected, bound: 3e-3, "mean of 10,000 deviations") {
                try $0.layerNorm(
                    Tensor(batch: 1, height: 1, width: rows, channels: channels, values: x), weight: ones,
                    bias: zeros, epsilon: 1e-5)
            }
        }
    }
}
