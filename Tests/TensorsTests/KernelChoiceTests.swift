import CKernels
import Glibc
import Tensors
import Testing

extension GroundFloor {
    /// What the environment decides. The tests run in processes of their own, for the environment belongs to all.
    @Suite struct KernelChoiceTests {
        @Test func everyMachineHasPortableKernels() {
            let names = Kernels.available.map(\.name)
            #expect(names.last == "portable")
            #expect(Set(names).count == names.count)
        }

        @Test func theFastestUnlessAskedOtherwise() async {
            await #expect(processExitsWith: .success) {
                unsetenv("LIMN_KERNELS")
                try #expect(Kernels.chosen().name == Kernels.available[0].name)
                setenv("LIMN_KERNELS", "", 1)
                try #expect(Kernels.chosen().name == Kernels.available[0].name)
                for kernels in Kernels.available {
                    setenv("LIMN_KERNELS", kernels.name, 1)
                    try #expect(Kernels.chosen().name == kernels.name)
                }
            }
        }

        @Test func unknownNames() async {
            await #expect(processExitsWith: .success) {
                for name in ["nonsense", "AVX2", " portable", "portable\n"] {
                    setenv("LIMN_KERNELS", name, 1)
                    let error = #expect(throws: TensorError.self) { try Kernels.chosen() }
                    let text = error?.description ?? ""
                    #expect(text.contains(name) && text.contains("can run") && text.contains("portable"))
                }
            }
        }

        /// As under `taskset`: one core allowed, one thread worth having.
        @Test func processorCountFollowsTheAffinityMask() async {
            #expect(ProcessorCount.available >= 1)
            #expect(ProcessorCount.available <= sysconf(Int32(_SC_NPROCESSORS_ONLN)))
            await #expect(processExitsWith: .success) {
                typealias Call = @convention(c) (Int32, Int, UnsafeMutableRawPointer) -> Int32
                // Swift's Glibc module does not show these two.
                guard let get = dlsym(nil, "sched_getaffinity"), let set = dlsym(nil, "sched_setaffinity") else {
                    return
                }
                var mask = [UInt8](repeating: 0, count: 128)
                guard unsafeBitCast(get, to: Call.self)(0, mask.count, &mask) >= 0,
                    let first = mask.firstIndex(where: { $0 != 0 })
                else { return }
                let lowest = mask[first] & (~mask[first] &+ 1)
                mask = mask.map { _ in 0 }
                mask[first] = lowest
                #expect(unsafeBitCast(set, to: Call.self)(0, mask.count, &mask) == 0)
                #expect(limn_affinity_cores() == 1)
                #expect(ProcessorCount.available == 1)
            }
        }
    }

    @Suite struct PackedWeightsTests {
        private func pack(
            _ count: Int, bias: Int? = nil, in input: Int, out: Int, kernel: Int = 1, activation: Activation = .none
        ) throws -> PackedWeights {
            try [Float](repeating: 1, count: count).withUnsafeBufferPointer {
                try PackedWeights(
                    weight: $0, bias: bias.map { [Float](repeating: 0, count: $0) }, inChannels: input,
                    outChannels: out, kernelHeight: kernel, kernelWidth: kernel, activation: activation,
                    compute: Compute(kernels: Kernels.available[0], threads: 1))
            }
        }

        @Test func wrongCounts() throws {
            _ = try pack(12, bias: 3, in: 4, out: 3)
            _ = try pack(24, bias: 6, in: 4, out: 3, activation: .geglu)
            #expect(throws: TensorError.self) { try pack(11, in: 4, out: 3) }
            #expect(throws: TensorError.self) { try pack(13, in: 4, out: 3) }
            #expect(throws: TensorError.self) { try pack(12, in: 4, out: 3, kernel: 3) }
            #expect(throws: TensorError.self) { try pack(12, in: 4, out: 3, activation: .geglu) }
            #expect(throws: TensorError.self) { try pack(0, in: 0, out: 3) }
            #expect(throws: TensorError.self) { try pack(12, bias: 4, in: 4, out: 3) }
            #expect(throws: TensorError.self) { try pack(24, bias: 3, in: 4, out: 3, activation: .geglu) }
        }

        /// Sizes beyond what the kernels' fixed tables hold.
        @Test func unsupportedSizes() throws {
            _ = try pack(49, in: 1, out: 1, kernel: 7)
            #expect(throws: TensorError.self) { try pack(64, in: 1, out: 1, kernel: 8) }
            _ = try pack(20_000, in: 20_000, out: 1)
            #expect(throws: TensorError.self) { try pack(20_000 * 9, in: 20_000, out: 1, kernel: 3) }
        }
    }
}
