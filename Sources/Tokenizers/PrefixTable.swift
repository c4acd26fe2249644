/// Byte strings, sorted, for finding those that a text begins with at some place.
///
/// Instead of a trie the search narrows a range of the sorted list byte by byte: it is as fast for vocabularies of
/// this size, takes no building beyond the sort, and little memory.
struct PrefixTable: Sendable {
    private var bytes: [UInt8] = []
    /// Where each sorted string begins in `bytes`, and the end of the last.
    private var starts: [Int] = [0]
    /// Sorted place → place in the list that was given.
    private var order: [Int] = []
    /// First byte → the sorted places of the strings that begin with it.
    private var firsts: [Range<Int>] = []

    /// Of equal strings the last one counts; empty ones never match.
    init(_ strings: [[UInt8]]) {
        let sorted = strings.indices.sorted { a, b in
            strings[a] == strings[b] ? a > b : strings[a].lexicographicallyPrecedes(strings[b])
        }
        order.reserveCapacity(sorted.count)
        for index in sorted where !strings[index].isEmpty {
            if let previous = order.last, strings[previous] == strings[index] { continue }
            order.append(index)
            bytes += strings[index]
            starts.append(bytes.count)
        }
        var place = 0
        for first in UInt8.min...UInt8.max {
            let start = place
            while place < order.count, bytes[starts[place]] == first { place += 1 }
            firsts.append(start..<place)
        }
    }

    /// Calls `body` with the index and the length of each string that `text` begins with at `start`, shortest first.
    func forEachPrefix(of text: [UInt8], from start: Int, _ body: (_ index: Int, _ length: Int) -> Void) {
        guard start < text.count else { return }
        var range = firsts[Int(text[start])]
        var length = 1
        while !range.isEmpty {
            // Shorter strings sort first, so the one that ends here can only be the first of the range.
            if self.length(range.lowerBound) == length {
                body(order[range.lowerBound], length)
                range = (range.lowerBound + 1)..<range.upperBound
            }
            guard start + length < text.count else { return }
            range = narrowed(range, at: length, to: text[start + length])
            length += 1
        }
    }

    /// The longest string that `text` begins with at `start`.
    func longestPrefix(of text: [UInt8], from start: Int) -> (index: Int, length: Int)? {
        var found: (index: Int, length: Int)?
        forEachPrefix(of: text, from: start) { found = ($0, $1) }
        return found
    }

    /// The index of a string that is the same.
    func index(of string: [UInt8]) -> Int? {
        guard let found = longestPrefix(of: string, from: 0), found.length == string.count else { return nil }
        return found.index
    }

    private func length(_ place: Int) -> Int { starts[place + 1] - starts[place] }

    /// The part of a range of strings, all longer than `depth` and equal before it, that have `byte` there.
    private func narrowed(_ range: Range<Int>, at depth: Int, to byte: UInt8) -> Range<Int> {
        func firstPlace(notBelow limit: Int) -> Int {
            var low = range.lowerBound
            var high = range.upperBound
            while low < high {
                let middle = (low + high) / 2
                if Int(bytes[starts[middle] + depth]) < limit { low = middle + 1 } else { high = middle }
            }
            return low
        }
        let low = firstPlace(notBelow: Int(byte))
        guard low < range.upperBound, bytes[starts[low] + depth] == byte else { return low..<low }
        return low..<firstPlace(notBelow: Int(byte) + 1)
    }
}
