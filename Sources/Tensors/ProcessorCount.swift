import CKernels
import Glibc

/// How many cores this process may use.
package enum ProcessorCount {
    /// Cores of the process's affinity mask, lowered to its control group's CPU quota; at least 1.
    package static var available: Int {
        var cores = limn_affinity_cores()
        if cores < 1 { cores = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
        if let quota = quota() { cores = min(cores, max(1, Int(quota.rounded(.up)))) }
        return max(1, cores)
    }

    /// The CPU quota of control groups v2 ("max 100000" or "150000 100000") or v1, in cores.
    private static func quota() -> Double? {
        if let line = firstLine("/sys/fs/cgroup/cpu.max") {
            let parts = line.split(separator: " ")
            guard parts.count == 2, let quota = Double(parts[0]), let period = Double(parts[1]), period > 0
            else { return nil }
            return quota / period
        }
        guard let quota = firstLine("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").flatMap(Double.init), quota > 0,
            let period = firstLine("/sys/fs/cgroup/cpu/cpu.cfs_period_us").flatMap(Double.init), period > 0
        else { return nil }
        return quota / period
    }

    private static func firstLine(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var buffer = [CChar](repeating: 0, count: 128)
        guard fgets(&buffer, Int32(buffer.count), file) != nil else { return nil }
        let bytes = buffer.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
