import Platform

/// One LoRA's change of one weight or bias, whose shapes have been checked; its values are read when it is applied.
struct LoRAUpdate: Sendable {
    private enum Form: Sendable {
        case product, hadamard, kronecker, difference
        case general(isSwapped: Bool)
        case scaling(onInput: Bool)
        case rotation
        /// Of a bias.
        case vector(LoRAKey.Role)
    }

    private let file: LoRAFile
    private let group: LoRAFile.Group
    private let form: Form
    /// weight · alpha / rank
    private let scale: Float
    private let out: Int
    private let inputs: Int
    private let taps: Int

    // MARK: Checks

    /// The change of a module's weight; nil if the group has none.
    ///
    /// - Parameters:
    ///   - shape: of the model's weight: [out, in], [out, in, height, width], or [channels] of a norm
    ///   - strength: what the LoRA is multiplied with
    /// - Throws: `CheckpointError` naming a key that is missing or misshapen
    init?(_ file: LoRAFile, _ group: LoRAFile.Group, part: String, shape: [Int], strength: Float) throws {
        try Checks.checkSizes(file, group, shape)
        (self.file, self.group) = (file, group)
        out = shape.first ?? 0
        inputs = shape.count > 1 ? shape[1] : 1
        taps = shape.dropFirst(2).reduce(1, *)
        let checks = Checks(file: file, group: group, out: out, inputs: inputs, taps: taps, shape: shape)
        let found: (form: Form, rank: Int?)
        switch try Self.method(file, group) {
        case .product: found = (.product, try checks.product())
        case .hadamard: found = (.hadamard, try checks.hadamard())
        case .kronecker: found = (.kronecker, try checks.kronecker())
        case .general:
            let (rank, isSwapped) = try checks.general()
            found = (.general(isSwapped: isSwapped), rank)
        case .rotation:
            try checks.rotation()
            found = (.rotation, nil)
        case .scaling:
            let onInput = try Self.scalar(file, group, .ia3OnInput, "on_input must be 0 or 1") ?? 0
            try checks.scaling(onInput: onInput != 0)
            found = (.scaling(onInput: onInput != 0), nil)
        case .difference:
            try checks.difference()
            found = (.difference, nil)
        case nil:
            let beside = [LoRAKey.Role.doraScale, .magnitude, .rescale, .alpha]
            guard let lone = beside.compactMap({ group.keys[$0] }).first, group.keys[.biasDifference] == nil else {
                return nil
            }
            throw CheckpointError(
                path: file.path, tensor: lone, problem: "the file has nothing else for its layer; it is not complete")
        }
        try checks.magnitude()
        form = found.form
        scale = Float(Double(strength) * (try Self.scale(file, group, part: part, rank: found.rank)))
    }

    /// The change of a module's bias; nil if the group has none.
    init?(bias file: LoRAFile, _ group: LoRAFile.Group, part: String, shape: [Int], strength: Float) throws {
        guard let role = [LoRAKey.Role.biasDifference, .upBias].first(where: { group.keys[$0] != nil }) else {
            return nil
        }
        try Checks.checkSizes(file, group, shape)
        (self.file, self.group, out, inputs, taps) = (file, group, shape.first ?? 0, 1, 1)
        form = .vector(role)
        try Checks(file: file, group: group, out: out, inputs: 1, taps: 1, shape: shape).vector(role)
        let rank = role == .upBias ? file.shape(group, .down)?.first : nil
        scale = Float(Double(strength) * (try Self.scale(file, group, part: part, rank: rank)))
    }

    /// How the tensors of a group change a weight; nil if none of them does.
    ///
    /// - Throws: `CheckpointError` if there are two ways
    private static func method(_ file: LoRAFile, _ group: LoRAFile.Group) throws -> LoRAKey.Method? {
        let methods = Dictionary(grouping: group.keys.filter { $0.key.method != nil }) { $0.key.method }
        if methods.count > 1 {
            let keys = methods.values.compactMap { $0.map(\.value).min() }.sorted()
            throw CheckpointError(
                path: file.path, tensor: keys[0],
                problem: "\(quoted(keys[1])) changes the same layer by another method; one of them must go")
        }
        return methods.keys.first ?? nil
    }

    /// A number that stands beside a group's tensors; nil if there is none.
    private static func scalar(
        _ file: LoRAFile, _ group: LoRAFile.Group, _ role: LoRAKey.Role, _ problem: String
    ) throws -> Float? {
        guard let key = group.keys[role] else { return nil }
        guard try file.source.info(key).elementCount == 1, let value = try file.source.float32(key).first,
            value.isFinite
        else { throw CheckpointError(path: file.path, tensor: key, problem: problem) }
        return value
    }

    private static let alphaProblem = "an alpha must be one finite number"

    /// alpha / rank; 1 without an alpha or a rank.
    private static func scale(
        _ file: LoRAFile, _ group: LoRAFile.Group, part: String, rank: Int?
    ) throws -> Double {
        guard let rank else { return 1 }
        guard let alpha = try scalar(file, group, .alpha, alphaProblem) else {
            return file.alphas.scale(part: part, module: group.module, rank: rank)
        }
        return Double(alpha) / Double(rank)
    }

    // MARK: Arithmetic

    /// Adds the change to the model's values.
    ///
    /// - Throws: `CheckpointError` naming a key with values that are not finite
    ///
    /// - Parameter own: the model's weight itself, if `values` are changed already; it is overwritten. DoRA wants the
    ///   lengths of its rows with this LoRA alone
    func apply(
        to values: UnsafeMutableBufferPointer<Float>, withLengthsOf own: UnsafeMutableBufferPointer<Float>? = nil
    ) throws {
        let factors = try factors()
        factors.add(to: values, scale: scale)
        guard rescales else { return }
        if let own { factors.add(to: own, scale: scale) }
        let measured = own ?? values
        if let key = group.keys[.magnitude] {
            rescale(values, by: try read(key), overLengthsOf: measured, perOutput: true)
        } else if let key = group.keys[.doraScale] {
            // LyCORIS has it a column [out, 1, …] or, with `wd_on_out=False`, a row [1, in, …].
            let perOutput = try file.source.info(key).shape.first == out
            rescale(values, by: try read(key), overLengthsOf: measured, perOutput: perOutput)
        }
    }

    /// Whether it is a DoRA, which sets the lengths of rows (or columns) anew.
    var rescales: Bool {
        if case .vector = form { return false }
        return group.keys[.magnitude] != nil || group.keys[.doraScale] != nil
    }

    private func factors() throws -> LoRAFactors {
        switch form {
        case .product:
            return .product(up: try matrix(.up, rows: out), down: try lower(.down, core: .mid))
        case .hadamard:
            return .hadamard(
                try upper(.hadaW1A, core: .hadaT1), try lower(.hadaW1B, core: .hadaT1),
                try upper(.hadaW2A, core: .hadaT2), try lower(.hadaW2B, core: .hadaT2))
        case .kronecker:
            let first =
                group.keys[.lokrW1] != nil
                ? try matrix(.lokrW1) : try matrix(.lokrW1A) * (try matrix(.lokrW1B))
            let second =
                group.keys[.lokrW2] != nil
                ? try matrix(.lokrW2) : try upper(.lokrW2A, core: .lokrT2) * (try lower(.lokrW2B, core: .lokrT2))
            return .kronecker(first, second, taps: taps)
        case .general(let isSwapped):
            let (a, b) = (try (matrix(.gloraA1), matrix(.gloraA2)), try (matrix(.gloraB1), matrix(.gloraB2)))
            return isSwapped
                ? .general(a.1, a.0, b.1, b.0, taps: taps) : .general(a.0, a.1, b.0, b.1, taps: taps)
        case .scaling(let onInput):
            return .scaling(try read(.ia3Weight), run: onInput ? taps : inputs * taps)
        case .rotation:
            let shape = file.shape(group, .oftBlocks) ?? []
            return .rotation(
                LoRARotation(
                    try read(.oftBlocks), size: shape.last ?? 1, blocks: shape.dropLast(2).last ?? 1,
                    isButterfly: shape.count == 4, rescale: group.keys[.rescale] == nil ? nil : try read(.rescale),
                    limit: Double(try Self.scalar(file, group, .alpha, Self.alphaProblem) ?? 0) * Double(out)))
        case .difference: return .full(try read(.difference))
        case .vector(let role): return .full(try read(role))
        }
    }

    /// Rows of W are given the lengths that the LoRA has learned; the norm is that of W + ΔW (Liu et al. 2024, DoRA).
    private func rescale(
        _ weight: UnsafeMutableBufferPointer<Float>, by magnitudes: [Float],
        overLengthsOf measured: UnsafeMutableBufferPointer<Float>, perOutput: Bool
    ) {
        let columns = inputs * taps
        // Runs of values that share a magnitude: whole rows, or the taps of one input.
        let run = perOutput ? columns : taps
        var squares = [Double](repeating: 0, count: magnitudes.count)
        func forEachRun(_ body: (_ slot: Int, _ values: Range<Int>) -> Void) {
            for index in 0..<out * columns / max(run, 1) {
                body(index % magnitudes.count, index * run..<(index + 1) * run)
            }
        }
        forEachRun { slot, values in
            var sum = 0.0
            for index in values { sum += Double(measured[index]) * Double(measured[index]) }
            squares[slot] += sum
        }
        let factors = zip(magnitudes, squares).map { $1 > 0 ? Float(Double($0) / $1.squareRoot()) : 0 }
        forEachRun { slot, values in
            for index in values { weight[index] *= factors[slot] }
        }
    }

    // MARK: Reading

    /// A factor [out, rank]; where there is a core, it is stored the other way round.
    private func upper(_ role: LoRAKey.Role, core: LoRAKey.Role) throws -> LoRAMatrix {
        let matrix = try matrix(role)
        return group.keys[core] == nil ? matrix : matrix.transposed
    }

    /// A factor [rank, in·taps], the core's product with it where there is one.
    private func lower(_ role: LoRAKey.Role, core: LoRAKey.Role) throws -> LoRAMatrix {
        let down = try matrix(role)
        guard group.keys[core] != nil else { return down }
        return LoRAFactors.contracted(core: try matrix(core), down: down, taps: taps)
    }

    private func matrix(_ role: LoRAKey.Role, rows: Int? = nil) throws -> LoRAMatrix {
        let values = try read(role)
        let rows = rows ?? file.shape(group, role)?.first ?? 0
        return LoRAMatrix(rows: rows, columns: rows > 0 ? values.count / rows : 0, values: values)
    }

    private func read(_ role: LoRAKey.Role) throws -> [Float] {
        guard let key = group.keys[role] else {
            throw CheckpointError(path: file.path, problem: "\(quoted(group.module)) has no \(role.rawValue)")
        }
        return try read(key)
    }

    private func read(_ key: String) throws -> [Float] {
        let values = try file.source.float32(key)
        guard values.allSatisfy(\.isFinite) else {
            throw CheckpointError(
                path: file.path, tensor: key,
                problem: "it holds values that are not numbers, so the LoRA is damaged; download it again")
        }
        return values
    }
}
