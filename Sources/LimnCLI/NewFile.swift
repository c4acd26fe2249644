import Glibc
import Limn

/// A name in the file system that is taken before its content is written, so that two programs cannot take the same.
enum NewFile {
    /// - Throws: `LimnError` if the name is taken or the file cannot be made
    static func reserve(_ path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else {
            throw LimnError("\(path): cannot be made: \(String(cString: strerror(errno)))")
        }
        close(descriptor)
    }

    static func remove(_ path: String) { unlink(path) }
}
