import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reads the files of a tokenizer's folder.
enum InputFile {
    /// Far above any tokenizer in the field (XLM-R's tokenizer.json has 17 MB).
    static let largest = 256 << 20

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The bytes of an ordinary file.
    static func bytes(_ path: String) throws -> [UInt8] {
        func failure(_ reason: String) -> TokenizerError { .unreadable(file: path, reason: reason) }
        var status = stat()
        guard stat(path, &status) == 0 else { throw failure(lastError()) }
        // Looked at before opening: opening a named pipe would wait for a writer.
        guard status.st_mode & S_IFMT == S_IFREG else { throw failure("not an ordinary file") }
        let size = Int(status.st_size)
        guard size <= largest else { throw failure("\(size) bytes are too many for a tokenizer's file") }
        guard size > 0 else { throw failure("the file is empty") }
        guard hasMemory(size) else { throw TokenizerError.outOfMemory(file: path) }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(lastError()) }
        defer { close(descriptor) }
        var failed: String?
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
            while filled < size, let base = buffer.baseAddress {
                let count = read(descriptor, base + filled, size - filled)
                if count > 0 { filled += count }
                if count == 0 { break }
                if count < 0, errno != EINTR {
                    failed = lastError()
                    break
                }
            }
        }
        if let failed { throw failure(failed) }
        return bytes
    }

    /// Whether so many bytes are to be had now: Swift's own arrays end the program where they are not.
    static func hasMemory(_ byteCount: Int) -> Bool {
        guard let memory = malloc(byteCount) else { return false }
        free(memory)
        return true
    }

    private static func lastError() -> String { String(cString: strerror(errno)) }
}

extension JSON {
    /// The value that a tokenizer's file holds.
    static func read(file: String) throws -> JSON {
        do {
            return try JSON(parsing: try InputFile.bytes(file))
        } catch let error as JSONError {
            throw TokenizerError.malformed(file: file, reason: error.description)
        }
    }
}
