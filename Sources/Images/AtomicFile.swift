#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Writes a file so that its name always shows a whole file: first under a temporary name in the same folder, then
/// renamed once the bytes are on the disk. If anything fails the temporary is removed and what was there before stays.
package enum AtomicFile {
    /// - Parameter replacing: whether an existing file of this name may be replaced. If not, and one exists (even
    ///   one that came into being a moment ago), an error is thrown and it stays as it is.
    /// - Throws: `ImageError.cannotWrite`.
    package static func write(_ bytes: [UInt8], to path: String, replacing: Bool = true) throws(ImageError) {
        let target = try checkedTarget(path, replacing: replacing)
        let (temporary, descriptor) = try createTemporary(beside: target, for: path)
        var failure = writeAll(bytes, to: descriptor)
        if failure == 0 && fsync(descriptor) != 0 && errno != EINVAL { failure = errno }
        // Some network file systems report a full disk only here.
        if close(descriptor) != 0 && failure == 0 { failure = errno }
        if failure == 0 { failure = move(temporary, to: target, replacing: replacing) }
        guard failure == 0 else {
            unlink(temporary)
            throw writingError(path, failure)
        }
    }

    /// The path to write to, symbolic links to a file resolved so that the link stays a link.
    private static func checkedTarget(_ path: String, replacing: Bool) throws(ImageError) -> String {
        let (_, name) = split(path)
        guard !name.isEmpty, name != ".", name != "..", !path.utf8.contains(0) else {
            throw .cannotWrite(
                path: path, reason: "this is not a file name", advice: "give a name that ends in .png")
        }
        switch PathKind(of: path) {
        case .missing:
            return path
        case .unknown(let number):
            throw writingError(path, number)
        case .folder:
            throw writingError(path, EISDIR)
        case .other:
            // Renaming over a device or a pipe would remove it.
            throw .cannotWrite(
                path: path, reason: "it is a pipe or a device", advice: "give the name of an ordinary file")
        case .file:
            guard replacing else { throw writingError(path, EEXIST) }
            guard access(path, W_OK) == 0 else { throw writingError(path, errno) }
            guard let resolved = realpath(path, nil) else { return path }
            defer { free(resolved) }
            return String(cString: resolved)
        }
    }

    private static func createTemporary(
        beside target: String, for path: String
    ) throws(ImageError) -> (name: String, descriptor: Int32) {
        let (folder, _) = split(target)
        for _ in 0..<16 {
            let mark = String(UInt64.random(in: .min ... .max), radix: 36)
            let name = "\(folder)/.limn-\(getpid())-\(mark).tmp"
            let descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            if descriptor >= 0 { return (name, descriptor) }
            if errno != EEXIST { throw writingError(path, errno) }
        }
        throw writingError(path, EEXIST)
    }

    /// Returns 0 or the error number.
    private static func move(_ temporary: String, to target: String, replacing: Bool) -> Int32 {
        if !replacing {
            // link fails if the name exists, which rename would not.
            if link(temporary, target) == 0 {
                unlink(temporary)
                return 0
            }
            // File systems without hard links (FAT, some network ones): the look beforehand has to do.
            guard [EPERM, ENOTSUP, ENOSYS, EOPNOTSUPP].contains(errno) else { return errno }
            guard access(target, F_OK) != 0 else { return EEXIST }
        }
        return rename(temporary, target) == 0 ? 0 : errno
    }

    /// The folder (".", if none is given) and the last component of a path.
    private static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
        let folder = path[..<slash]
        return (folder.isEmpty ? "/" : String(folder), String(path[path.utf8.index(after: slash)...]))
    }

    /// The words for an error number met in writing `path`.
    package static func writingError(_ path: String, _ number: Int32) -> ImageError {
        let folder = shown(split(path).folder)
        let (reason, advice) =
            switch number {
            case ENOENT:
                ("the folder \(folder) does not exist", "make it first (mkdir -p) or choose another")
            case ENOTDIR:
                ("\(folder) is not a folder", "choose another folder")
            case EISDIR:
                ("it is a folder", "give a file name in it")
            case EEXIST:
                ("a file of this name exists", "choose another name")
            case EACCES, EPERM:
                ("no permission", "check the permissions of the folder \(folder), or choose another")
            case EROFS:
                ("the folder \(folder) is read-only", "choose another folder")
            case ENOSPC:
                ("the disk is full", "make room or choose a folder on another disk")
            case EDQUOT:
                ("your disk quota is used up", "make room or choose a folder on another disk")
            case EFBIG:
                ("the file would be larger than is allowed here", "raise the limit (ulimit -f)")
            case ENAMETOOLONG:
                ("the name is too long", "choose a shorter one")
            default:
                (systemMessage(number), "check the path and the disk")
            }
        return .cannotWrite(path: path, reason: reason, advice: advice)
    }
}
