extension LoRAUpdate {
    /// Whether a group's tensors are complete and fit each other and the model's weight. Only shapes are looked at.
    struct Checks {
        let file: LoRAFile
        let group: LoRAFile.Group
        let out: Int
        let inputs: Int
        let taps: Int
        /// Of the model's weight, for messages.
        let shape: [Int]

        /// Refuses what is empty or absurdly large, so that no product of sizes overflows in what follows.
        static func checkSizes(_ file: LoRAFile, _ group: LoRAFile.Group, _ shape: [Int]) throws {
            func isSane(_ shape: [Int]) -> Bool {
                guard let count = checkedCount(shape) else { return false }
                return count > 0 && count <= 1 << 36 && shape.allSatisfy { $0 <= 1 << 24 }
            }
            for key in group.keys.values.sorted() {
                guard let own = file.source.tensors[key]?.shape, isSane(own), isSane(shape),
                    own.dropFirst().reduce(1, *) <= 1 << 30, shape.dropFirst().reduce(1, *) <= 1 << 30
                else {
                    throw CheckpointError(
                        path: file.path, tensor: key,
                        problem: "its shape \(file.source.tensors[key]?.shape ?? []) is empty or too large for the "
                            + "model's \(shape)")
                }
            }
        }

        // All return the rank that alpha is divided by.

        func product() throws -> Int {
            let (up, down) = try (size(.up), size(.down))
            try expect(.up, rows: out, columns: up.columns)
            if group.keys[.mid] != nil {
                try core(.mid, upper: up.columns, lower: down.rows, .up)
                try expect(.down, rows: down.rows, columns: inputs)
            } else {
                try expect(.down, rows: up.columns, columns: inputs * taps)
            }
            try ranks(.down, [up.columns, down.rows])
            return down.rows
        }

        func hadamard() throws -> Int {
            let first = try half(.hadaW1A, .hadaW1B, .hadaT1)
            _ = try half(.hadaW2A, .hadaW2B, .hadaT2)
            return first
        }

        private func half(_ a: LoRAKey.Role, _ b: LoRAKey.Role, _ t: LoRAKey.Role) throws -> Int {
            try lowRank(a, b, t, out: out, inputs: inputs)
        }

        /// [out, rank] · [rank, in·taps], or with a core [i, out], [i, j, …] and [j, in].
        private func lowRank(
            _ a: LoRAKey.Role, _ b: LoRAKey.Role, _ t: LoRAKey.Role?, out: Int, inputs: Int, taps: Int? = nil
        ) throws -> Int {
            let (upper, lower) = try (size(a), size(b))
            if let t, group.keys[t] != nil {
                try expect(a, rows: upper.rows, columns: out)
                try expect(b, rows: lower.rows, columns: inputs)
                try core(t, upper: upper.rows, lower: lower.rows, a)
            } else {
                try expect(a, rows: out, columns: upper.columns)
                try expect(b, rows: upper.columns, columns: inputs * (taps ?? self.taps))
            }
            try ranks(b, [lower.rows])
            return lower.rows
        }

        func kronecker() throws -> Int? {
            var rank: Int?
            let first: (rows: Int, columns: Int)
            if group.keys[.lokrW1] != nil {
                first = try size(.lokrW1)
            } else {
                let (a, b) = try (size(.lokrW1A), size(.lokrW1B))
                first = (a.rows, b.columns)
                rank = try lowRank(.lokrW1A, .lokrW1B, nil, out: a.rows, inputs: b.columns, taps: 1)
            }
            guard first.rows > 0, first.columns > 0, out % first.rows == 0, inputs % first.columns == 0 else {
                throw misshapen(
                    group.keys[.lokrW1] != nil ? .lokrW1 : .lokrW1A,
                    "\(first.rows) × \(first.columns) does not divide a weight of \(shape)")
            }
            let (rows, columns) = (out / first.rows, inputs / first.columns)
            if group.keys[.lokrW2] != nil {
                try expect(.lokrW2, rows: rows, columns: columns * taps)
            } else {
                rank = try lowRank(.lokrW2A, .lokrW2B, .lokrT2, out: rows, inputs: columns)
            }
            return rank
        }

        /// LyCORIS has W·a1·a2 + b1·b2 today; its first files, which the webui reads, have the factors the other way
        /// round: W·a2·a1 + b2·b1.
        func general() throws -> (rank: Int, isSwapped: Bool) {
            let (a1, a2) = try (size(.gloraA1), size(.gloraA2))
            let (b1, b2) = try (size(.gloraB1), size(.gloraB2))
            let isSwapped = !(a1.rows == inputs && a2.columns == inputs && b1.rows == out && a1.columns == a2.rows)
            let (left, right) = isSwapped ? (a2, a1) : (a1, a2)
            let (up, down) = isSwapped ? (b2, b1) : (b1, b2)
            let roles: [LoRAKey.Role] =
                isSwapped ? [.gloraA2, .gloraA1, .gloraB2, .gloraB1] : [.gloraA1, .gloraA2, .gloraB1, .gloraB2]
            try expect(roles[0], rows: inputs, columns: left.columns)
            try expect(roles[1], rows: left.columns, columns: inputs)
            try expect(roles[2], rows: out, columns: up.columns)
            try expect(roles[3], rows: up.columns, columns: inputs * taps)
            try ranks(roles[1], [right.rows])
            try ranks(roles[3], [down.rows])
            return (isSwapped ? a1.rows : a2.rows, isSwapped)
        }

        func scaling(onInput: Bool) throws {
            guard group.keys[.ia3Weight] != nil else {
                throw CheckpointError(
                    path: file.path, tensor: group.keys[.ia3OnInput],
                    problem: "the file has no weight to go with it; it is not complete")
            }
            try expectCount(.ia3Weight, onInput ? inputs : out)
        }

        func rotation() throws {
            let found = file.shape(group, .oftBlocks) ?? []
            guard (3...4).contains(found.count), let size = found.last, found[found.count - 2] == size,
                found[found.count - 3].multipliedReportingOverflow(by: size) == (out, false)
            else {
                throw misshapen(
                    .oftBlocks, "square blocks along \(out) outputs were expected, but it has \(found)")
            }
            if found.count == 4 {
                // Stage i turns pairs that lie 2ⁱ·size/2 apart.
                let stages = found[0]
                guard stages <= 24, size % 2 == 0, out % (size << (stages - 1)) == 0 else {
                    throw misshapen(
                        .oftBlocks, "\(out) outputs cannot be cut for \(stages) stages of blocks of \(size)")
                }
            }
            if file.shape(group, .rescale) != nil { try expectCount(.rescale, out) }
        }

        private func expectCount(_ role: LoRAKey.Role, _ wanted: Int) throws {
            guard count(role) == wanted else {
                throw misshapen(
                    role,
                    "\(wanted) values were expected for a weight of \(shape), but it has "
                        + "\(file.shape(group, role) ?? [])")
            }
        }

        func difference() throws { try expect(.difference, rows: out, columns: inputs * taps) }

        func vector(_ role: LoRAKey.Role) throws {
            try expect(role, rows: out, columns: 1)
        }

        func magnitude() throws {
            for role in [LoRAKey.Role.magnitude, .doraScale] {
                guard let found = file.shape(group, role) else { continue }
                let isColumn = role == .doraScale && found.count >= 2 && found[0] == 1 && found[1] == inputs
                guard shape.count >= 2, isColumn && count(role) == inputs || count(role) == out else {
                    throw misshapen(role, "expected \(out) magnitudes for a weight of \(shape), but it has \(found)")
                }
            }
        }

        private func core(_ role: LoRAKey.Role, upper: Int, lower: Int, _ a: LoRAKey.Role) throws {
            try expect(role, rows: upper, columns: lower * taps)
            // What it makes of the lower factor is held in memory.
            guard upper <= max(out, inputs) else {
                throw misshapen(a, "a rank of \(upper) is more than a weight of \(shape) can have")
            }
        }

        private func ranks(_ role: LoRAKey.Role, _ ranks: [Int]) throws {
            for rank in ranks where rank < 1 || rank > 16 * max(out, inputs * taps) {
                throw misshapen(role, "a rank of \(rank) is not possible for a weight of \(shape)")
            }
        }

        private func count(_ role: LoRAKey.Role) -> Int { file.shape(group, role)?.reduce(1, *) ?? 0 }

        /// The first dimension, and all others as one.
        private func size(_ role: LoRAKey.Role) throws -> (rows: Int, columns: Int) {
            guard let found = file.shape(group, role) else {
                let present = group.keys.values.sorted().first ?? group.module
                throw CheckpointError(
                    path: file.path, tensor: present,
                    problem: "the file has no \(name(role)) to go with it; it is not complete")
            }
            guard found.count >= 2 else { throw misshapen(role, "a matrix was expected, but it has \(found)") }
            return (found[0], found.dropFirst().reduce(1, *))
        }

        private func expect(_ role: LoRAKey.Role, rows: Int, columns: Int) throws {
            guard let found = file.shape(group, role) else { return }
            let (first, rest) = (found.first ?? 1, found.dropFirst().reduce(1, *))
            guard first == rows, rest == columns else {
                throw misshapen(
                    role, "expected \(rows) × \(columns) for the model's weight of \(shape), but it has \(found)")
            }
        }

        private func misshapen(_ role: LoRAKey.Role, _ problem: String) -> CheckpointError {
            CheckpointError(
                path: file.path, tensor: group.keys[role] ?? group.module,
                problem: "\(problem). The LoRA was made for another model")
        }

        private func name(_ role: LoRAKey.Role) -> String {
            switch role {
            case .down: "lora_down (lora_A)"
            case .up: "lora_up (lora_B)"
            case .gloraA1, .gloraA2, .gloraB1, .gloraB2: role.rawValue.dropFirst("glora".count).lowercased() + ".weight"
            default: role.rawValue
            }
        }
    }
}
