/// A zip file without compression taken apart, so that a file in it can change its length.
struct ZipParts {
    struct Entry {
        var name: [UInt8]
        var data: [UInt8]
    }

    var entries: [Entry] = []

    /// Files as PyTorch writes them, without zip64.
    init?(_ zip: [UInt8]) {
        func number(_ at: Int, _ size: Int) -> Int { (0..<size).reduce(0) { $0 | Int(zip[at + $1]) << (8 * $1) } }
        guard
            let end = zip.lastIndex(of: 0x50).flatMap({ _ in
                stride(from: zip.count - 22, through: 0, by: -1).first { number($0, 4) == 0x0605_4B50 }
            })
        else { return nil }
        var place = number(end + 16, 4)
        for _ in 0..<number(end + 10, 2) {
            let (size, nameLength, header) = (number(place + 24, 4), number(place + 28, 2), number(place + 42, 4))
            let start = header + 30 + number(header + 26, 2) + number(header + 28, 2)
            entries.append(
                Entry(name: Array(zip[place + 46..<place + 46 + nameLength]), data: Array(zip[start..<start + size])))
            place += 46 + nameLength + number(place + 30, 2) + number(place + 32, 2)
        }
        guard let first = entries.firstIndex(where: { String(decoding: $0.name, as: UTF8.self).hasSuffix("data.pkl") })
        else { return nil }
        entries.swapAt(0, first)
    }

    var bytes: [UInt8] {
        func little(_ value: Int, _ size: Int) -> [UInt8] {
            (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        var (files, directory): ([UInt8], [UInt8]) = ([], [])
        for entry in entries {
            let sizes = little(entry.data.count, 4) + little(entry.data.count, 4) + little(entry.name.count, 2)
            directory += [0x50, 0x4B, 1, 2] + [UInt8](repeating: 0, count: 16) + sizes
            directory += [UInt8](repeating: 0, count: 12) + little(files.count, 4) + entry.name
            files += [0x50, 0x4B, 3, 4] + [UInt8](repeating: 0, count: 14) + sizes + [0, 0] + entry.name + entry.data
        }
        return files + directory + [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + little(entries.count, 2) + little(entries.count, 2)
            + little(directory.count, 4) + little(files.count, 4) + [0, 0]
    }
}
