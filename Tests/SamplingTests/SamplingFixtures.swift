import Foundation
import TestSupport

@testable import Sampling

/// The fixtures that Tools/reference/sampling.py writes.
enum SamplingFixtures {
    /// A whole run of a diffusers scheduler over `network`.
    struct Run: Decodable, CustomStringConvertible {
        var sampler: String?
        var schedule: String?
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

    /// The picture that image to image and inpainting begin with.
    static let clean = (0..<count).map { cos(0.37 * Float($0)) }

    /// The values that inpainting keeps.
    static func isKept(_ index: Int) -> Bool { index % 3 == 0 }
}
