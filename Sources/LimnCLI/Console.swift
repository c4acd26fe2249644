import FoundationEssentials
import Glibc
import Limn
import Synchronization

/// The two streams that people and programs read: standard output for results, standard error for all else.
enum Console {
    /// Columns of the line that is being redrawn on standard error; 0 for none. Also keeps writers apart.
    private static let drawnColumns = Mutex(0)

    /// Makes the streams safe to write to.
    static func prepare() {
        // A closed pipe, or a file beyond the size limit, then shows as an error of the call instead of ending the
        // program half-way.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        // Were a standard stream closed, the next file opened would take its number and the messages meant for it.
        while true {
            let descriptor = open("/dev/null", O_RDWR)
            guard (0...STDERR_FILENO).contains(descriptor) else {
                close(descriptor)
                return
            }
        }
    }

    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }
    static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Columns of the terminal on standard error.
    static var width: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Whether the terminal shows characters beyond ASCII.
    static var isUnicode: Bool {
        let environment = ProcessInfo.processInfo.environment
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
        return locale?.lowercased().replacing("-", with: "").contains("utf8") ?? false
    }

    /// A line of results.
    ///
    /// - Throws: `LimnError` if it cannot be written, for instance to a full disk. A reader that has gone away is
    ///   no error.
    static func output(_ line: String) throws {
        clear()
        let failure = write(line + "\n", to: STDOUT_FILENO)
        guard failure == 0 || failure == EPIPE else {
            throw LimnError("standard output cannot be written: \(String(cString: strerror(failure)))")
        }
    }

    /// A file for another program to read.
    ///
    /// - Throws: `LimnError` if it cannot be written, also if the reader has gone away
    static func output(_ bytes: [UInt8]) throws {
        clear()
        let failure = bytes.withUnsafeBytes { write($0, to: STDOUT_FILENO) }
        guard failure == 0 else {
            throw LimnError("the picture cannot be written to standard output: \(String(cString: strerror(failure)))")
        }
    }

    static func error(_ text: String) { note("limn: " + text) }

    static func warning(_ text: String) { note("limn: warning: " + text) }

    /// A line on standard error.
    static func note(_ text: String) {
        clear()
        write(printable(text) + "\n", to: STDERR_FILENO)
    }

    /// Draws a line in place of the one that was drawn before.
    static func redraw(_ line: String) {
        drawnColumns.withLock { columns in
            let padding = String(repeating: " ", count: max(0, columns - line.count))
            write("\r" + line + padding, to: STDERR_FILENO)
            columns = line.count
        }
    }

    /// Takes the redrawn line away.
    static func clear() {
        drawnColumns.withLock { columns in
            guard columns > 0 else { return }
            write("\r" + String(repeating: " ", count: columns) + "\r", to: STDERR_FILENO)
            columns = 0
        }
    }

    /// Without control characters: what a file or a prompt says must not steer the terminal.
    static func printable(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let isControl = scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t"
            result.append(isControl ? "\u{FFFD}" : scalar)
        }
        return String(result)
    }

    /// Returns 0 or the error number.
    @discardableResult
    private static func write(_ text: String, to descriptor: Int32) -> Int32 {
        var text = text
        return text.withUTF8 { write(UnsafeRawBufferPointer($0), to: descriptor) }
    }

    private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int32 {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count > 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            } else if errno != EINTR {
                return errno
            }
        }
        return 0
    }
}
