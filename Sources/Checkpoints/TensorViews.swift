/// A tensor made of stored ones without changing a value: under another name, in another shape, a part of one,
/// several joined.
package enum TensorView: Sendable, Equatable {
    /// The tensor of that name, in a shape of as many elements.
    case whole(String, shape: [Int])
    /// Some of its rows: indices of the first dimension.
    case rows(String, Range<Int>)
    /// A matrix with rows and columns exchanged.
    case transposed(String)
    /// Rows of one tensor after those of another.
    case joined([String])

    /// The stored tensors that it is made of.
    package var names: [String] {
        switch self {
        case .whole(let name, _), .rows(let name, _), .transposed(let name): [name]
        case .joined(let names): names
        }
    }
}

/// Tensors seen through a table: what a source has, under the names and in the shapes of another naming world.
/// Whatever needs no copying is handed out where it lies.
package final class ViewedTensors: TensorSource {
    package let base: any TensorSource
    package let tensors: [String: TensorInfo]
    /// Name → how it comes about.
    package let views: [String: TensorView]

    package var path: String { base.path }

    /// - Throws: `CheckpointError` if a view asks for a tensor that is not there or cannot be seen in that way
    package init(_ base: any TensorSource, _ views: [String: TensorView]) throws {
        var tensors: [String: TensorInfo] = [:]
        tensors.reserveCapacity(views.count)
        for (name, view) in views { tensors[name] = try Self.info(name, view, of: base) }
        (self.base, self.views, self.tensors) = (base, views, tensors)
    }

    private static func info(_ name: String, _ view: TensorView, of base: any TensorSource) throws -> TensorInfo {
        func failure(_ problem: String) -> CheckpointError {
            CheckpointError(path: base.path, tensor: view.names.first ?? name, problem: problem)
        }
        let parts = try view.names.map(base.info)
        guard let first = parts.first else { throw failure("nothing stands for it") }
        switch view {
        case .whole(_, let shape):
            guard checkedCount(shape) == first.elementCount else {
                throw failure("its shape is \(first.shape), but one like \(shape) was expected")
            }
            return TensorInfo(name: name, dtype: first.dtype, shape: shape, byteCount: first.byteCount)
        case .rows(_, let rows):
            guard let count = first.shape.first, count > 0, rows.lowerBound >= 0, rows.upperBound <= count,
                first.byteCount % count == 0
            else { throw failure("its shape \(first.shape) has no rows \(rows.lowerBound) to \(rows.upperBound)") }
            return TensorInfo(
                name: name, dtype: first.dtype, shape: [rows.count] + first.shape.dropFirst(),
                byteCount: first.byteCount / count * rows.count)
        case .transposed:
            guard first.shape.count == 2 else {
                throw failure("its shape is \(first.shape), but a matrix was expected")
            }
            return TensorInfo(
                name: name, dtype: first.dtype, shape: first.shape.reversed(), byteCount: first.byteCount)
        case .joined:
            var rows = 0
            for part in parts {
                guard let count = part.shape.first, part.dtype == first.dtype,
                    part.shape.dropFirst() == first.shape.dropFirst()
                else {
                    throw failure(
                        "its \(parts.count) parts are of different types or shapes, and cannot be joined into one")
                }
                rows += count
            }
            return TensorInfo(
                name: name, dtype: first.dtype, shape: [rows] + first.shape.dropFirst(),
                byteCount: parts.reduce(0) { $0 + $1.byteCount })
        }
    }

    private func view(_ name: String) throws -> TensorView {
        guard let view = views[name] else { throw missing(name) }
        return view
    }

    /// Where the rows of a stored tensor lie in it.
    private func bytes(of rows: Range<Int>, in info: TensorInfo) -> Range<Int> {
        let row = info.byteCount / max(1, info.shape.first ?? 1)
        return rows.lowerBound * row..<rows.upperBound * row
    }

    package func withBytes<R>(of name: String, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
        switch try view(name) {
        case .whole(let stored, _): return try base.withBytes(of: stored, body)
        case .rows(let stored, let rows):
            let range = bytes(of: rows, in: try base.info(stored))
            return try base.withBytes(of: stored) { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
        case .transposed(let stored):
            let info = try base.info(stored)
            return try withScratchBytes(info.byteCount, name) { copy in
                try base.withBytes(of: stored) { transpose($0, info, into: copy) }
                return try body(UnsafeRawBufferPointer(copy))
            }
        case .joined(let names):
            let info = try info(name)
            return try withScratchBytes(info.byteCount, name) { copy in
                var rest = copy[...]
                for part in names {
                    try base.withBytes(of: part) { rest.copyBytes(from: $0) }
                    rest = rest.dropFirst(try base.info(part).byteCount)
                }
                return try body(UnsafeRawBufferPointer(copy))
            }
        }
    }

    package func stored(_ name: String) throws -> StoredTensor {
        switch try view(name) {
        case .whole(let stored, _): return try base.stored(stored)
        case .rows(let stored, let rows):
            let whole = try base.stored(stored)
            guard let count = try base.info(stored).shape.first, count > 0 else { return whole }
            let row = whole.count / count
            return whole[rows.lowerBound * row..<rows.upperBound * row]
        case .transposed, .joined: return try converted(try info(name))
        }
    }

    private func withScratchBytes<R>(
        _ count: Int, _ name: String, _ body: (UnsafeMutableRawBufferPointer) throws -> R
    ) throws -> R {
        try withScratch((count + 3) / 4, path: path, tensor: name) {
            try body(UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer($0)[..<count]))
        }
    }

    private func transpose(
        _ bytes: UnsafeRawBufferPointer, _ info: TensorInfo, into copy: UnsafeMutableRawBufferPointer
    ) {
        let (rows, columns) = (info.shape[0], info.shape[1])
        func move<Element: BitwiseCopyable>(_: Element.Type) {
            let size = MemoryLayout<Element>.stride
            for row in 0..<rows {
                for column in 0..<columns {
                    copy.storeBytes(
                        of: bytes.loadUnaligned(fromByteOffset: (row * columns + column) * size, as: Element.self),
                        toByteOffset: (column * rows + row) * size, as: Element.self)
                }
            }
        }
        switch info.dtype.byteSize {
        case 1: move(UInt8.self)
        case 2: move(UInt16.self)
        case 4: move(UInt32.self)
        default: move(UInt64.self)
        }
    }
}
