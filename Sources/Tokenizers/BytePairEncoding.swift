/// Byte-pair encoding: neighbouring symbols merge, always the pair that was learnt first, until none is left.
///
/// Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units"; among pairs of equal rank the
/// leftmost merges first, as in the tokenizers library.
struct BytePairEncoding: Sendable {
    /// What a pair becomes, and how early it was learnt.
    private struct Merge: Sendable {
        let rank: Int
        let result: Int
    }

    private var merges: [Pair: Merge] = [:]

    private struct Pair: Hashable, Sendable {
        let left: Int
        let right: Int
    }

    /// Adds the next merge; false if the pair has one already.
    mutating func learn(left: Int, right: Int, result: Int) -> Bool {
        let merge = Merge(rank: merges.count, result: result)
        return merges.updateValue(merge, forKey: Pair(left: left, right: right)) == nil
    }

    mutating func reserve(_ count: Int) { merges.reserveCapacity(count) }

    /// A symbol of the word, in a list linked both ways; -1 ends it.
    private struct Symbol {
        var id: Int
        var previous: Int
        var next: Int
        var isMerged = false
    }

    /// The ids that a word's symbols merge to.
    ///
    /// - Complexity: O(n log n) for n symbols.
    func encode(_ word: [Int]) -> [Int] {
        if word.count < 2 { return word }
        var symbols = word.indices.map { Symbol(id: word[$0], previous: $0 - 1, next: $0 + 1) }
        symbols[symbols.count - 1].next = -1
        var queue = MergeQueue()
        func consider(_ left: Int) {
            guard left >= 0, symbols[left].next >= 0 else { return }
            let pair = Pair(left: symbols[left].id, right: symbols[symbols[left].next].id)
            if let merge = merges[pair] {
                queue.push(.init(rank: merge.rank, place: left, result: merge.result))
            }
        }
        for left in symbols.indices.dropLast() { consider(left) }

        while let candidate = queue.pop() {
            let left = candidate.place
            let right = symbols[left].next
            // A candidate is stale when one of its symbols has merged with another neighbour since.
            guard !symbols[left].isMerged, right >= 0,
                merges[Pair(left: symbols[left].id, right: symbols[right].id)]?.result == candidate.result
            else { continue }
            symbols[left].id = candidate.result
            symbols[left].next = symbols[right].next
            symbols[right].isMerged = true
            if symbols[left].next >= 0 { symbols[symbols[left].next].previous = left }
            consider(symbols[left].previous)
            consider(left)
        }
        return symbols.lazy.filter { !$0.isMerged }.map(\.id)
    }
}

/// The possible merges of a word, the earliest learnt and then the leftmost on top: a binary heap.
private struct MergeQueue {
    struct Candidate {
        let rank: Int
        let place: Int
        let result: Int

        func precedes(_ other: Candidate) -> Bool { (rank, place) < (other.rank, other.place) }
    }

    private var heap: [Candidate] = []

    mutating func push(_ candidate: Candidate) {
        heap.append(candidate)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].precedes(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> Candidate? {
        guard let top = heap.first, let last = heap.popLast() else { return nil }
        if heap.isEmpty { return top }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].precedes(heap[least]) { least = child }
            }
            if least == parent { return top }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
