import AllocationCounting
import Checkpoints
import Foundation
import TestSupport
import Testing
import Tokenizers

/// Damaged files of every kind: each is read, or refused with a message. A crash or a trap ends the test run, a hang
/// its time, and what a file may cost in memory is bounded by its size.
///
/// A run's number decides its file, so that one that found something can be made again: `LIMN_FUZZ_FIRST` is the number
/// to begin with, `LIMN_FUZZ_RUNS` how many there are, and under `LIMN_FUZZ_KEEP`, a folder, the file in use stays when
/// the process ends. `make fuzz` does a million.
struct FuzzTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let runs = environment["LIMN_FUZZ_RUNS"].flatMap { Int($0) } ?? 10_000
    private static let first = environment["LIMN_FUZZ_FIRST"].flatMap { Int($0) } ?? 0

    @Test(arguments: FuzzTarget.allCases) func damagedFiles(target: FuzzTarget) throws {
        let seeds = try target.seeds()
        let folder = try TemporaryFolder()
        try target.prepare(folder)
        // Every valid file must be read, or nothing is tested.
        for seed in seeds {
            let path = try folder.write(seed, to: target.name)
            _ = try target.use(path, folder: folder)
        }
        var (read, refused) = (0, 0)
        for run in Self.first..<Self.first + max(20, Int(Double(Self.runs) * target.share)) {
            var mutator = Mutator(seed: UInt64(run), fragments: target.fragments)
            let bytes = target.damage(seeds, &mutator)
            let path = try folder.write(bytes, to: target.name)
            if let keep = Self.environment["LIMN_FUZZ_KEEP"] {
                try Data(bytes).write(to: URL(fileURLWithPath: "\(keep)/\(target.rawValue)"))
            }
            let start = ContinuousClock.now
            allocation_counting_start()
            var total = 0
            var message: String?
            do {
                total = try target.use(path, folder: folder)
            } catch let error as CheckpointError {
                message = error.description
            } catch let error as TokenizerError {
                message = "\(error)"
            }
            let counts = allocation_counting_stop()
            let seconds = (ContinuousClock.now - start) / .seconds(1)

            if let message {
                refused += 1
                #expect(!message.isEmpty && message.utf8.count < 10_000 && !message.contains("\n"), "run \(run)")
            } else {
                read += 1
            }
            if seconds > 5 { Issue.record("\(target) run \(run) took \(seconds) s") }
            // All that was asked for, even if it was given back: more than was ever held.
            let bound = target.memoryBound(fileSize: bytes.count, values: total)
            if allocation_counting_works(), counts.bytes > bound {
                Issue.record("\(target) run \(run): \(counts.bytes) bytes for a file of \(bytes.count); bound \(bound)")
            }
        }
        // Both ways must be walked, or the damage is too great or too small to show anything.
        let isLikely = target.share * Double(Self.runs) > 100
        #expect(refused > 0 && (read > 0 || !isLikely), "\(target): \(read) read, \(refused) refused")
        if Self.environment["LIMN_FUZZ_RUNS"] != nil { print("\(target): \(read) read, \(refused) refused") }
    }
}

extension FuzzTarget {
    /// Bytes that may be asked for, all requests together: a fixed sum, so much a byte of the file, and the values as
    /// they are stored and as float32.
    func memoryBound(fileSize: Int, values: Int) -> Int {
        switch self {
        case .safetensors, .index, .zip, .zippedPickle, .stream, .tar, .gguf:
            (1 << 20) + 400 * fileSize + 20 * values
        case .sentencePiece, .sentencePieceJSON, .vocabulary, .merges, .tokenizerConfig:
            (8 << 20) + 2_000 * fileSize
        }
    }
}
