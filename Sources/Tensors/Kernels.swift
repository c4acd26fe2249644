import CKernels
import Glibc

/// A set of kernels compiled for one instruction set, chosen once for the CPU at hand.
package struct Kernels: @unchecked Sendable {
    // The table is a constant of the C library, never written to.
    package let table: OpaquePointer

    package var name: String { String(cString: limn_kernels_name(table)) }

    /// Whether the set multiplies operands of this kind.
    package func multiplies(_ element: Element) -> Bool { limn_kernels_support(table, element.code) }

    /// Whether products of bfloat16 operands are faster than those of float32.
    package var prefersBfloat16: Bool { limn_kernels_prefer_bf16(table) }

    /// All sets that this CPU can run, the fastest first.
    package static var available: [Kernels] {
        var found: [Kernels] = []
        while let table = limn_kernels_at(found.count) { found.append(Kernels(table: table)) }
        return found
    }

    /// The fastest set, or the one that the environment variable `LIMN_KERNELS` names.
    ///
    /// - Throws: `TensorError` if the variable names a set that is unknown or that this CPU cannot run.
    package static func chosen() throws -> Kernels {
        guard let wish = getenv("LIMN_KERNELS").map({ String(cString: $0) }), !wish.isEmpty else {
            return Kernels(table: limn_kernels_best())
        }
        let sets = available
        guard let kernels = sets.first(where: { $0.name == wish }) else {
            let names = sets.map(\.name).joined(separator: ", ")
            throw TensorError(
                "LIMN_KERNELS=\(wish) names kernels that this CPU does not have; it can run: \(names)")
        }
        return kernels
    }
}

/// Something about tensors that outside values can bring about; the message says what to do.
package struct TensorError: Error, CustomStringConvertible, Sendable {
    package let description: String
    package init(_ description: String) { self.description = description }
}
