import Foundation
import Limn
import TestSupport
import Testing

/// What a run of the program left behind.
struct Outcome {
    let status: Int32
    let output: String
    let error: String

    /// The lines of standard output.
    var lines: [String] { output.split(separator: "\n").map(String.init) }
}

/// Runs the program that was built, each time as a process of its own, in a folder of the test's.
struct CommandRunner {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// The product `limn` lies beside the test bundle.
    static let program: String = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("limn").path
    }()

    /// A real, tiny model, whose pictures of 64×64 pixels take milliseconds.
    static let tinyModel = Fixtures.path("pipeline-a")

    /// The names of the files in the test's folder.
    var files: [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()) ?? [] }

    func run(_ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:]) async throws -> Outcome {
        try await start([Self.program] + arguments, input: input, environment: environment).outcome()
    }

    /// Runs a line of shell in which "$0" is the program; for what a process cannot ask of itself.
    func shell(_ line: String, _ arguments: [String] = []) async throws -> Outcome {
        try await start(["/bin/sh", "-c", line, Self.program] + arguments).outcome()
    }

    /// Draws with the tiny model, two steps, in the test's folder.
    func draw(_ arguments: [String], input: [UInt8] = []) async throws -> Outcome {
        try await run(["-m", Self.tinyModel, "--steps", "2"] + arguments, input: input)
    }

    func bytes(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: folder.file(name))) }

    func picture(_ name: String) throws -> Picture { try Picture(contentsOf: folder.file(name)) }

    func start(
        _ command: [String], input: [UInt8] = [], environment: [String: String] = [:]
    ) throws -> RunningCommand {
        try RunningCommand(command, in: folder.path, input: input, environment: environment)
    }
}

/// A process, its output going to files so that it never waits for a reader. Made with posix_spawn: Foundation's
/// Process takes note of an end only once every process that was started at the same time has ended too.
final class RunningCommand: Sendable {
    let identifier: pid_t
    private let streams: TemporaryFolder
    private let ended: Task<Int32, Never>
    /// Seconds until a process that hangs is killed.
    private static let patience = 300.0

    init(_ command: [String], in folder: String, input: [UInt8], environment: [String: String]) throws {
        let streams = try TemporaryFolder()
        for name in ["output", "error"] { try streams.write([], to: name) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let inputPath = try streams.write(input, to: "input")
        posix_spawn_file_actions_addopen(&actions, 0, inputPath, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, streams.file("output"), O_WRONLY | O_APPEND, 0)
        posix_spawn_file_actions_addopen(&actions, 2, streams.file("error"), O_WRONLY | O_APPEND, 0)

        // A harness in the background may have Ctrl-C ignored, which processes inherit.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGINT, SIGTERM, SIGPIPE, SIGXFSZ] { sigaddset(&signals, number) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))

        let variables = Self.environment.merging(environment) { $1 }
        // posix_spawn has no portable way to name the folder.
        let inFolder = ["/bin/sh", "-c", #"cd "$0" && exec "$@""#, folder] + command
        var words = inFolder.map { strdup($0) } + [nil]
        var settings = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in words + settings { free(pointer) } }
        var identifier: pid_t = 0
        let failure = posix_spawn(&identifier, inFolder[0], &actions, &attributes, &words, &settings)
        try #require(failure == 0, "\(command[0]): \(String(cString: strerror(failure)))")
        self.identifier = identifier
        self.streams = streams
        ended = Task { [identifier] in await Self.end(of: identifier) }
    }

    /// What every program gets: none of the settings of the one who runs the tests (a locale, a terminal's width, a
    /// model of their own), only what programs need to run at all, and what a run of the tests as a whole is about.
    private static let environment: [String: String] = {
        let own = ProcessInfo.processInfo.environment.filter { name, _ in
            ["PATH", "TMPDIR", "LD_LIBRARY_PATH", "LIMN_KERNELS"].contains(name) || name.hasPrefix("OPENBLAS_")
                || name.hasSuffix("SAN_OPTIONS")
        }
        return own.merging(["LANG": "C.UTF-8"]) { $1 }
    }()

    /// The exit status, or 128 and the signal, as a shell tells it.
    private static func end(of process: pid_t) async -> Int32 {
        let clock = ContinuousClock()
        let limit = clock.now + .seconds(patience)
        var status: Int32 = 0
        while waitpid(process, &status, WNOHANG) == 0 {
            if clock.now > limit { kill(process, SIGKILL) }
            try? await Task.sleep(for: .milliseconds(5))
        }
        let signal = status & 0x7F
        return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
    }

    var error: String { text("error") }

    func outcome() async -> Outcome {
        let status = await ended.value
        return Outcome(status: status, output: text("output"), error: text("error"))
    }

    private func text(_ name: String) -> String {
        let data = try? Data(contentsOf: URL(fileURLWithPath: streams.file(name)))
        return String(decoding: data ?? Data(), as: UTF8.self)
    }
}

/// Expects a failure as users should meet it: the exit code, one or two lines that hold the words, nothing on
/// standard output, no names of Swift types.
func expectFailure(
    _ outcome: Outcome, status: Int32, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(outcome.status == status, "\(outcome.error)", sourceLocation: sourceLocation)
    #expect(outcome.output.isEmpty, sourceLocation: sourceLocation)
    for word in words {
        #expect(outcome.error.contains(word), "\(outcome.error)", sourceLocation: sourceLocation)
    }
    let lines = outcome.error.split(separator: "\n")
    #expect((1...2).contains(lines.count), "\(outcome.error)", sourceLocation: sourceLocation)
    #expect(outcome.error.hasPrefix("limn: "), "\(outcome.error)", sourceLocation: sourceLocation)
    for name in ["LimnError", "ModelError", "CheckpointError", "Optional(", "Swift."] {
        #expect(!outcome.error.contains(name), "\(outcome.error)", sourceLocation: sourceLocation)
    }
}
