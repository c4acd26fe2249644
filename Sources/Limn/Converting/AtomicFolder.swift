import Checkpoints
import FoundationEssentials
import Glibc

/// A folder that appears under its name only when it is complete: it is made under another name beside it, forced to
/// disk and renamed.
struct AtomicFolder {
    private let path: String

    /// - Throws: `LimnError` if something of the name is there already or the folder cannot be made, or what `body`
    ///   throws; either way nothing is left behind
    static func write(to path: String, _ body: (AtomicFolder) throws -> Void) throws {
        // Without a slash at its end, which would make the folder's inside its place.
        let path = URL(filePath: path).standardizedFileURL.path.trimmed(of: "/")
        let parent = URL(filePath: path).deletingLastPathComponent().path
        let number = UInt32.random(in: 0 ... .max)
        let temporary = (parent.isEmpty ? "." : parent) + "/.limn-\(getpid())-\(number).partial"
        guard mkdir(temporary, 0o777) == 0 else {
            throw LimnError("\(path): cannot be made: \(String(cString: strerror(errno)))")
        }
        do {
            try body(AtomicFolder(path: temporary))
            try sync(temporary)
            var status = stat()
            // A rename would take the place of an empty folder.
            guard lstat(path, &status) != 0 else {
                throw LimnError("\(path): there is something of this name already; give another name")
            }
            guard rename(temporary, path) == 0 else {
                throw LimnError("\(path): cannot be given its name: \(String(cString: strerror(errno)))")
            }
        } catch {
            try? FileManager.default.removeItem(atPath: temporary)
            throw error
        }
        try? sync(parent)
    }

    /// The path of a file to be in it, whose folder exists afterwards.
    func place(_ name: String) throws -> String {
        let file = path + "/" + name
        let folder = URL(filePath: file).deletingLastPathComponent().path
        guard mkdir(folder, 0o777) == 0 || errno == EEXIST else {
            throw LimnError("\(folder): cannot be made: \(String(cString: strerror(errno)))")
        }
        return file
    }

    func write(_ name: String, _ text: String) throws {
        try AtomicFile.write(to: try place(name)) { sink in
            var text = text
            try text.withUTF8 { try sink.write(UnsafeRawBufferPointer($0)) }
        }
    }

    func copy(_ source: String, to name: String) throws {
        guard let data = try? Data(contentsOf: URL(filePath: source)) else {
            throw LimnError("\(source): cannot be read")
        }
        try AtomicFile.write(to: try place(name)) { sink in try data.withUnsafeBytes { try sink.write($0) } }
    }

    /// Forces a folder's entries, and those of its folders, to disk.
    private static func sync(_ path: String) throws {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
            var isFolder = false
            let inside = path + "/" + name
            if FileManager.default.fileExists(atPath: inside, isDirectory: &isFolder), isFolder,
                path.hasSuffix(".partial")
            {
                try sync(inside)
            }
        }
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        // Some file systems cannot; then the files' own fsync must do.
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw LimnError("\(path): cannot be written to disk: \(String(cString: strerror(errno)))")
        }
    }
}

extension String {
    fileprivate func trimmed(of ending: Character) -> String {
        var text = self[...]
        while text.count > 1, text.last == ending { text = text.dropLast() }
        return String(text)
    }
}
