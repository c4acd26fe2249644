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
    /// - Throws: `LimnError` if it is empty, not UTF-8, far too long, or has a NUL character, which no picture can record
    static func prompt(_ argument: String) throws -> String {
        guard argument == "-" else { return argument }
        let bytes = try standardInput(
            atMost: longestPrompt,
            tooLong: "the prompt on standard input is longer than \(longestPrompt >> 20) MiB; models read some dozens "
                + "of words")
        guard var text = String(validating: bytes, as: UTF8.self) else {
            throw LimnError("the prompt on standard input is not UTF-8; recode it with iconv", isUsage: true)
        }
        if text.last?.isNewline == true { text.removeLast() }
        guard !text.utf8.contains(0) else {
            throw LimnError("the prompt on standard input has a NUL character; give plain text", isUsage: true)
        }
        // More often a program that failed than a wish.
        guard !text.allSatisfy(\.isWhitespace) else {
            throw LimnError("the prompt on standard input is empty; for an empty prompt, give -p \"\"", isUsage: true)
        }
        return text
    }

    /// The picture of a path, or on standard input for "-".
    ///
    /// - Throws: `LimnError` naming what is wrong with it
    static func picture(_ argument: String) throws -> Picture {
        guard argument == "-" else { return try Picture(contentsOf: argument) }
        guard isatty(STDIN_FILENO) == 0 else {
            throw LimnError(
                "- reads a picture from standard input, which is the terminal; pipe one in, or give its path",
                isUsage: true)
        }
        let bytes = try standardInput(
            atMost: largestPicture,
            tooLong: "the picture on standard input is larger than \(largestPicture >> 20) MiB; scale it down first")
        return try Picture(pngData: bytes, name: "standard input")
    }

    /// The largest file of a picture that is read from standard input: as large as any picture that can be read, packed
    /// not at all.
    private static let largestPicture = 1 << 30

    private static func standardInput(atMost limit: Int, tooLong: String) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(STDIN_FILENO, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw LimnError("standard input cannot be read: \(String(cString: strerror(errno)))")
            }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= limit else { throw LimnError(tooLong, isUsage: true) }
        }
    }
}
