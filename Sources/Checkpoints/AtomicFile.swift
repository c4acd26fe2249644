import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Where bytes go while a file is being written.
package struct FileSink {
    let descriptor: Int32
    let path: String

    package init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    /// - Throws: `CheckpointError`, for instance when the disk is full.
    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        while !rest.isEmpty {
            #if canImport(Glibc)
                let written = retrying { Glibc.write(descriptor, rest.baseAddress, rest.count) }
            #elseif canImport(Musl)
                let written = retrying { Musl.write(descriptor, rest.baseAddress, rest.count) }
            #else
                let written = retrying { Darwin.write(descriptor, rest.baseAddress, rest.count) }
            #endif
            guard written > 0 else {
                throw CheckpointError.system(path, "write the file", code: written == 0 ? ENOSPC : errno)
            }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
        }
    }
}

/// A file that appears under its name only when it is complete: it is written under another name in the same
/// folder, forced to disk and renamed.
package enum AtomicFile {
    /// - Parameter replacing: whether a file of that name may be replaced
    /// - Throws: `CheckpointError`, or what `body` throws; either way nothing is left behind, and a file that was
    ///   there before is untouched.
    package static func write(to path: String, replacing: Bool = true, _ body: (FileSink) throws -> Void) throws {
        guard !path.utf8.contains(0) else {
            throw CheckpointError(path: path, problem: "a path cannot contain a NUL character")
        }
        try refuseSpecialFiles(path)
        // The name is short whatever `path` is, so that a long name cannot become too long; O_EXCL guards against
        // a file or link that is there already.
        let folder = parentFolder(path)
        let temporary = joined(folder, ".limn-\(getpid())-\(UInt32.random(in: 0 ... .max)).partial")
        let descriptor = retrying { open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) }
        guard descriptor >= 0 else {
            throw CheckpointError.system(path, "create a file in \(quoted(folder))", code: errno)
        }
        var isOpen = true
        do {
            try body(FileSink(descriptor: descriptor, path: path))
            guard fsync(descriptor) == 0 else {
                throw CheckpointError.system(path, "write the file to disk", code: errno)
            }
            // After close the descriptor is gone even if an error is reported, so it is never closed twice.
            isOpen = false
            guard close(descriptor) == 0 else {
                throw CheckpointError.system(path, "write the file to disk", code: errno)
            }
            // A link is refused where there is a file of the name, be it one that came into being a moment ago.
            guard (replacing ? rename(temporary, path) : link(temporary, path)) == 0 else {
                throw CheckpointError.system(path, "give the finished file its name", code: errno)
            }
            if !replacing { unlink(temporary) }
        } catch {
            if isOpen { close(descriptor) }
            unlink(temporary)
            throw error
        }
    }

    /// A rename would replace `/dev/null` or a pipe by an ordinary file.
    private static func refuseSpecialFiles(_ path: String) throws {
        var status = stat()
        guard stat(path, &status) == 0 else { return }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return
        case S_IFDIR: throw CheckpointError.system(path, "write the file", code: EISDIR)
        default:
            throw CheckpointError(
                path: path,
                problem: "cannot write the file: a pipe, socket or device has that name; choose another")
        }
    }
}
