import Dispatch
import Glibc
import Synchronization

/// Ctrl-C (SIGINT) and a polite kill (SIGTERM): the program ends at once with 130 or 143, except that a file that
/// is being written is finished or removed first. A second one does not wait for that.
enum Interruption {
    private struct State {
        var sources: [any DispatchSourceSignal] = []
        var isStopping = false
    }

    private static let state = Mutex(State())
    /// Held while a file is being written.
    private static let writing = Mutex(())

    static func install() {
        for number in [SIGINT, SIGTERM] where !isIgnored(number) {
            signal(number, SIG_IGN)
            state.withLock { state in
                let source = DispatchSource.makeSignalSource(signal: number, queue: .global(qos: .userInitiated))
                source.setEventHandler { @Sendable in stop(number) }
                source.resume()
                state.sources.append(source)
            }
        }
    }

    /// Whether a signal was heard: long work that writes should end soon.
    static var isStopping: Bool { state.withLock { $0.isStopping } }

    /// Runs `body`, which writes a file, to its end before an interruption takes effect.
    static func whileWriting<R>(_ body: () throws -> R) rethrows -> R {
        try writing.withLock { _ in try body() }
    }

    /// For work that was given up because of a signal: waits for the end of the program, which is near.
    static func awaitEnd() -> Never {
        while true { pause() }
    }

    private static func stop(_ number: Int32) {
        let isFirst = state.withLock { state in
            defer { state.isStopping = true }
            return !state.isStopping
        }
        guard isFirst else { _exit(128 + number) }
        // Another queue, so that a second signal is heard while this one waits.
        DispatchQueue.global().async { @Sendable in
            writing.withLock { _ in
                Console.note("limn: stopped")
                _exit(128 + number)
            }
        }
    }

    /// Whether the signal was ignored when the program began, as a shell does for jobs in the background.
    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
            == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}
