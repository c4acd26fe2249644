import Dispatch

/// Runs a model's work on a thread that may block for minutes, away from Swift's own few threads.
final class ModelExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "limn.model", qos: .userInitiated)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    /// Runs `body` on such a thread.
    static func detached<R: Sendable>(_ body: @escaping @Sendable () throws -> sending R) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result { try body() }) }
        }
    }
}
