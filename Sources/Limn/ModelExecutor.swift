import Dispatch
import Synchronization

/// Runs a model's work on a thread that may block for minutes, away from Swift's own few threads.
final class ModelExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "limn.model", qos: .userInitiated)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    /// Runs `body` on such a thread. It belongs to no task, so `body` is told whether this one was cancelled.
    static func detached<R: Sendable>(
        _ body: @escaping @Sendable (_ isCancelled: @escaping @Sendable () -> Bool) throws -> sending R
    ) async throws -> R {
        let flag = Flag()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                DispatchQueue.global().async { continuation.resume(with: Result { try body { flag.isSet } }) }
            }
        } onCancel: {
            flag.set()
        }
    }
}

private final class Flag: Sendable {
    private let value = Atomic<Bool>(false)
    var isSet: Bool { value.load(ordering: .relaxed) }
    func set() { value.store(true, ordering: .relaxed) }
}
