import Glibc

/// The largest resident set that the process has had, in bytes; 0 if the system does not say.
public func peakMemoryBytes() -> Int {
    var usage = rusage()
    guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
    return Int(usage.ru_maxrss) * 1024
}
