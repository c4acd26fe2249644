import FoundationEssentials

/// A hub's cache of one model (`models--owner--name`): files under their checksums in `blobs/`, and for each version that
/// was fetched a folder of links to them in `snapshots/`, which is what can be loaded. `refs/main` names the newest.
enum HubCache {
    /// The folder to load: the newest version's, or the only one's; the path itself if it is no such cache.
    ///
    /// - Throws: `LimnError` if there is no version, or several and none is the newest
    static func snapshot(_ path: String) throws -> String {
        let folder = path + "/snapshots"
        guard isFolder(folder), isFolder(path + "/refs") || isFolder(path + "/blobs"),
            !isFile(path + "/model_index.json")
        else { return path }
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
        let versions = names.filter { isFolder(folder + "/" + $0) }
        if let newest = newest(path), versions.contains(newest) { return folder + "/" + newest }
        guard let first = versions.first else {
            throw LimnError(
                "\(path): this is a hub's cache of a model, but it has no version in snapshots/; fetch it again")
        }
        guard versions.count == 1 else {
            throw LimnError(
                "\(path): this is a hub's cache with \(versions.count) versions of a model and none is the newest "
                    + "(refs/main); give one of them: "
                    + versions.prefix(5).map { folder + "/" + $0 }.joined(separator: ", "), isUsage: true)
        }
        return folder + "/" + first
    }

    /// What people call the model in such a folder; nil for other folders.
    static func name(ofSnapshot path: String) -> String? {
        let parts = path.split(separator: "/")
        guard parts.count >= 3, parts[parts.count - 2] == "snapshots" else { return nil }
        let cache = parts[parts.count - 3]
        guard cache.hasPrefix("models--"), let cut = cache.ranges(of: "--").last else { return nil }
        return cut.upperBound < cache.endIndex ? String(cache[cut.upperBound...]) : nil
    }

    private static func newest(_ path: String) -> String? {
        let file = path + "/refs/main"
        guard isFile(file), let size = try? FileManager.default.attributesOfItem(atPath: file)[.size] as? Int ?? 0,
            size <= 4096, let data = FileManager.default.contents(atPath: file)
        else { return nil }
        return String(decoding: data, as: UTF8.self).split(whereSeparator: \.isWhitespace).first.map(String.init)
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder
    }

    private static func isFile(_ path: String) -> Bool {
        var isFolder = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder
    }
}
