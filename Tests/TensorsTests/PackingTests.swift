import CKernels
import Tensors
import TestSupport
import Testing

extension GroundFloor {
    /// Weights packed from what files hold, against the layout written down plainly.
    @Suite struct PackingTests {
        /// Values at an address that is not aligned, as in a file.
        private struct FileValues: StoredValues, @unchecked Sendable {
            let memory: UnsafeMutableRawPointer
            let storedFormat: StoredFormat
            let count: Int
            /// The same values as float32.
            let floats: [Float]
            let isMapped = true

            var address: UnsafeRawPointer { UnsafeRawPointer(memory + 1) }
            func release() {}

            /// Never freed: a test's few megabytes.
            init(_ format: StoredFormat, _ count: Int, _ random: inout SplitMix) {
                (storedFormat, self.count) = (format, count)
                memory = .allocate(byteCount: 4 * count + 1, alignment: 16)
                var floats = [Float](repeating: 0, count: count)
                for index in 0..<count {
                    let value = random.values(1)[0]
                    switch format {
                    case .float32:
                        (memory + 1).storeBytes(of: value, toByteOffset: 4 * index, as: Float.self)
                        floats[index] = value
                    case .float16:
                        // A few of them subnormal.
                        let half = Float16(index % 7 == 0 ? value * 1e-5 : value)
                        (memory + 1).storeBytes(of: half, toByteOffset: 2 * index, as: Float16.self)
                        floats[index] = Float(half)
                    case .bfloat16:
                        let bits = UInt16(value.bfloat16.bitPattern >> 16)
                        (memory + 1).storeBytes(of: bits, toByteOffset: 2 * index, as: UInt16.self)
                        floats[index] = value.bfloat16
                    }
                }
                self.floats = floats
            }
        }

        private static let formats: [StoredFormat] = [.float32, .float16, .bfloat16]

        private func code(_ format: StoredFormat) -> limn_stored {
            switch format {
            case .float32: LIMN_STORED_F32
            case .float16: LIMN_STORED_F16
            case .bfloat16: LIMN_STORED_BF16
            }
        }

        /// What stands at [panel][strip][tap][unit][column] of the packed form.
        private func expected(
            _ weight: [Float], out: Int, in inputs: Int, taps: Int, geglu: Bool, panel width: Int, strip: Int,
            pairs: Bool
        ) -> [UInt32] {
            let outputs = geglu ? width / 2 : width
            func value(_ panel: Int, _ column: Int, _ input: Int, _ tap: Int) -> Float {
                let output = panel * outputs + column % outputs
                guard output < out, input < inputs else { return 0 }
                return weight[((column / outputs * out + output) * inputs + input) * taps + tap]
            }
            var result: [UInt32] = []
            for panel in 0..<(out + outputs - 1) / outputs {
                for first in stride(from: 0, to: width, by: strip) {
                    for tap in 0..<taps {
                        for unit in 0..<(pairs ? (inputs + 1) / 2 : inputs) {
                            for column in first..<first + strip {
                                guard pairs else {
                                    result.append(value(panel, column, unit, tap).bitPattern)
                                    continue
                                }
                                let low = value(panel, column, 2 * unit, tap).bfloat16.bitPattern >> 16
                                result.append(low | value(panel, column, 2 * unit + 1, tap).bfloat16.bitPattern)
                            }
                        }
                    }
                }
            }
            return result
        }

        @Test func everyFormatShapeAndNumberOfParts() {
            var random = SplitMix(5)
            let shapes = [
                (rows: 1, inputs: 1, taps: 1), (7, 65, 1), (64, 600, 1), (130, 63, 9), (6, 129, 9), (33, 5, 49),
                (66, 70, 4),
            ]
            for (rows, inputs, taps) in shapes {
                for parts in 1...3 {
                    for (number, format) in Self.formats.enumerated() {
                        let values = (0..<parts).map {
                            // Parts need not be of one format.
                            let format = $0 == 2 ? Self.formats[(number + 1) % 3] : format
                            return FileValues(format, rows * inputs * taps, &random)
                        }
                        let weight = values.flatMap(\.floats)
                        for geglu in [false, true] where !geglu || rows * parts % 2 == 0 && taps == 1 {
                            for kernels in Kernels.tested {
                                for element in [LIMN_F32, LIMN_BF16] {
                                    let out = geglu ? rows * parts / 2 : rows * parts
                                    let packed = pack(kernels, element, values, rows, out, inputs, taps, geglu)
                                    let panel = packed.count / packed.panels / taps / units(element, inputs)
                                    let wanted = expected(
                                        weight, out: out, in: inputs, taps: taps, geglu: geglu, panel: panel,
                                        strip: kernels.name == "amx" && element == LIMN_BF16 ? 32 : panel,
                                        pairs: element == LIMN_BF16)
                                    // Not in the expectation itself, which would print all of them.
                                    let same = packed.words == wanted
                                    #expect(
                                        same,
                                        "\(kernels.name) \(parts) × \(rows) × \(inputs) × \(taps) \(format) \(element)")
                                }
                            }
                        }
                    }
                }
            }
        }

        private func units(_ element: limn_element, _ inputs: Int) -> Int {
            element == LIMN_BF16 ? (inputs + 1) / 2 : inputs
        }

        private func pack(
            _ kernels: Kernels, _ element: limn_element, _ parts: [FileValues], _ rows: Int, _ out: Int, _ inputs: Int,
            _ taps: Int, _ geglu: Bool
        ) -> (words: [UInt32], count: Int, panels: Int) {
            var weight = limn_weight()
            (weight.part_rows, weight.out, weight.in, weight.taps) = (rows, out, inputs, taps)
            weight.activation = geglu ? LIMN_ACTIVATION_GEGLU : LIMN_ACTIVATION_NONE
            let last = parts.count - 1
            weight.parts = (parts[0].address, parts[min(1, last)].address, parts[last].address)
            weight.stored = (
                code(parts[0].storedFormat), code(parts[min(1, last)].storedFormat), code(parts[last].storedFormat)
            )
            let count = limn_packed_bytes(kernels.table, element, out, inputs, taps, weight.activation) / 4
            let panels = limn_packed_panels(kernels.table, out, weight.activation)
            var words = [UInt32](repeating: 0xdead_beef, count: count)
            let scratch = UnsafeMutableRawPointer.allocate(
                byteCount: limn_pack_scratch(kernels.table, &weight), alignment: 64)
            defer { scratch.deallocate() }
            for panel in 0..<panels { limn_pack_task(kernels.table, element, &weight, &words, panel, scratch) }
            return (words, count, panels)
        }

        /// Weights packed when they are used, whatever the budget, give what weights packed at loading give.
        @Test(arguments: [0, 50_000, 1 << 30])
        func packingOnUse(budget: Int) throws {
            for kernels in Kernels.tested {
                for operands in [Element.float32, .bfloat16] where kernels.multiplies(operands) {
                    let once = try Compute(kernels: kernels, threads: 2, operands: operands)
                    let onUse = try Compute(kernels: kernels, threads: 2, operands: operands, packsOnUse: true)
                    let store = try #require(onUse.weights)
                    store.budget = budget
                    var random = SplitMix(9)
                    let parts = (0..<5).map { _ in FileValues(.float16, 64 * 64, &random) }
                    let x = random.values(10 * 64)
                    func chain(_ compute: Compute) throws -> [Float] {
                        let layers = try parts.map {
                            try PackedWeights(
                                parts: [$0], bias: nil, inChannels: 64, outChannels: 64, compute: compute)
                        }
                        func run() throws -> Tensor {
                            var h = try Tensor(batch: 1, height: 1, width: 10, channels: 64, values: x)
                            for layer in layers { h = try compute.linear(h, layer) }
                            return h
                        }
                        try compute.arena.plan { _ = try run() }
                        _ = try run().values
                        return try run().values
                    }
                    #expect(try chain(onUse) == chain(once))
                    let size = operands == .float32 ? 16_384 : 8192
                    #expect(store.keptBytes == min(budget / size, 5) * size)
                    #expect(store.sharedBytes == size)
                    store.removeAll()
                    #expect(store.keptBytes == 0 && store.sharedBytes == 0)
                }
            }
        }

        @Test func cancelledPackingStops() throws {
            let compute = Compute(kernels: Kernels.tested[0], threads: 1)
            compute.isCancelled = { true }
            var random = SplitMix(9)
            let values = FileValues(.float16, 64 * 64, &random)
            #expect(throws: CancellationError.self) {
                _ = try PackedWeights(parts: [values], bias: nil, inChannels: 64, outChannels: 64, compute: compute)
            }
        }

        @Test func partsThatDoNotFit() throws {
            let compute = Compute(kernels: Kernels.tested[0], threads: 1)
            var random = SplitMix(9)
            let values = FileValues(.float16, 64 * 64, &random)
            for parts in [[], [values, values], [values, values, values, values]] {
                #expect(throws: TensorError.self) {
                    _ = try PackedWeights(parts: parts, bias: nil, inChannels: 64, outChannels: 64, compute: compute)
                }
            }
        }
    }
}
