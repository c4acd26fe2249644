#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An ordinary file, mapped read-only for as long as the object lives.
///
/// A file that another process shortens while it is mapped ends this process with SIGBUS at the next read past
/// its new end. Nothing in the process can prevent that short of copying the file; a file that is replaced by a
/// rename, as our own writer does, is safe.
final class MappedFile: Sendable {
    let path: String
    let count: Int
    // The mapping is never written to, so sharing the address between threads is safe.
    nonisolated(unsafe) let start: UnsafeRawPointer?

    /// - Throws: `CheckpointError` if the path is missing, not permitted, a folder, a loop of links, a pipe or a
    ///   device, or cannot be mapped. An empty file is allowed and has no bytes.
    init(path: String) throws {
        guard !path.utf8.contains(0) else {
            throw CheckpointError(path: path, problem: "a path cannot contain a NUL character")
        }
        // Without O_NONBLOCK, opening a pipe would wait for its other end for ever.
        let descriptor = retrying { open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY) }
        guard descriptor >= 0 else { throw CheckpointError.system(path, "open the file", code: errno) }
        defer { close(descriptor) }

        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw CheckpointError.system(path, "read the file's size", code: errno)
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw CheckpointError.system(path, "open the file", code: EISDIR)
        default:
            throw CheckpointError(
                path: path, problem: "it is a pipe, socket or device, but an ordinary file was expected")
        }
        guard let size = Int(exactly: status.st_size), size >= 0 else {
            throw CheckpointError.system(path, "map the file", code: EFBIG)
        }
        self.path = path
        count = size
        guard size > 0 else {
            start = nil
            return
        }
        guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0),
            address != UnsafeMutableRawPointer(bitPattern: -1)
        else { throw CheckpointError.system(path, "map the file into memory", code: errno) }
        start = UnsafeRawPointer(address)
    }

    deinit {
        if let start { munmap(UnsafeMutableRawPointer(mutating: start), count) }
    }

    /// The file's bytes, valid only within `body`.
    func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try withExtendedLifetime(self) { try body(UnsafeRawBufferPointer(start: start, count: count)) }
    }

    /// Tells the system that these bytes will not be wanted soon: they leave the process's memory, not the cache.
    func release(_ range: Range<Int>) {
        guard let start else { return }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        guard page > 0 else { return }
        // Whole pages only: others may hold a neighbour's bytes.
        let first = (range.lowerBound + page - 1) / page * page
        let last = range.upperBound / page * page
        if first < last { madvise(UnsafeMutableRawPointer(mutating: start + first), last - first, MADV_DONTNEED) }
    }
}

/// Repeats a system call that a signal interrupted.
func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result != -1 || errno != EINTR { return result }
    }
}

/// `folder` and a plain name in it as one path.
func joined(_ folder: String, _ name: String) -> String {
    folder.isEmpty ? name : folder.hasSuffix("/") ? folder + name : folder + "/" + name
}

/// The folder that a path's last part lies in, "." for a bare name.
func parentFolder(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// Whether there is something at a path that can be looked at, and is no folder.
func isFile(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFDIR
}
