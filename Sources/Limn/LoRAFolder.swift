import Checkpoints
import FoundationEssentials

/// A folder of LoRAs that are asked for by name, as in `<lora:name:0.8>`.
public struct LoRAFolder: Sendable {
    public let path: String
    /// Files below the folder, without their endings, and the paths that they stand for; safetensors first, so that
    /// they are taken where the same lies there in another form too.
    private let files: [(name: String, path: String)]

    /// - Throws: `LimnError` if the folder cannot be read
    public init(path: String) throws {
        self.path = path
        do {
            let found = try FileManager.default.subpathsOfDirectory(atPath: path).sorted()
            files = LoRA.endings.flatMap { ending in
                found.filter { $0.hasSuffix(ending) }.map { (String($0.dropLast(ending.count)), path + "/" + $0) }
            }
        } catch {
            throw LimnError("\(path): this folder of LoRAs cannot be read; give one that is there with --lora-dir")
        }
    }

    /// The file of a name: its path below the folder, or its last part alone, with or without the ending, in capitals
    /// or small letters; or the name that its trainer gave it (`ss_output_name`), by which the webui also knows it.
    ///
    /// - Throws: `LimnError` that lists the nearest names if there is none, and all if there are several
    public func file(named name: String) throws -> String {
        let ending = LoRA.endings.first(where: name.hasSuffix)
        let stem = ending.map { String(name.dropLast($0.count)) } ?? name
        if let exact = files.first(where: { $0.name == stem && (ending.map($0.path.hasSuffix) ?? true) }) {
            return exact.path
        }
        let folded = stem.lowercased()
        let ways: [((name: String, path: String)) -> Bool] = [
            { LoRA.stem($0.path) == stem }, { $0.name.lowercased() == folded },
            { LoRA.stem($0.path).lowercased() == folded }, { Self.outputName($0.path)?.lowercased() == folded },
        ]
        for way in ways {
            let matches = files.filter(way)
            // The same in another form beside a safetensors file is not another one.
            guard let first = matches.first else { continue }
            guard Set(matches.map(\.name)).count == 1 else {
                let names = matches.map(\.name).joined(separator: ", ")
                throw LimnError("\(path): several LoRAs are called \(name): \(names); say which", isUsage: true)
            }
            return first.path
        }
        guard !files.isEmpty else { throw LimnError("\(path): there are no LoRAs in this folder", isUsage: true) }
        let near = files.map { ($0.name, Self.distance(LoRA.stem($0.path), stem)) }.sorted { $0.1 < $1.1 }
        throw LimnError(
            "\(path): there is no LoRA called \(name); the nearest of \(files.count) are "
                + near.prefix(5).map(\.0).joined(separator: ", "), isUsage: true)
    }

    /// What a file says that kohya's trainer was to call it.
    private static func outputName(_ path: String) -> String? {
        ((try? openTensors(file: path)) as? SafetensorsFile)?.metadata["ss_output_name"]
    }

    /// Levenshtein's: how many letters must be put in, taken out or exchanged. Case does not count.
    static func distance(_ a: String, _ b: String) -> Int {
        func letters(_ text: String) -> [Unicode.Scalar] { Array(text.lowercased().unicodeScalars.prefix(200)) }
        let (a, b) = (letters(a), letters(b))
        var row = Array(0...b.count)
        for (i, letter) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in b.enumerated() {
                let replaced = diagonal + (letter == other ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
            }
        }
        return row[b.count]
    }
}
