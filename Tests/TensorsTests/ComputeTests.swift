import Glibc
import Tensors
import TestSupport
import Testing

extension GroundFloor {
    @Suite struct ComputeTests {
        /// Cancellation is seen before the next operation, and the arena is as it was.
        @Test func cancellation() throws {
            let compute = Compute(kernels: Kernels.tested[0], threads: 2)
            let input = try Tensor(batch: 1, height: 1, width: 1, channels: 3, values: [0, 1, 2])
            var asked = 0
            compute.isCancelled = {
                asked += 1
                return asked > 2
            }
            compute.profile = Profile()
            _ = try compute.silu(input)
            _ = try compute.silu(input)
            #expect(throws: CancellationError.self) { try compute.silu(input) }
            #expect(asked == 3)
            #expect(compute.profile?.entries[.other]?.calls == 2)
            // A plan asks nobody.
            try compute.arena.plan { _ = try compute.silu(input) }
            #expect(asked == 3)
            compute.isCancelled = { false }
            try #expect(compute.silu(input).values[0] == 0)
            #expect(compute.arena.unplannedCount == 3)
        }

        @Test func cancellationOfTheTask() async {
            let task = Task {
                let compute = Compute(kernels: Kernels.tested[0], threads: 1)
                while !Task.isCancelled { await Task.yield() }
                _ = try compute.silu(Tensor(batch: 1, height: 1, width: 1, channels: 1))
            }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }

        @Test func theClockMovesForward() {
            let start = Compute.seconds
            usleep(2000)
            let passed = Compute.seconds - start
            #expect(passed >= 0.002 && passed < 10)
        }
    }

    @Suite struct TensorTests {
        @Test func valuesMustFillTheTensor() throws {
            #expect(throws: TensorError.self) {
                try Tensor(batch: 1, height: 2, width: 2, channels: 1, values: [1, 2, 3])
            }
            let tensor = try Tensor(batch: 2, height: 1, width: 3, channels: 2)
            #expect(tensor.values == [Float](repeating: 0, count: 12))
            #expect((tensor.count, tensor.pixels, tensor.rows) == (12, 3, 6))
        }

        @Test func stacking() throws {
            let a = try Tensor(batch: 1, height: 1, width: 2, channels: 1, values: [1, 2])
            let b = try Tensor(batch: 1, height: 1, width: 2, channels: 1, values: [3, 4])
            let both = try Tensor(stacking: [a, b])
            #expect(both.batch == 2 && both.values == [1, 2, 3, 4])
            #expect(throws: TensorError.self) { try Tensor(stacking: []) }
            // As many values, but another shape.
            let tall = try Tensor(batch: 2, height: 1, width: 1, channels: 1, values: [5, 6])
            #expect(throws: TensorError.self) { try Tensor(stacking: [tall, a]) }
        }

        @Test func aCopyOutlivesTheArena() throws {
            let compute = Compute(kernels: Kernels.tested[0], threads: 1)
            func work() throws -> Tensor {
                let tensor = try compute.tensor(1, 1, 1, 4)
                if !compute.arena.isPlanning { tensor.buffer.update(repeating: 5) }
                return try tensor.copy()
            }
            try compute.arena.plan { _ = try compute.tensor(1, 1, 1, 4) }
            let copy = try work()
            compute.arena.releaseMemory()
            #expect(copy.values == [5, 5, 5, 5])
        }
    }
}
