import Checkpoints

extension Latents {
    /// Reads the one tensor `latents`, [batch, channels, height, width], of a safetensors file.
    ///
    /// - Throws: `LimnError` naming the file and what is wrong with it.
    public init(contentsOf path: String) throws {
        self = try withLimnErrors {
            let file = try SafetensorsFile(path: path)
            guard let info = file.tensors["latents"], info.shape.count == 4 else {
                let found = file.tensors.values.map { "\($0.name) \($0.shape)" }.sorted().prefix(3)
                throw LimnError(
                    "\(path): a tensor `latents` of shape [batch, channels, height, width] was expected, found "
                        + (found.isEmpty ? "none" : found.joined(separator: ", ")))
            }
            do {
                return try Latents(
                    batch: info.shape[0], channels: info.shape[1], height: info.shape[2], width: info.shape[3],
                    values: try file.float32("latents"))
            } catch let error as LimnError {
                throw LimnError("\(path): \(error.description)")
            }
        }
    }

    /// Latents of several pictures after each other.
    public init(joining parts: [Latents]) throws {
        guard let first = parts.first,
            parts.allSatisfy({
                ($0.channels, $0.height, $0.width) == (first.channels, first.height, first.width)
            })
        else { throw LimnError("latents of different sizes cannot be joined") }
        try self.init(
            batch: parts.reduce(0) { $0 + $1.batch }, channels: first.channels, height: first.height,
            width: first.width, values: parts.flatMap(\.values))
    }

    /// Writes a safetensors file with the one tensor `latents`, float32. The file appears whole or not at all.
    ///
    /// - Throws: `LimnError` if it cannot be written.
    public func write(to path: String) throws {
        try withLimnErrors {
            try SafetensorsWriter.write(
                [OutputTensor(name: "latents", shape: [batch, channels, height, width], values: values)],
                metadata: ["format": "pt"], to: path)
        }
    }
}
