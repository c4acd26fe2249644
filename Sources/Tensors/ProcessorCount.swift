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
        if let line = SystemFile.firstLine("/sys/fs/cgroup/cpu.max") {
            let parts = line.split(separator: " ")
            guard parts.count == 2, let quota = Double(parts[0]), let period = Double(parts[1]), period > 0
            else { return nil }
            return quota / period
        }
        guard let quota = SystemFile.firstLine("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").flatMap(Double.init), quota > 0,
            let period = SystemFile.firstLine("/sys/fs/cgroup/cpu/cpu.cfs_period_us").flatMap(Double.init), period > 0
        else { return nil }
        return quota / period
    }
}
