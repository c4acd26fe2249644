import FoundationEssentials
import Glibc

/// The folders that come with Limn: weights and tokenizers, looked for around the running program.
package enum SharedFolder {
    /// The paths where a folder may lie, in the order in which they are tried: below `../share/limn` next to the
    /// program's folder, where `make install` puts it; in the folders above the program, as in a clone of the
    /// repository; and in the current folder.
    ///
    /// - Parameter name: the folder's path in the repository, such as `weights/icons-128`
    package static func candidates(_ name: String, programFolder: String?) -> [String] {
        var result: [String] = []
        if let programFolder {
            var folder = programFolder[...]
            if let slash = folder.lastIndex(of: "/") {
                result.append("\(folder[..<slash])/share/limn/\(name)")
            }
            while let slash = folder.lastIndex(of: "/") {
                result.append("\(folder)/\(name)")
                folder = folder[..<slash]
            }
        }
        return result + [name]
    }

    /// The first of the candidates that contains `file`, which may be a folder; nil if none does.
    static func find(_ name: String, holding file: String) -> String? {
        candidates(name, programFolder: programFolder).first {
            FileManager.default.fileExists(atPath: $0 + "/" + file)
        }
    }

    /// The folder of the running program, symbolic links resolved, so that a link to it in another folder works.
    static var programFolder: String? {
        guard let resolved = realpath("/proc/self/exe", nil) else { return nil }
        defer { free(resolved) }
        let path = String(cString: resolved)
        return path.lastIndex(of: "/").map { String(path[..<$0]) }
    }
}
