import Platform

/// A file with an autoencoder alone: which class it is, and its tensors under diffusers' names. Nothing but names is
/// looked at.
package struct AutoencoderFile: Sendable {
    package enum Kind: Sendable { case kl, tiny }

    package let kind: Kind
    package let source: any TensorSource

    /// Told apart, in this order:
    /// - `AutoencoderTiny` as diffusers names it (`decoder.layers.…`)
    /// - both halves of TAESD in one file (`taesd_encoder.…`, `taesd_decoder.…`), as ComfyUI takes it
    /// - the decoder of TAESD alone, `nn.Sequential`'s numbers for names (`1.weight`, `3.conv.0.weight`, …)
    /// - `AutoencoderKL` with the original code's names, below `first_stage_model.`, `vae.` or nothing; this may be a
    ///   whole model's file
    /// - `AutoencoderKL` as diffusers names it
    ///
    /// - Parameter encoder: opens the file of the encoder that belongs to a decoder of TAESD; nil if there is none
    /// - Throws: `CheckpointError` if it is none of these
    package init(_ file: any TensorSource, encoder: () throws -> (any TensorSource)? = { nil }) throws {
        let keys = Set(file.tensors.keys)
        if keys.contains(where: { $0.hasPrefix("decoder.layers.") }) {
            (kind, source) = (.tiny, file)
        } else if keys.contains("taesd_decoder.1.weight") {
            // ComfyUI's scale and shift of latents belong to its own ways with them.
            kind = .tiny
            source = try RenamedTensors(
                path: file.path,
                [(file, { $0 == "vae_scale" || $0 == "vae_shift" ? nil : TinyNames.diffusers(combined: $0) ?? $0 })])
        } else if keys.contains("1.weight"), keys.contains("3.conv.0.weight") {
            kind = .tiny
            var parts: [(any TensorSource, (String) -> String?)] = [(file, { TinyNames.diffusers(decoder: $0) ?? $0 })]
            if let other = try encoder() { parts.append((other, { TinyNames.diffusers(encoder: $0) })) }
            source = try RenamedTensors(path: file.path, parts)
        } else if keys.contains("1.conv.0.weight") {
            throw CheckpointError(
                path: file.path,
                problem: "this is the encoder of a tiny autoencoder; give its decoder, or the folder with both")
        } else if let prefix = ["first_stage_model.", "vae.", ""].first(where: {
            keys.contains($0 + "decoder.mid.block_1.norm1.weight")
        }) {
            kind = .kl
            let own = Set(keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) })
            let table = AutoencoderNames(original: own).table
            source = try RenamedTensors(
                path: file.path,
                [
                    (
                        file,
                        { key in
                            guard key.hasPrefix(prefix) else { return nil }
                            let name = String(key.dropFirst(prefix.count))
                            return Self.isOfTraining(name) ? nil : table.diffusers(name) ?? name
                        }
                    )
                ])
        } else if keys.contains("decoder.conv_in.weight") {
            (kind, source) = (.kl, file)
        } else {
            throw CheckpointError(
                path: file.path,
                problem: "there is no autoencoder in it; a VAE's file has tensors named decoder.conv_in.weight and "
                    + "the like")
        }
    }

    /// What training leaves in files of autoencoders: losses, averages and counters.
    private static func isOfTraining(_ name: String) -> Bool {
        ["loss.", "model_ema.", "epoch", "global_step"].contains(where: name.hasPrefix)
    }
}

/// TAESD's own names: places in `nn.Sequential`. diffusers counts the decoder's from the convolution, the original from
/// the clamp before it.
enum TinyNames {
    static func diffusers(encoder key: String) -> String? { place(key).map { "encoder.layers.\($0)\($1)" } }

    static func diffusers(decoder key: String) -> String? {
        place(key).flatMap { $0 > 0 ? "decoder.layers.\($0 - 1)\($1)" : nil }
    }

    static func diffusers(combined key: String) -> String? {
        let (encoder, decoder) = ("taesd_encoder.", "taesd_decoder.")
        if key.hasPrefix(encoder) { return diffusers(encoder: String(key.dropFirst(encoder.count))) }
        if key.hasPrefix(decoder) { return diffusers(decoder: String(key.dropFirst(decoder.count))) }
        return nil
    }

    /// "3.conv.0.weight" → 3, ".conv.0.weight"
    private static func place(_ key: String) -> (Int, Substring)? {
        guard let dot = key.firstIndex(of: "."), let index = Int(key[..<dot]), (0..<4096).contains(index) else {
            return nil
        }
        return (index, key[dot...])
    }
}

/// Tensors of one or several sources under other names.
package final class RenamedTensors: TensorSource {
    package let path: String
    package let tensors: [String: TensorInfo]
    package let notes: [String: String]
    private let places: [String: (source: any TensorSource, name: String)]

    /// - Parameter parts: sources, and what a tensor of each is called; nil to leave it out
    /// - Throws: `CheckpointError` if two tensors get the same name
    init(
        path: String, notes: [String: String] = [:],
        _ parts: [(source: any TensorSource, name: (String) -> String?)]
    ) throws {
        var tensors: [String: TensorInfo] = [:]
        var places: [String: (source: any TensorSource, name: String)] = [:]
        for (source, rename) in parts {
            for (stored, info) in source.tensors.sorted(by: { $0.key < $1.key }) {
                guard let name = rename(stored) else { continue }
                if let other = places.updateValue((source, stored), forKey: name) {
                    throw CheckpointError(
                        path: path, tensor: name,
                        problem: "the file has it twice, as \(quoted(other.name)) and as \(quoted(stored))")
                }
                tensors[name] = TensorInfo(
                    name: name, dtype: info.dtype, shape: info.shape, byteCount: info.byteCount,
                    quantization: info.quantization)
            }
        }
        (self.path, self.notes, self.tensors, self.places) = (path, notes, tensors, places)
    }

    /// All tensors of a source but some.
    package convenience init(leavingOut names: Set<String>, of source: any TensorSource) throws {
        try self.init(path: source.path, notes: source.notes, [(source, { names.contains($0) ? nil : $0 })])
    }

    package func withBytes<R>(of name: String, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        guard let place = places[name] else { throw missing(name) }
        return try place.source.withBytes(of: place.name, body)
    }

    package func stored(_ name: String) throws -> StoredTensor {
        guard let place = places[name] else { throw missing(name) }
        return try place.source.stored(place.name)
    }
}
