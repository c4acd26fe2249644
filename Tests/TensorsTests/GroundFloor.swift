import Tensors
import TestSupport
import Testing

/// The parent of everything that uses thread pools: its suites run one after another, for they compete for cores.
@Suite(.serialized) struct GroundFloor {}

/// One set of kernels, driven by several numbers of threads.
struct Machine {
    static let threadCounts = [1, 2, 3, 5]

    let kernels: Kernels
    let computes: [Compute]

    /// A machine for every set of kernels that is tested.
    static var all: [Machine] {
        Kernels.tested.map { kernels in
            Machine(kernels: kernels, computes: threadCounts.map { Compute(kernels: kernels, threads: $0) })
        }
    }
}

extension Machine {
    /// The machines whose kernels multiply bfloat16 numbers, set to do so.
    static var withBfloat16: [Machine] {
        Kernels.tested.filter { $0.multiplies(.bfloat16) }.map { kernels in
            Machine(
                kernels: kernels,
                computes: threadCounts.compactMap {
                    try? Compute(kernels: kernels, threads: $0, operands: .bfloat16)
                })
        }
    }

    /// The machines whose kernels multiply 8-bit integers, with bfloat16 numbers for the rest.
    static var withInt8: [Machine] { withBfloat16.filter { $0.kernels.multiplies(.int8) } }
}

extension Float {
    /// The nearest number of eight mantissa bits, ties to even.
    var bfloat16: Float {
        let bits = bitPattern
        return Float(bitPattern: (bits &+ 0x7fff &+ (bits >> 16 & 1)) & 0xffff_0000)
    }
}

/// Runs an operation on every machine with every number of threads: the first result is compared with the reference,
/// the others must be the same bits.
func check(
    _ machines: [Machine], _ expected: [Double], bound: Double, _ label: String,
    location: SourceLocation = #_sourceLocation, _ operation: (Compute) throws -> Tensor
) throws {
    for machine in machines {
        var first: [Float] = []
        for (index, compute) in machine.computes.enumerated() {
            let values = try operation(compute).values
            if index == 0 {
                first = values
                let error = deviation(values, expected)
                #expect(error < bound, "\(machine.kernels.name): \(label)", sourceLocation: location)
            } else {
                let same = values.elementsEqual(first) { $0.bitPattern == $1.bitPattern }
                let threads = compute.pool.threadCount
                #expect(same, "\(machine.kernels.name), \(threads) threads: \(label)", sourceLocation: location)
            }
        }
    }
}

/// Root mean square of the difference, relative to that of the expected values where those exceed one half; infinite
/// if the counts differ or a value is not finite.
///
/// The operations' inputs are scaled so that results are of order one. A single sum that happens to cancel has a large
/// relative error through no fault of its own, hence the lower bound.
func deviation(_ values: [Float], _ expected: [Double]) -> Double {
    guard values.count == expected.count, !values.isEmpty else { return .infinity }
    var difference = 0.0
    var norm = 0.0
    for (value, wanted) in zip(values, expected) {
        difference += (Double(value) - wanted) * (Double(value) - wanted)
        norm += wanted * wanted
    }
    let error = (difference / max(norm, Double(values.count) / 4)).squareRoot()
    return error.isFinite ? error : .infinity
}
