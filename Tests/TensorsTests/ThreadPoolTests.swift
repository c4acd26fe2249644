import Glibc
import Synchronization
import Tensors
import Testing

/// Counts how often each task of a job ran.
private final class Tally {
    let counts: UnsafeMutablePointer<Atomic<Int>>
    let capacity: Int

    init(_ capacity: Int) {
        self.capacity = capacity
        counts = .allocate(capacity: max(1, capacity))
        for index in 0..<capacity { (counts + index).initialize(to: Atomic(0)) }
    }

    deinit {
        counts.deinitialize(count: capacity)
        counts.deallocate()
    }

    /// The counts so far, which start again from zero.
    func take(_ count: Int) -> [Int] { (0..<count).map { counts[$0].exchange(0, ordering: .relaxed) } }
}

extension GroundFloor {
    /// Jobs of numbered tasks on persistent threads.
    @Suite struct ThreadPoolTests {
        private static let tally: ThreadPool.Body = { context, task, _ in
            let counts = context.load(as: UnsafeMutablePointer<Atomic<Int>>.self)
            counts[task].add(1, ordering: .relaxed)
        }

        @Test(arguments: 1...4)
        func everyTaskRunsOnce(threads: Int) {
            let pool = ThreadPool(threadCount: threads)
            let tally = Tally(1000)
            for count in [0, 1, 2, 1000, 3, 1000] {
                pool.run(count, tally.counts, Self.tally)
                #expect(tally.take(1000) == (0..<1000).map { $0 < count ? 1 : 0 }, "\(count) tasks")
            }
        }

        /// A thread that is late for the end of one job must not take a task of the next: every second job has more
        /// tasks than the one before, which is when a stale ticket could look valid. More threads than cores make
        /// some of them late.
        @Test(arguments: [2, 4])
        func manySmallJobs(threads: Int) {
            let pool = ThreadPool(threadCount: threads)
            let tally = Tally(8)
            var wanted = [Int](repeating: 0, count: 8)
            var early = 0
            for job in 0..<500_000 {
                let count = job % 2 == 0 ? 2 : 3 + job % 5
                pool.run(count, tally.counts, Self.tally)
                for task in 0..<count { wanted[task] += 1 }
                if tally.counts[count - 1].load(ordering: .relaxed) < wanted[count - 1] { early += 1 }
            }
            #expect(early == 0)
            #expect(tally.take(8) == wanted)
        }

        /// One long task and many short ones: the short ones do not wait for the long one's thread.
        @Test func unevenTasks() {
            let pool = ThreadPool(threadCount: 3)
            let tally = Tally(64)
            for _ in 0..<50 {
                pool.run(64, tally.counts) { context, task, _ in
                    if task % 17 == 0 { usleep(UInt32(task) * 20) }
                    context.load(as: UnsafeMutablePointer<Atomic<Int>>.self)[task].add(1, ordering: .relaxed)
                }
                #expect(tally.take(64) == [Int](repeating: 1, count: 64))
            }
        }

        /// Jobs after pauses long enough for the threads to fall asleep.
        @Test func sleepingThreadsAreWoken() {
            let pool = ThreadPool(threadCount: 2)
            let tally = Tally(2)
            for _ in 0..<20 {
                usleep(5000)
                // Two tasks that wait for each other: both threads must be awake.
                pool.run(2, tally.counts) { context, task, _ in
                    let counts = context.load(as: UnsafeMutablePointer<Atomic<Int>>.self)
                    counts[task].add(1, ordering: .sequentiallyConsistent)
                    while counts[1 - task].load(ordering: .sequentiallyConsistent) == 0 { sched_yield() }
                }
                #expect(tally.take(2) == [1, 1])
            }
        }

        /// Each thread writes to the whole of its scratch and finds it as it left it.
        @Test func scratchBelongsToOneThread() {
            struct Job {
                let bytes: Int
                let tally: UnsafeMutablePointer<Atomic<Int>>
            }
            let pool = ThreadPool(threadCount: 4)
            let tally = Tally(64)
            for bytes in [64, 4096, 100, 100_000] {
                pool.reserveScratch(bytes)
                pool.run(64, Job(bytes: bytes, tally: tally.counts)) { context, task, scratch in
                    let job = context.load(as: Job.self)
                    memset(scratch, Int32(task), job.bytes)
                    let bytes = UnsafeRawBufferPointer(start: scratch, count: job.bytes)
                    if bytes.allSatisfy({ $0 == UInt8(task) }), UInt(bitPattern: scratch) % 64 == 0 {
                        job.tally[task].add(1, ordering: .relaxed)
                    }
                }
                #expect(tally.take(64) == [Int](repeating: 1, count: 64))
            }
        }

        /// How many threads this process has.
        private static var threadsOfTheProcess: Int {
            guard let folder = opendir("/proc/self/task") else { return 0 }
            defer { closedir(folder) }
            var count = 0
            while readdir(folder) != nil { count += 1 }
            return count
        }

        @Test func poolsLeaveNoThreads() {
            let before = Self.threadsOfTheProcess
            let tally = Tally(4)
            for round in 0..<200 {
                let pool = ThreadPool(threadCount: 4)
                // Some pools die while their threads are still starting, some at work, some asleep.
                if round % 2 == 0 { pool.run(4, tally.counts, Self.tally) }
                if round % 50 == 0 { usleep(5000) }
            }
            #expect(tally.take(4) == [100, 100, 100, 100])
            // 600 threads were started; other tests may start a few at the same time.
            #expect(Self.threadsOfTheProcess < before + 50)
        }

        @Test func atLeastOneThread() {
            #expect(ThreadPool(threadCount: 0).threadCount == 1)
            #expect(ThreadPool(threadCount: -3).threadCount == 1)
        }
    }
}
