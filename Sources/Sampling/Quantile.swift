/// The value below which the part `part` of the values lies, interpolated as torch.quantile does it. Nothing is
/// allocated: the values are reordered in place.
///
/// - Parameters:
///   - values: at least one
///   - part: 0…1
/// - Complexity: O(n) on average.
func quantile(reordering values: UnsafeMutableBufferPointer<Float>, at part: Float) -> Float {
    let position = part * Float(values.count - 1)
    let index = min(max(Int(position), 0), values.count - 1)
    select(index, in: values)
    guard index + 1 < values.count, Float(index) < position else { return values[index] }
    // Everything after the selected value is at least as large: the smallest of that comes next in order.
    var next = values[index + 1]
    for later in (index + 1)..<values.count { next = min(next, values[later]) }
    return values[index] + (position - Float(index)) * (next - values[index])
}

/// Hoare's selection: afterwards the values before `index` are no larger than the one there, and those after it no
/// smaller.
private func select(_ index: Int, in values: UnsafeMutableBufferPointer<Float>) {
    var (low, high) = (0, values.count - 1)
    while low < high {
        let pivot = values[(low + high) / 2]
        var (left, right) = (low, high)
        while left <= right {
            while values[left] < pivot { left += 1 }
            while pivot < values[right] { right -= 1 }
            if left <= right {
                values.swapAt(left, right)
                left += 1
                right -= 1
            }
        }
        if index <= right {
            high = right
        } else if index >= left {
            low = left
        } else {
            return
        }
    }
}
