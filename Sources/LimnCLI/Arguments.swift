import Glibc
import Limn

/// Text from outside: arguments and standard input.
enum Arguments {
    /// The longest prompt that is read from standard input, far above what any model reads.
    private static let longestPrompt = 16 << 20

    /// Swift mends arguments that are not UTF-8 silently, so the bytes are looked at first.
    ///
    /// - Throws: `LimnError` naming the argument's place
    static func checkEncoding() throws {
        for index in 0..<max(0, Int(CommandLine.argc)) {
            guard let argument = CommandLine.unsafeArgv[index] else { continue }
            let bytes = UnsafeBufferPointer(start: argument, count: strlen(argument))
            guard bytes.withMemoryRebound(to: UInt8.self, { String(validating: $0, as: UTF8.self) }) != nil else {
                throw LimnError(
                    "argument \(index) (\"\(String(decoding: bytes.lazy.map(UInt8.init), as: UTF8.self))\") is not "
                        + "UTF-8; set the terminal to UTF-8, or recode it with iconv", isUsage: true)
            }
        }
    }

    /// A prompt as given, or standard input's text for "-", without the line break at its end.
    ///
    /// - Throws: `LimnError` if it is not UTF-8, far too long, or has a NUL character, which no picture can record
    static func prompt(_ argument: String) throws -> String {
        guard argument == "-" else { return argument }
        var text = try standardInput()
        if text.last?.isNewline == true { text.removeLast() }
        guard !text.utf8.contains(0) else {
            throw LimnError("the prompt on standard input has a NUL character; give plain text", isUsage: true)
        }
        return text
    }

    private static func standardInput() throws -> String {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(STDIN_FILENO, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw LimnError("standard input cannot be read: \(String(cString: strerror(errno)))")
            }
            if count == 0 { break }
            bytes += chunk[..<count]
            guard bytes.count <= longestPrompt else {
                throw LimnError(
                    "the prompt on standard input is longer than \(longestPrompt >> 20) MiB; models read some dozens "
                        + "of words", isUsage: true)
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw LimnError("the prompt on standard input is not UTF-8; recode it with iconv", isUsage: true)
        }
        return text
    }
}
