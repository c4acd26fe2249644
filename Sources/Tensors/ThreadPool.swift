import CKernels
import Glibc
import Synchronization

/// A few persistent threads that share out numbered tasks.
///
/// Fork and join cost about a microsecond: waiting threads spin for a moment before they sleep, and tasks are
/// taken one by one from a counter, so that a thread which loses its core for a time slice holds up one task and
/// not a whole share. The pool runs one job at a time and is driven by one thread.
package final class ThreadPool: @unchecked Sendable {
    /// The work of one task; `context` is the job's value, `scratch` the running thread's own memory.
    package typealias Body =
        @convention(c) (_ context: UnsafeRawPointer, _ task: Int, _ scratch: UnsafeMutableRawPointer) -> Void

    package let threadCount: Int
    private let shared: Shared
    private var threads: [pthread_t] = []

    /// - Parameter threadCount: threads that work on a job, the calling one included; at least 1.
    package init(threadCount: Int) {
        self.threadCount = max(1, threadCount)
        shared = Shared(threadCount: self.threadCount)
        for index in 1..<max(2, self.threadCount) where self.threadCount > 1 {
            let start = Unmanaged.passRetained(WorkerStart(shared: shared, index: index))
            var thread = pthread_t()
            let failed = pthread_create(
                &thread, nil,
                { raw in
                    guard let raw else { return nil }
                    let start = Unmanaged<WorkerStart>.fromOpaque(raw).takeRetainedValue()
                    start.shared.work(index: start.index)
                    return nil
                }, start.toOpaque())
            // A system that grants fewer threads only makes the job slower: tasks are taken, not dealt.
            if failed == 0 { threads.append(thread) } else { start.release() }
        }
    }

    deinit {
        shared.stop()
        for thread in threads { pthread_join(thread, nil) }
    }

    /// Makes sure that every thread's scratch memory holds at least `bytes`.
    package func reserveScratch(_ bytes: Int) { shared.reserveScratch(bytes) }

    /// Runs tasks 0..<count of `body` over `context` and returns when all are done.
    package func run<Context>(_ count: Int, _ context: Context, _ body: Body) {
        guard count > 0 else { return }
        withUnsafePointer(to: context) { pointer in
            shared.run(count, UnsafeRawPointer(pointer), body, alone: threads.isEmpty)
        }
    }
}

private final class WorkerStart {
    let shared: Shared
    let index: Int
    init(shared: Shared, index: Int) {
        self.shared = shared
        self.index = index
    }
}

/// What the threads of a pool share.
private final class Shared: @unchecked Sendable {
    // A ticket is the job's number in the upper half and its tasks not yet taken in the lower. It alone decides what
    // can be taken: a thread that comes late sees nothing left under the old job's name, whatever else the next job
    // has already written.
    private let ticket = Atomic<UInt64>(0)
    private let taskCount = Atomic<Int>(0)
    private let completed = Atomic<Int>(0)
    private let stopping = Atomic<Bool>(false)
    private let sleepers = Atomic<Int>(0)
    private let context = Atomic<UInt>(0)
    private let body = Atomic<UInt>(0)

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var scratch: [UnsafeMutableRawPointer]
    private var scratchBytes = 0

    // Between two operations of a network lie a few microseconds. A spin of some 20 µs bridges them; after that a
    // thread lets others have its core, and sleeps when nothing comes for about a millisecond.
    private static let spinsBeforeYield = 1000
    private static let spinsBeforeSleep = 3000

    init(threadCount: Int) {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(wake, nil)
        scratch = (0..<threadCount).map { _ in .allocate(byteCount: 64, alignment: 64) }
    }

    deinit {
        for memory in scratch { memory.deallocate() }
        pthread_cond_destroy(wake)
        pthread_mutex_destroy(mutex)
        wake.deallocate()
        mutex.deallocate()
    }

    // Only between jobs: no worker reads its scratch pointer then.
    func reserveScratch(_ bytes: Int) {
        guard bytes > scratchBytes else { return }
        scratchBytes = bytes
        for index in scratch.indices {
            scratch[index].deallocate()
            scratch[index] = .allocate(byteCount: bytes, alignment: 64)
        }
    }

    func run(_ count: Int, _ context: UnsafeRawPointer, _ body: ThreadPool.Body, alone: Bool) {
        if alone || count == 1 {
            for task in 0..<count { body(context, task, scratch[0]) }
            return
        }
        self.context.store(UInt(bitPattern: context), ordering: .relaxed)
        self.body.store(unsafeBitCast(body, to: UInt.self), ordering: .relaxed)
        taskCount.store(count, ordering: .relaxed)
        completed.store(0, ordering: .relaxed)
        let job = ((ticket.load(ordering: .relaxed) >> 32) &+ 1) & 0xffff_ffff
        ticket.store(job << 32 | UInt64(count), ordering: .sequentiallyConsistent)
        if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
            pthread_mutex_lock(mutex)
            pthread_cond_broadcast(wake)
            pthread_mutex_unlock(mutex)
        }
        drain(job: job, index: 0)
        var spins = 0
        while completed.load(ordering: .acquiring) < count {
            limn_spin_pause()
            spins += 1
            if spins > Self.spinsBeforeYield { sched_yield() }
        }
    }

    func work(index: Int) {
        var seen: UInt64 = 0
        while true {
            var spins = 0
            while ticket.load(ordering: .acquiring) >> 32 == seen {
                if stopping.load(ordering: .acquiring) { return }
                limn_spin_pause()
                spins += 1
                if spins > Self.spinsBeforeYield { sched_yield() }
                if spins > Self.spinsBeforeSleep { sleep(while: seen) }
            }
            seen = ticket.load(ordering: .acquiring) >> 32
            drain(job: seen, index: index)
        }
    }

    func stop() {
        stopping.store(true, ordering: .sequentiallyConsistent)
        pthread_mutex_lock(mutex)
        pthread_cond_broadcast(wake)
        pthread_mutex_unlock(mutex)
    }

    private func sleep(while seen: UInt64) {
        pthread_mutex_lock(mutex)
        sleepers.add(1, ordering: .sequentiallyConsistent)
        while ticket.load(ordering: .sequentiallyConsistent) >> 32 == seen,
            !stopping.load(ordering: .sequentiallyConsistent)
        {
            pthread_cond_wait(wake, mutex)
        }
        sleepers.subtract(1, ordering: .sequentiallyConsistent)
        pthread_mutex_unlock(mutex)
    }

    private func drain(job: UInt64, index: Int) {
        var current = ticket.load(ordering: .acquiring)
        while current >> 32 == job {
            let remaining = Int(current & 0xffff_ffff)
            if remaining == 0 { return }
            let (exchanged, original) = ticket.compareExchange(
                expected: current, desired: current - 1, ordering: .acquiringAndReleasing)
            guard exchanged else {
                current = original
                continue
            }
            // From here to `completed` the job cannot end, so these three are its own.
            let task = taskCount.load(ordering: .relaxed) - remaining
            let body = self.body.load(ordering: .relaxed)
            if let context = UnsafeRawPointer(bitPattern: context.load(ordering: .relaxed)) {
                unsafeBitCast(body, to: ThreadPool.Body.self)(context, task, scratch[index])
            }
            completed.add(1, ordering: .releasing)
            current = ticket.load(ordering: .acquiring)
        }
    }
}
