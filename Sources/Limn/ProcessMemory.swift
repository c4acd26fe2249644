import Glibc

/// The largest resident set that the process has had, in bytes; 0 if the system does not say.
///
/// From /proc/self/status: getrusage also counts what the parent process held before this program began.
public func peakMemoryBytes() -> Int { statusBytes("VmHWM:") }

/// The resident set that the process has now, in bytes; 0 if the system does not say.
func residentMemoryBytes() -> Int { statusBytes("VmRSS:") }

private func statusBytes(_ field: String) -> Int {
    for line in lines(of: "/proc/self/status") where line.hasPrefix(field) {
        return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }.map {
            $0 * 1024
        } ?? 0
    }
    return 0
}

/// Seconds since the process was started, to a hundredth; 0 if the system does not say.
func processAge() -> Double {
    // Fields are counted after the program's name, which is in brackets and may hold anything.
    guard let line = lines(of: "/proc/self/stat").first, let bracket = line.lastIndex(of: ")") else { return 0 }
    let fields = line[bracket...].split(separator: " ")
    let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
    // starttime is the 22nd field; the bracket ends the second.
    guard fields.count > 20, let ticks = Double(fields[20]), ticksPerSecond > 0 else { return 0 }
    var now = timespec()
    clock_gettime(CLOCK_BOOTTIME, &now)
    return max(0, Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9 - ticks / ticksPerSecond)
}

private func lines(of path: String) -> [String] {
    guard let file = fopen(path, "r") else { return [] }
    defer { fclose(file) }
    var lines: [String] = []
    var buffer = [CChar](repeating: 0, count: 1024)
    while fgets(&buffer, Int32(buffer.count), file) != nil {
        lines.append(String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
    return lines
}
