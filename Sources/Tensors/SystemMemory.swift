import Glibc

/// How much memory the process may still take.
enum SystemMemory {
    /// Bytes, by /proc/meminfo and the control group's limit; nil if neither can be read.
    static var available: Int? {
        let whole = SystemFile.value("/proc/meminfo", key: "MemAvailable:").map { $0 * 1024 }
        let limit = SystemFile.firstLine("/sys/fs/cgroup/memory.max").flatMap { Int($0) }
        let used = SystemFile.firstLine("/sys/fs/cgroup/memory.current").flatMap { Int($0) }
        guard let limit, let used else { return whole }
        return min(whole ?? Int.max, max(0, limit - used))
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
