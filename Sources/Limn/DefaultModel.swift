import FoundationEssentials
import Glibc

/// The model that is used when none is named: the one that comes with Limn.
public enum DefaultModel {
    /// The name of its folder.
    public static let name = "icons-64"
    /// Names another folder to be the default.
    public static let environmentVariable = "LIMN_MODEL"

    /// The folder of the default model. In this order: what the environment variable `LIMN_MODEL` names;
    /// `../share/limn/weights/icons-64` beside the folder of the running program, where `make install` puts it;
    /// `weights/icons-64` in one of the folders above the program, as in a clone of the repository; and the same
    /// in the current folder.
    ///
    /// - Throws: `LimnError` that says where was looked and what to do
    public static func locate() throws -> String {
        if let named = ProcessInfo.processInfo.environment[environmentVariable], !named.isEmpty { return named }
        let program = programFolder()
        let candidates = candidates(programFolder: program)
        if let found = candidates.first(where: isModelFolder) { return found }
        throw LimnError(
            "the model that comes with limn was not found; looked for \(candidates.first ?? "") and for "
                + "weights/\(name) in the folders above the program and in the current one.\n"
                + "Give a model's folder with -m, or name it in the environment variable \(environmentVariable).")
    }

    /// Where the default model may lie, the likeliest first.
    package static func candidates(programFolder: String?) -> [String] {
        var result: [String] = []
        if let programFolder {
            var folder = programFolder[...]
            if let slash = folder.lastIndex(of: "/") {
                result.append("\(folder[..<slash])/share/limn/weights/\(name)")
            }
            while let slash = folder.lastIndex(of: "/") {
                result.append("\(folder)/weights/\(name)")
                folder = folder[..<slash]
            }
        }
        return result + ["weights/\(name)"]
    }

    private static func isModelFolder(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: path + "/unet")
    }

    /// The folder of the running program, symbolic links resolved, so that a link to it in another folder works.
    private static func programFolder() -> String? {
        guard let resolved = realpath("/proc/self/exe", nil) else { return nil }
        defer { free(resolved) }
        let path = String(cString: resolved)
        return path.lastIndex(of: "/").map { String(path[..<$0]) }
    }
}
