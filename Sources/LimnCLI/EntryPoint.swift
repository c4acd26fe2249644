import ArgumentParser
import Glibc
import Limn

/// The program's way in and out: arguments are checked before they are parsed, and every error leaves with its
/// words on standard error and its exit code, 1 for a failure and 64 for wrong usage.
@main
enum Main {
    static func main() async {
        Console.prepare()
        do {
            try Arguments.checkEncoding()
            var command = try await LimnCommand.asyncParseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let error as LimnError {
            Console.error(error.description)
            exit(error.isUsage ? ExitCode.validationFailure.rawValue : ExitCode.failure.rawValue)
        } catch {
            // The parser's own: help, version, completion scripts, and wrong flags.
            guard LimnCommand.exitCode(for: error) == .validationFailure else { LimnCommand.exit(withError: error) }
            Console.error(usageMessage(error))
            exit(ExitCode.validationFailure.rawValue)
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
