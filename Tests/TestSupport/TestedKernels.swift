import Foundation
import Tensors

extension Kernels {
    /// The sets of kernels to test: all that this CPU can run, or the one that `LIMN_KERNELS` names, by which
    /// `make test-cpus` goes through them one by one.
    package static let tested: [Kernels] = {
        let wish = ProcessInfo.processInfo.environment["LIMN_KERNELS"] ?? ""
        let found = available.filter { wish.isEmpty || $0.name == wish }
        // Tests that loop over no set would pass.
        precondition(!found.isEmpty, "this CPU has no kernels \(wish)")
        return found
    }()
}
