/// A source whose tensors are changed by LoRAs when they are read, one at a time and in float32; those that no LoRA
/// changes are the source's own.
final class LoRATensors: TensorSource {
    let path: String
    let tensors: [String: TensorInfo]
    private let base: any TensorSource
    /// By the base's keys, in the order in which they apply.
    private let updates: [String: [LoRAUpdate]]

    init(_ base: any TensorSource, _ updates: [String: [LoRAUpdate]]) {
        (self.base, self.updates) = (base, updates)
        path = base.path
        var tensors = base.tensors
        for name in updates.keys {
            guard let info = tensors[name] else { continue }
            tensors[name] = TensorInfo(
                name: name, dtype: .f32, shape: info.shape, byteCount: info.elementCount * DType.f32.byteSize)
        }
        self.tensors = tensors
    }

    func withBytes<R>(of name: String, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        guard let updates = updates[name] else { return try base.withBytes(of: name, body) }
        let info = try info(name)
        return try withScratch(info.elementCount, path: path, tensor: name) { values in
            try merge(name, updates, into: values)
            return try body(UnsafeRawBufferPointer(values))
        }
    }

    func stored(_ name: String) throws -> StoredTensor {
        guard let updates = updates[name] else { return try base.stored(name) }
        let info = try info(name)
        return try StoredTensor.filling(info.elementCount, path: path, tensor: name) {
            try merge(name, updates, into: $0)
        }
    }

    private func merge(
        _ name: String, _ updates: [LoRAUpdate], into values: UnsafeMutableBufferPointer<Float>
    ) throws {
        func load(_ target: UnsafeMutableBufferPointer<Float>) throws {
            let info = try base.info(name)
            try base.withBytes(of: name) { Conversion.convert($0, info.dtype, into: target) }
        }
        try load(values)
        for (index, update) in updates.enumerated() {
            guard update.rescales, index > 0 else {
                try update.apply(to: values)
                continue
            }
            // As in PEFT, the lengths before are those of the model's own weight with this LoRA alone.
            try withScratch(values.count, path: path, tensor: name) { own in
                try load(own)
                try update.apply(to: values, withLengthsOf: own)
            }
        }
        guard allFinite(values) else {
            throw CheckpointError(
                path: path, tensor: name,
                problem: "with the LoRAs it holds values that are not numbers; give them smaller weights")
        }
    }
}

/// Whether no value is infinite or not a number: those are the ones with every bit of the exponent set.
func allFinite(_ values: UnsafeMutableBufferPointer<Float>) -> Bool {
    var largest: UInt32 = 0
    for value in values { largest = max(largest, value.bitPattern & 0x7FFF_FFFF) }
    return largest < Float.infinity.bitPattern
}
