import Synchronization

/// How much of a model's weights has been read and packed, of how much.
public struct LoadProgress: Sendable, Equatable {
    public var bytes: Int
    public var ofBytes: Int

    public init(bytes: Int, ofBytes: Int) { (self.bytes, self.ofBytes) = (bytes, ofBytes) }

    /// In whole hundredths, rounded down.
    public var percent: Int { ofBytes > 0 ? Int(Double(bytes) / Double(ofBytes) * 100) : 100 }
}

/// Counts bytes over several files, and tells whenever another hundredth of them has been read.
final class LoadTracker: Sendable {
    private let progress: Mutex<LoadProgress>
    private let tell: @Sendable (LoadProgress) -> Void

    init(ofBytes: Int, _ tell: @escaping @Sendable (LoadProgress) -> Void) {
        progress = Mutex(LoadProgress(bytes: 0, ofBytes: ofBytes))
        self.tell = tell
        tell(LoadProgress(bytes: 0, ofBytes: ofBytes))
    }

    func add(_ bytes: Int) {
        let changed = progress.withLock { progress -> LoadProgress? in
            let before = progress.percent
            progress.bytes = min(progress.bytes + bytes, progress.ofBytes)
            return progress.percent > before ? progress : nil
        }
        if let changed { tell(changed) }
    }

    /// Some tensors of a file are not asked for, being of no use.
    func finish() { add(progress.withLock { $0.ofBytes }) }
}
