import Tensors
import TestSupport
import Testing

extension GroundFloor {
    /// The memory of activations: a plan and the run that follows it.
    @Suite struct ArenaTests {
        private let compute = Compute(kernels: Kernels.tested[0], threads: 1)
        private var arena: Arena { compute.arena }

        private struct Stopped: Error {}

        /// A chain in which each tensor dies when the next but one is made.
        private func chain(_ sizes: [Int], _ visit: (Tensor) -> Void = { _ in }) throws {
            var last: Tensor?
            for size in sizes {
                let next = try compute.tensor(1, 1, 1, size)
                visit(next)
                last = next
            }
            _ = last
        }

        @Test func blocksAreReused() throws {
            let sizes = [Int](repeating: 1024, count: 20)
            try arena.plan { try chain(sizes) }
            #expect(arena.capacity == 2 * 1024)
            var places: Set<UnsafeMutablePointer<Float>> = []
            try chain(sizes) { places.insert($0.pointer) }
            #expect(places.count == 2)
            #expect(arena.unplannedCount == 0)
        }

        /// Random allocations and releases, the same sequence in the plan and in the run. Each tensor is filled with a
        /// value of its own that must still be there when it dies, so two tensors alive never share memory.
        private func program(seed: UInt64, isRun: Bool) throws -> Int {
            var random = SplitMix(seed)
            var alive: [(tensor: Tensor, mark: Float)] = []
            var total = 0
            func retire(_ index: Int) {
                let (tensor, mark) = alive.remove(at: index)
                if isRun { #expect(tensor.buffer.allSatisfy { $0 == mark }, "seed \(seed)") }
            }
            for step in 0..<300 {
                if alive.isEmpty || alive.count < 12 && Bool.random(using: &random) {
                    let size = Int.random(in: 1...(step % 7 == 0 ? 3000 : 100), using: &random)
                    let tensor = try compute.tensor(1, 1, 1, size)
                    total += size
                    alive.append((tensor, Float(step)))
                    guard isRun else { continue }
                    #expect(UInt(bitPattern: tensor.pointer) % 64 == 0)
                    tensor.buffer.update(repeating: Float(step))
                    let spans = alive.map { ($0.tensor.pointer, $0.tensor.pointer + $0.tensor.count) }
                        .sorted { $0.0 < $1.0 }
                    #expect(zip(spans, spans.dropFirst()).allSatisfy { $0.1 <= $1.0 }, "seed \(seed)")
                } else {
                    retire(Int.random(in: 0..<alive.count, using: &random))
                }
            }
            while !alive.isEmpty { retire(0) }
            return total
        }

        @Test func tensorsAliveNeverOverlap() throws {
            for seed in 1...40 as ClosedRange<UInt64> {
                var total = 0
                try arena.plan { total = try program(seed: seed, isRun: false) }
                // A second run finds the arena as the first one did.
                for _ in 0..<2 { try #expect(program(seed: seed, isRun: true) == total) }
                #expect(arena.unplannedCount == 0)
                #expect(arena.capacity < total / 2)
            }
        }

        @Test func capacityIsThatOfTheLargestPlan() throws {
            try arena.plan { try chain([1600]) }
            try arena.plan { try chain([160]) }
            #expect(arena.capacity == 1600)
            try arena.plan { try chain([3200]) }
            #expect(arena.capacity == 3200)
            arena.releaseMemory()
            #expect(arena.capacity == 0)
        }

        @Test func withoutAPlanTensorsTakeTheirOwnMemory() throws {
            let tensor = try compute.tensor(2, 3, 4, 5)
            tensor.buffer.update(repeating: 1)
            #expect(arena.unplannedCount == 1)
            #expect(tensor.values == [Float](repeating: 1, count: 120))
        }

        @Test func anErrorInsideAPlanLeavesNothingBehind() throws {
            #expect(throws: Stopped.self) {
                try arena.plan {
                    let tensor = try compute.tensor(1, 1, 1, 5000)
                    _ = tensor
                    throw Stopped()
                }
            }
            #expect(!arena.isPlanning)
            #expect(arena.capacity == 0)
            try arena.plan { try chain([160, 160, 160]) }
            #expect(arena.capacity == 320)
            try chain([160, 160, 160]) { $0.buffer.update(repeating: 1) }
            #expect(arena.unplannedCount == 0)
        }

        /// A picture too large for the machine must not spoil the next one.
        @Test func afterTooLargeAPlanASmallOneWorks() throws {
            try arena.plan { try chain([1600]) }
            #expect(throws: TensorError.self) { try arena.plan { try chain([1 << 50]) } }
            try arena.plan { try chain([160]) }
            try chain([160]) { $0.buffer.update(repeating: 1) }
            #expect(arena.unplannedCount == 0)
        }

        /// Its place would be given to another tensor, and given back in the middle of the next run.
        @Test func aTensorAliveKeepsThePlanFromBeginning() throws {
            try arena.plan { try chain([160, 160]) }
            var tensor: Tensor? = try compute.tensor(1, 1, 1, 160)
            tensor?.buffer.update(repeating: 7)
            #expect(throws: TensorError.self) { try arena.plan { try chain([3200]) } }
            #expect(!arena.isPlanning && arena.capacity == 320)
            #expect(tensor?.values == [Float](repeating: 7, count: 160))
            tensor = nil
            try arena.plan { try chain([3200]) }
            #expect(arena.capacity == 3200)
        }

        @Test func emptyTensorsDoNotKeepTheArenaBusy() throws {
            try arena.plan { try chain([160, 0, 160]) }
            try chain([160, 0, 160])
            arena.releaseMemory()
            #expect(arena.capacity == 0)
        }

        /// While planning, operations compute nothing and need no memory.
        @Test func planningAnOperation() throws {
            let weights = try [Float](repeating: 1, count: 64 * 64).withUnsafeBufferPointer {
                try PackedWeights(weight: $0, bias: nil, inChannels: 64, outChannels: 64, compute: compute)
            }
            let input = try Tensor(
                batch: 1, height: 1, width: 10, channels: 64, values: [Float](repeating: 1, count: 640))
            func network() throws -> Float {
                let first = try compute.linear(input, weights)
                let second = try compute.layerNorm(
                    first, weight: FloatArray([Float](repeating: 1, count: 64)),
                    bias: FloatArray([Float](repeating: 3, count: 64)), epsilon: 1e-5)
                return arena.isPlanning ? 0 : second.values[639]
            }
            compute.profile = Profile()
            try arena.plan { _ = try network() }
            #expect(compute.profile?.entries.isEmpty == true)
            try #expect(network() == 3)
            #expect(arena.unplannedCount == 0)
            #expect(compute.profile?.entries[.linear]?.operations == 81_920.0)
            #expect(compute.profile?.entries[.normalization]?.calls == 1)
        }
    }
}
