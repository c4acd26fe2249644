#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An open ordinary file, closed when the value goes away.
struct OpenFile: ~Copyable {
    let descriptor: Int32
    /// In bytes, as it was on opening.
    var size = 0

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Hands the descriptor to someone else who will close it.
    consuming func handedOver() -> Int32 {
        let descriptor = descriptor
        discard self
        return descriptor
    }
}

/// What lies at a path.
enum PathKind {
    case missing, file, folder, other
    case unknown(errno: Int32)

    /// Follows symbolic links.
    init(of path: String) {
        var status = stat()
        if stat(path, &status) != 0 {
            self = errno == ENOENT ? .missing : .unknown(errno: errno)
        } else {
            self.init(mode: status.st_mode)
        }
    }

    init(mode: mode_t) {
        switch mode & S_IFMT {
        case S_IFREG: self = .file
        case S_IFDIR: self = .folder
        default: self = .other
        }
    }
}

/// The operating system's words for an error number, lower-case at the start as they follow a colon.
func systemMessage(_ number: Int32) -> String {
    let text = strerror(number).map { String(cString: $0) } ?? "error \(number)"
    return text.prefix(1).lowercased() + text.dropFirst()
}

/// Opens an ordinary file for reading; a folder, a device or a pipe is refused without waiting on it.
func openPicture(_ path: String) throws(ImageError) -> OpenFile {
    guard !path.isEmpty, !path.utf8.contains(0) else {
        throw .cannotRead(
            path: path, reason: "this is not a file name", advice: "give the path of a PNG file")
    }
    // Without O_NONBLOCK, opening a FIFO waits for a writer.
    let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { throw readingError(path, errno) }
    var file = OpenFile(descriptor)
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw readingError(path, errno) }
    switch PathKind(mode: status.st_mode) {
    case .file:
        file.size = Int(status.st_size)
        return file
    case .folder:
        throw .cannotRead(path: path, reason: "it is a folder", advice: "give the path of a PNG file in it")
    default:
        throw .cannotRead(
            path: path, reason: "it is a pipe or a device",
            advice: "save the picture to a file and give its path")
    }
}

func readingError(_ path: String, _ number: Int32) -> ImageError {
    let advice =
        switch number {
        case ENOENT, ENOTDIR: "check the spelling of the path"
        case EACCES, EPERM: "check the permissions of the file and of the folders above it"
        case ELOOP: "the symbolic links in the path go in a circle"
        case EMFILE, ENFILE: "close other files or raise the limit (ulimit -n)"
        default: "check the path and the disk"
        }
    return .cannotRead(path: path, reason: systemMessage(number), advice: advice)
}

/// The first bytes of a file, at most `count`, without moving the reading position.
func firstBytes(_ file: borrowing OpenFile, count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
        initialized = max(0, pread(file.descriptor, buffer.baseAddress, count, 0))
    }
}

/// Writes all bytes, however many calls it takes; returns 0 or the error number.
package func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
    bytes.withUnsafeBytes { buffer in
        var done = 0
        while done < buffer.count, let base = buffer.baseAddress {
            let written = write(descriptor, base + done, buffer.count - done)
            if written > 0 {
                done += written
            } else if written < 0 && errno != EINTR {
                return errno
            }
        }
        return 0
    }
}
