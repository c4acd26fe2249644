import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What was wrong with a weight file: the file, the tensor if one is to blame, and a sentence for people that
/// says what was expected and, where it helps, what to do.
package struct CheckpointError: Error, Equatable, Sendable, CustomStringConvertible {
    package let path: String
    package let tensor: String?
    package let problem: String

    package init(path: String, tensor: String? = nil, problem: String) {
        self.path = path
        self.tensor = tensor
        self.problem = problem
    }

    package var description: String {
        let file = printable(path, limit: 4096)
        guard let tensor else { return "\(file): \(problem)" }
        return "\(file): tensor \(quoted(tensor)): \(problem)"
    }

    /// A failed system call: `action` completes "cannot …", `code` is errno.
    package static func system(_ path: String, _ action: String, code: Int32) -> CheckpointError {
        CheckpointError(path: path, problem: "cannot \(action): \(reason(code))")
    }

    /// "2 of 209 tensors are not used: …"
    package static func notUsed(_ names: [String], of count: Int) -> String {
        "\(names.count) of \(count) tensor\(count == 1 ? "" : "s") \(names.count == 1 ? "is" : "are") not used: "
            + listed(names)
    }

    package static func lenientAdvice(_ count: Int) -> String {
        "--lenient loads the rest without \(count == 1 ? "it" : "them")"
    }

    /// Such values would only show as a black picture at the end.
    static func notFinite(_ path: String, _ tensor: String) -> CheckpointError {
        CheckpointError(
            path: path, tensor: tensor,
            problem: "it has values that are infinite or no numbers (NaN): its training went wrong, or the file is "
                + "damaged; get another version of the model")
    }

    /// strerror is not safe to call from several threads and knows no remedies, so the likely codes are spelled out.
    private static func reason(_ code: Int32) -> String {
        switch code {
        case ENOENT: "there is no such file or folder; check the path"
        case EACCES, EPERM: "permission denied; check who owns the file and its folder"
        case ELOOP: "its symbolic links go round in a circle; point the link at a real file"
        case EEXIST, ENOTEMPTY: "something of that name is there already; choose another name"
        case ENOTDIR: "a part of the path is a file, not a folder; check the path"
        case EISDIR: "it is a folder, not a file; give the name of a file"
        case ENAMETOOLONG: "the path is too long"
        case ENOSPC, EDQUOT: "the disk is full; free some space and try again"
        case EFBIG: "the file would be larger than this system or user may write"
        case EROFS: "the file system is read-only; choose another folder"
        case EMFILE, ENFILE: "too many files are open; raise the limit with `ulimit -n`"
        case ENOMEM: "not enough memory"
        case ENXIO, ENODEV: "it is not an ordinary file"
        case EIO: "the disk reported an input/output error"
        default: "system error \(code)"
        }
    }
}

/// The first few names, quoted, and how many more there are.
func listed(_ names: some Collection<String>, first: Int = 5) -> String {
    let shown = names.prefix(first).map { quoted($0) }.joined(separator: ", ")
    return names.count > first ? "\(shown) and \(names.count - first) more" : shown
}

extension JSONScanner {
    /// A scanner whose errors name a weight file; its context is the tensor whose entry is being read.
    init(_ bytes: UnsafeRawBufferPointer, path: String, subject: String) {
        self.init(bytes, subject: subject) { problem, tensor in
            CheckpointError(path: path, tensor: tensor, problem: problem)
        }
    }
}
