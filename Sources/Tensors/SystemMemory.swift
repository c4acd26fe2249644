import Glibc

/// How much memory the process may still take.
enum SystemMemory {
    /// Bytes, by /proc/meminfo and the control group's limit; nil if neither can be read.
    static var available: Int? {
        let whole = SystemFile.value("/proc/meminfo", key: "MemAvailable:").map { $0 * 1024 }
        return [whole, ControlGroup.version2.available, ControlGroup.version1.available].compactMap { $0 }.min()
    }

    /// A kind of control groups, by the files that tell its memory.
    struct ControlGroup {
        var limit: String
        var usage: String
        var statistics: String
        /// Keys of `statistics` for the pages that hold files.
        var fileKeys: [String]

        static let version2 = ControlGroup(
            limit: "/sys/fs/cgroup/memory.max", usage: "/sys/fs/cgroup/memory.current",
            statistics: "/sys/fs/cgroup/memory.stat", fileKeys: ["inactive_file ", "active_file "])
        static let version1 = ControlGroup(
            limit: "/sys/fs/cgroup/memory/memory.limit_in_bytes", usage: "/sys/fs/cgroup/memory/memory.usage_in_bytes",
            statistics: "/sys/fs/cgroup/memory/memory.stat", fileKeys: ["total_inactive_file ", "total_active_file "])

        /// nil if there is no limit.
        var available: Int? {
            guard let limit = SystemFile.firstLine(limit).flatMap({ Int($0) }),
                let used = SystemFile.firstLine(usage).flatMap({ Int($0) })
            else { return nil }
            // The pages of files count as used, those of a model just mapped too, but are given up for others.
            let files = fileKeys.reduce(0) { $0 + (SystemFile.value(statistics, key: $1) ?? 0) }
            return max(0, limit - max(0, used - files))
        }
    }
}

/// The small files in which the system tells about itself.
enum SystemFile {
    static func firstLine(_ path: String) -> String? { lines(path, atMost: 1).first }

    /// The number after `key` at the start of a line.
    static func value(_ path: String, key: String) -> Int? {
        for line in lines(path, atMost: 100) where line.hasPrefix(key) {
            return line.dropFirst(key.count).split(separator: " ").first.flatMap { Int($0) }
        }
        return nil
    }

    private static func lines(_ path: String, atMost count: Int) -> [String] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var buffer = [CChar](repeating: 0, count: 256)
        var lines: [String] = []
        while lines.count < count, fgets(&buffer, Int32(buffer.count), file) != nil {
            let bytes = buffer.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }
            lines.append(String(decoding: bytes, as: UTF8.self))
        }
        return lines
    }
}
