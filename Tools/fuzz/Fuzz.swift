// Compiled together with Sources/Checkpoints by run.sh: libFuzzer calls this with bytes that it makes by what they reach.

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

private let path = "\(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")/limn-fuzz-\(getpid())"

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    guard descriptor >= 0, write(descriptor, data, count) == count else { return 0 }
    close(descriptor)
    defer { unlink(path) }
    guard let file = try? openTensors(file: path) else { return 0 }
    var total = 0
    for (name, info) in file.tensors where total < 1 << 20 {
        total += info.byteCount
        precondition((try? file.withBytes(of: name) { $0.count }) == info.byteCount)
        precondition((try? file.stored(name).count) == info.elementCount)
        _ = try? file.withFloat32(name) { $0.reduce(0, { $0.bitPattern > $1.bitPattern ? $0 : $1 }) }
    }
    return 0
}
