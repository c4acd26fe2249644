import Glibc
import Limn

/// Where pictures go, from what `--output` says: a file, a folder, or a pattern. A name that is taken is never
/// written over: `apple.png` becomes `apple-1.png`, `apple-2.png`, ….
struct OutputNames: Equatable {
    /// Ends in "/", or is empty for the current folder.
    let folder: String
    /// The file's name without its ending, perhaps with `%d`, `{index}` or `{seed}` in it.
    let stem: String
    /// With its dot.
    let ending: String

    /// Checks, before minutes go into drawing, that the folder is there and can be written.
    ///
    /// - Parameter ending: which the file's name gets if it has none, such as ".png"
    /// - Throws: `LimnError` saying what is wrong with the folder or the name
    init(_ argument: String, ending: String = ".png", defaultStem: String = "output") throws {
        guard !argument.isEmpty else { throw LimnError("the output's name is empty; give a file's", isUsage: true) }
        let kind = FileKind(of: argument)
        if kind == .other {
            throw LimnError("\(argument) is a pipe or a device; give the name of an ordinary file", isUsage: true)
        }
        if kind == .folder || argument.hasSuffix("/") {
            folder = argument.hasSuffix("/") ? argument : argument + "/"
            (stem, self.ending) = (defaultStem, ending)
        } else {
            let cut = argument.lastIndex(of: "/").map { argument.index(after: $0) } ?? argument.startIndex
            folder = String(argument[..<cut])
            (stem, self.ending) = try Self.split(String(argument[cut...]), ending: ending)
        }
        try Self.checkFolder(folder.isEmpty ? "." : folder)
    }

    /// The names that a picture may get, the first free of which is taken.
    ///
    /// - Parameter index: which picture of the run, from 1
    func candidates(index: Int, seed: UInt64) -> some Sequence<String> {
        let name = folder + filled(index: index, seed: seed)
        let ending = ending
        return (0..<100_000).lazy.map { $0 == 0 ? name + ending : "\(name)-\($0)\(ending)" }
    }

    /// Writes a file under the first name that is free.
    ///
    /// - Parameter write: must fail if a file of the name exists
    /// - Returns: the name
    func place(index: Int, seed: UInt64, _ write: (String) throws -> Void) throws -> String {
        for path in candidates(index: index, seed: seed) where FileKind(of: path) == .missing {
            do {
                try write(path)
                return path
            } catch {
                // Someone else may have taken the name a moment ago.
                guard FileKind(of: path) != .missing else { throw error }
            }
        }
        throw LimnError(
            "\(folder)\(stem)\(ending): this name and its numbered ones are all taken; give another with -o")
    }

    private func filled(index: Int, seed: UInt64) -> String {
        var result = ""
        var rest = Substring(stem)
        while let first = rest.first {
            if rest.hasPrefix("{seed}") {
                result += String(seed)
                rest = rest.dropFirst("{seed}".count)
            } else if rest.hasPrefix("{index}") {
                result += String(index)
                rest = rest.dropFirst("{index}".count)
            } else if first == "%", let (width, tail) = Self.number(rest) {
                let digits = String(index)
                result += String(repeating: "0", count: max(0, width - digits.count)) + digits
                rest = tail
            } else {
                result.append(first)
                rest = rest.dropFirst()
            }
        }
        return result
    }

    /// Reads `%d` or `%03d`: the width and what comes after.
    private static func number(_ text: Substring) -> (width: Int, rest: Substring)? {
        let digits = text.dropFirst().prefix { $0.isASCII && $0.isNumber }
        let rest = text.dropFirst(1 + digits.count)
        guard rest.first == "d", digits.count <= 2 else { return nil }
        return (Int(digits) ?? 0, rest.dropFirst())
    }

    private static func split(_ name: String, ending: String) throws -> (String, String) {
        guard name != ".", name != ".." else { throw LimnError("\(name) is not a file's name", isUsage: true) }
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return (name, ending) }
        let own = String(name[dot...])
        if own.lowercased() == ending { return (String(name[..<dot]), own) }
        let pictures = [".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".ppm"]
        if ending == ".png", pictures.contains(own.lowercased()) {
            throw LimnError("\(name): limn writes PNG pictures; let the name end in .png", isUsage: true)
        }
        return (name, ending)
    }

    private static func checkFolder(_ folder: String) throws {
        guard FileKind(of: folder) == .folder else {
            // With its slash at the end, a file would be reported as missing.
            let bare = folder.count > 1 && folder.hasSuffix("/") ? String(folder.dropLast()) : folder
            let exists = FileKind(of: bare) != .missing
            throw LimnError(
                exists
                    ? "\(folder) is not a folder; choose another place for the output"
                    : "the output folder \(folder) does not exist; make it first (mkdir -p) or choose another")
        }
        guard access(folder, W_OK | X_OK) == 0 else {
            let reason = errno == EROFS ? "is read-only" : "may not be written by you"
            throw LimnError("the output folder \(folder) \(reason); choose another with -o")
        }
    }
}

/// What lies at a path. Symbolic links are followed; one that leads nowhere counts as a file, as its name is taken.
enum FileKind {
    case missing, file, folder, other

    init(of path: String) {
        var status = stat()
        if stat(path, &status) == 0 {
            switch status.st_mode & S_IFMT {
            case S_IFREG: self = .file
            case S_IFDIR: self = .folder
            default: self = .other
            }
        } else {
            self = lstat(path, &status) == 0 ? .file : .missing
        }
    }
}
