import Foundation
import TestSupport

@testable import Sampling

/// The fixtures that Tools/reference/sampling.py writes.
enum SamplingFixtures {
    /// A whole run of a diffusers scheduler over `network`.
    struct Run: Decodable, CustomStringConvertible {
        var sampler: String?
        var schedule: String?
        var sigmas: [Double]?
        var steps: Int
        var eta: Float?
        var strength: Double?
        var inpaint: Bool?
        /// How many levels diffusers lists.
        var levels: Int
        /// diffusers' init_noise_sigma.
        var scale: Float
        /// Index into `configs`.
        var config: Int

        var description: String {
            "\(sampler ?? "own") \(schedule ?? "") \(steps) steps, strength \(strength ?? 1), config \(config)"
        }
    }

    struct Runs: Decodable {
        var configs: [SchedulerConfig]
        var runs: [Run]
    }

    /// A run of one of k-diffusion's functions, or the webui's restarts, over what stands in for a network.
    struct KRun: Decodable, CustomStringConvertible {
        enum Network: String, Decodable { case sine, mixing, gaussian }

        var sampler: String
        var network: Network
        /// Index into a list of such.
        var sigmas: Int?
        var steps: Int?
        var eta: Float?
        var noise: Double?
        var churn: Double?
        var lowest: Double?
        var highest: Double?
        var relative: Double?
        var absolute: Double?
        /// Seed of a Brownian path.
        var path: String?

        var description: String {
            "\(sampler) \(network) σ \(sigmas ?? -1) steps \(steps ?? 0) eta \(eta ?? -1) noise \(noise ?? -1) "
                + "churn \(churn ?? -1) \(lowest ?? -1) path \(path ?? "none")"
        }
    }

    struct KRuns: Decodable {
        /// With the 0 at the end.
        var sigmas: [[Double]]
        var cases: [KRun]
    }

    struct Draw: Decodable {
        var generator: String
        var seed: String
        var counts: [Int]
    }

    static func decoded<Value: Decodable>(_ name: String, as type: Value.Type) throws -> Value {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("sampling/" + name)))
        return try JSONDecoder().decode(type, from: data)
    }

    static func floats(_ name: String) throws -> [Float] {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("sampling/" + name)))
        return data.withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map {
                Float(
                    bitPattern: UInt32(
                        littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self)))
            }
        }
    }

    /// Values in one picture of the runs.
    static let count = 24

    /// What stands in for the network, in the script as here.
    static func network(_ x: [Float], _ timestep: Float) -> [Float] {
        x.map { 0.6 * $0 + 0.3 * sin(3 * $0 + timestep / 300) }
    }

    /// Two layers that mix all values and are told the time.
    static func mixing(_ x: [Float], _ timestep: Float) -> [Float] {
        let hidden = (0..<count).map { row in
            tanhf((0..<count).reduce(0) { $0 + inner[row * count + $1] * x[$1] } + timestep / 1000)
        }
        return (0..<count).map { row in
            0.5 * x[row] + (0..<count).reduce(0) { $0 + outer[row * count + $1] * hidden[$1] }
        }
    }

    private static let inner = weights { sin(1.7 * $0 + 0.9 * pow($1, 1.5)) }
    private static let outer = weights { cos(0.6 * pow($0, 1.5) + 1.1 * $1) }

    private static func weights(_ value: (Double, Double) -> Double) -> [Float] {
        (0..<count * count).map {
            Float(value(Double($0 / count), Double($0 % count)) / Double(count).squareRoot())
        }
    }

    /// What the exact answer is for data of mean cos(i) and standard deviation 0.6.
    static func gaussian(_ x: [Float], _ sigma: Float) -> [Float] {
        x.enumerated().map { (0.36 * $1 + sigma * sigma * cos(Float($0))) / (0.36 + sigma * sigma) }
    }

    /// Stable Diffusion's noise.
    static var stableDiffusion: SchedulerConfig {
        var config = SchedulerConfig()
        (config.betaSchedule, config.betaStart, config.betaEnd) = (.scaledLinear, 0.00085, 0.012)
        return config
    }

    /// The picture that image to image and inpainting begin with.
    static let clean = (0..<count).map { cos(0.37 * Float($0)) }

    /// The values that inpainting keeps.
    static func isKept(_ index: Int) -> Bool { index % 3 == 0 }
}
