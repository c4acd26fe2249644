import ArgumentParser
import Glibc
import Limn

/// The program's way in and out: arguments are checked before they are parsed, and every error leaves with its
/// words on standard error and its exit code, 1 for a failure and 64 for wrong usage.
@main
enum Main {
    static func main() async {
        beginAnewUnderAMemoryLimit()
        Console.prepare()
        leave(with: await run())
    }

    /// When it is loaded, OpenBLAS starts worker threads, which limn does not use. Where memory for their stacks is lacking, a
    /// product waits for them for ever, or crashes. Whether it starts them is told by the environment alone, before the
    /// program begins; so under a limit of the address space the program begins once more, told so.
    private static func beginAnewUnderAMemoryLimit() {
        let name = "OPENBLAS_NUM_THREADS"
        var limit = rlimit()
        guard getenv(name) == nil, getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0,
            limit.rlim_cur != rlim_t.max
        else { return }
        setenv(name, "1", 1)
        // Where this fails, the program goes on as it is.
        execv("/proc/self/exe", CommandLine.unsafeArgv)
    }

    /// Ends the program without what libraries do at its end: OpenBLAS would wait there for threads that it could not
    /// start.
    private static func leave(with status: Int32) -> Never {
        fflush(nil)
        _exit(status)
    }

    /// - Returns: the exit status
    private static func run() async -> Int32 {
        do {
            try Arguments.checkEncoding()
            var command = try await LimnCommand.asyncParseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return ExitCode.success.rawValue
        } catch let error as LimnError {
            Console.error(error.description)
            return error.isUsage ? ExitCode.validationFailure.rawValue : ExitCode.failure.rawValue
        } catch {
            // The parser's own: help, version, completion scripts, and wrong flags.
            let status = LimnCommand.exitCode(for: error)
            guard status == .validationFailure else {
                return tell(LimnCommand.fullMessage(for: error), status)
            }
            Console.error(usageMessage(error))
            return status.rawValue
        }
    }

    /// Writes what the parser has to say.
    ///
    /// - Returns: the exit status
    private static func tell(_ text: String, _ status: ExitCode) -> Int32 {
        guard !text.isEmpty else { return status.rawValue }
        guard status.isSuccess else {
            Console.note(text)
            return status.rawValue
        }
        do {
            try Console.output(text)
            return status.rawValue
        } catch {
            Console.error(String(describing: error))
            return ExitCode.failure.rawValue
        }
    }

    /// What the parser says of wrong flags, in two lines: what is wrong, and where to read on.
    private static func usageMessage(_ error: any Error) -> String {
        let message = LimnCommand.message(for: error).split(separator: "\n").map { line in
            String(line.drop { $0 == " " })
        }
        let text = message.joined(separator: " ")
        let pointer = LimnCommand.fullMessage(for: error).split(separator: "\n").last.map { line in
            "\n" + line.drop { $0 == " " }
        }
        return text.prefix(1).lowercased() + text.dropFirst() + (pointer ?? "")
    }
}
