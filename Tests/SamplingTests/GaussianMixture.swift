import Foundation
import TestSupport

@testable import Sampling

/// A density in the plane whose score is known at every noise level, so that samplers can be told the truth.
///
/// A `Sample` holds many points: x, y, x, y, ….
struct GaussianMixture {
    struct Part {
        var weight: Double
        var mean: (x: Double, y: Double)
        var deviation: Double
    }

    var parts: [Part]

    /// Three of different weights and widths, apart but not separate.
    static let three = GaussianMixture(parts: [
        Part(weight: 0.5, mean: (1.1, 0.4), deviation: 0.4),
        Part(weight: 0.3, mean: (-0.9, 0.8), deviation: 0.55),
        Part(weight: 0.2, mean: (-0.3, -1.2), deviation: 0.3),
    ])

    /// One, along whose paths a whole trajectory is a formula.
    static let one = GaussianMixture(parts: [Part(weight: 1, mean: (0.6, -0.4), deviation: 0.7)])

    /// What is the same for all points of a noise level.
    struct Level {
        var parts: [(mean: (x: Double, y: Double), variance: Double, logarithm: Double, gain: Double)]
        var alpha: Double

        /// E[x₀ | x] where x = alpha·x₀ + sigma·ε.
        func expected(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
            var (sum, sumX, sumY) = (0.0, 0.0, 0.0)
            var first: Double?
            for part in parts {
                let (dx, dy) = (x - alpha * part.mean.x, y - alpha * part.mean.y)
                let exponent = part.logarithm - (dx * dx + dy * dy) / (2 * part.variance)
                // Against the first part, so that no weight vanishes for all.
                let weight = first.map { exp(min(exponent - $0, 600)) } ?? 1
                first = first ?? exponent
                sum += weight
                sumX += weight * (part.mean.x + part.gain * dx)
                sumY += weight * (part.mean.y + part.gain * dy)
            }
            return (sumX / sum, sumY / sum)
        }
    }

    func level(alpha: Double, sigma: Double) -> Level {
        Level(
            parts: parts.map { part in
                let square = part.deviation * part.deviation
                let variance = alpha * alpha * square + sigma * sigma
                return (part.mean, variance, log(part.weight / variance), alpha * square / variance)
            }, alpha: alpha)
    }

    /// What a perfect network says.
    func denoised(_ x: Sample, _ level: NoiseLevel) -> Denoised {
        let here = self.level(alpha: Double(level.alpha), sigma: Double(level.sigma))
        let x0 = Sample(in: x.pool) { result in
            x.withValues { x in
                for index in stride(from: 0, to: x.count, by: 2) {
                    let point = here.expected(Double(x[index]), Double(x[index + 1]))
                    (result[index], result[index + 1]) = (Float(point.x), Float(point.y))
                }
            }
        }
        return Denoised(x0: x0, epsilon: 1 / level.sigma * x - level.alpha / level.sigma * x0)
    }

    /// What a perfect consistency model says of a mixture of one: where the path through x ends.
    func endOfPath(_ x: Sample, _ level: NoiseLevel) -> Denoised {
        let part = parts[0]
        let (alpha, sigma) = (Double(level.alpha), Double(level.sigma))
        let width = (alpha * alpha * part.deviation * part.deviation + sigma * sigma).squareRoot()
        let x0 = Sample(in: x.pool) { result in
            x.withValues { x in
                for index in x.indices {
                    let mean = index % 2 == 0 ? part.mean.x : part.mean.y
                    result[index] = Float(mean + part.deviation / width * (Double(x[index]) - alpha * mean))
                }
            }
        }
        return Denoised(x0: x0, epsilon: 1 / level.sigma * x - level.alpha / level.sigma * x0)
    }

    func points(_ count: Int, in pool: SamplePool, seed: UInt64) -> Sample {
        var generator = TorchGenerator(seed: seed)
        let normal = generator.normal(2 * count)
        var uniform = SplitMix(seed)
        var values = [Float](repeating: 0, count: 2 * count)
        for index in 0..<count {
            var left = Double.random(in: 0..<1, using: &uniform)
            let drawn = parts.first { part in
                left -= part.weight
                return left < 0
            }
            let part = drawn ?? parts[0]
            values[2 * index] = Float(part.mean.x + part.deviation * Double(normal[2 * index]))
            values[2 * index + 1] = Float(part.mean.y + part.deviation * Double(normal[2 * index + 1]))
        }
        return Sample(values, in: pool)
    }

    /// How many standard errors a sample's mean and covariance lie from the mixture's: (x, y, xx, yy, xy).
    func deviations(of values: [Float]) -> [Double] {
        let count = Double(values.count / 2)
        let points = stride(from: 0, to: values.count, by: 2).map { (Double(values[$0]), Double(values[$0 + 1])) }
        func average(_ value: (Part, (x: Double, y: Double)) -> Double) -> Double {
            parts.reduce(0) { $0 + $1.weight * value($1, (x: $1.mean.x - mean.x, y: $1.mean.y - mean.y)) }
        }
        func square(_ part: Part) -> Double { part.deviation * part.deviation }
        // Second and fourth moments about the mean, part by part.
        let (xx, yy) = (average { square($0) + $1.x * $1.x }, average { square($0) + $1.y * $1.y })
        let xy = average { $1.x * $1.y }
        func fourth(_ part: Part, _ d: Double) -> Double {
            pow(d, 4) + 6 * d * d * square(part) + 3 * square(part) * square(part)
        }
        let moments: [(value: Double, expected: Double, variance: Double)] = [
            (points.reduce(0) { $0 + $1.0 } / count, mean.x, xx),
            (points.reduce(0) { $0 + $1.1 } / count, mean.y, yy),
            (points.reduce(0) { $0 + pow($1.0 - mean.x, 2) } / count, xx, average { fourth($0, $1.x) } - xx * xx),
            (points.reduce(0) { $0 + pow($1.1 - mean.y, 2) } / count, yy, average { fourth($0, $1.y) } - yy * yy),
            (
                points.reduce(0) { $0 + ($1.0 - mean.x) * ($1.1 - mean.y) } / count, xy,
                average { ($1.x * $1.x + square($0)) * ($1.y * $1.y + square($0)) } - xy * xy
            ),
        ]
        return moments.map { ($0.value - $0.expected) / ($0.variance / count).squareRoot() }
    }

    private var mean: (x: Double, y: Double) {
        (parts.reduce(0) { $0 + $1.weight * $1.mean.x }, parts.reduce(0) { $0 + $1.weight * $1.mean.y })
    }

    /// Where the probability flow dx/dσ = (x − E[x₀|x])/σ takes points, in double precision: Runge and Kutta's method in
    /// log σ, fine enough to stand for the truth.
    func flowed(_ values: [Double], from start: Double, to end: Double, steps: Int = 400) -> [Double] {
        var values = values
        func slope(_ x: [Double], _ logarithm: Double) -> [Double] {
            let here = level(alpha: 1, sigma: exp(logarithm))
            var result = x
            for index in stride(from: 0, to: x.count, by: 2) {
                let point = here.expected(x[index], x[index + 1])
                (result[index], result[index + 1]) = (x[index] - point.x, x[index + 1] - point.y)
            }
            return result
        }
        func added(_ x: [Double], _ factor: Double, _ y: [Double]) -> [Double] { zip(x, y).map { $0 + factor * $1 } }
        let h = (log(end) - log(start)) / Double(steps)
        for step in 0..<steps {
            let place = log(start) + Double(step) * h
            let a = slope(values, place)
            let b = slope(added(values, h / 2, a), place + h / 2)
            let c = slope(added(values, h / 2, b), place + h / 2)
            let d = slope(added(values, h, c), place + h)
            for index in values.indices {
                values[index] += h / 6 * (a[index] + 2 * b[index] + 2 * c[index] + d[index])
            }
        }
        return values
    }
}
