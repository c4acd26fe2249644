/// numpy.interp on the grid 0, 1, 2, …: between the neighbours of `position`, the ends beyond.
func interpolated(_ table: [Float], at position: Double) -> Double {
    guard let first = table.first, let last = table.last, position > 0 else {
        return Double(table.first ?? 0)
    }
    guard position < Double(table.count - 1) else { return Double(table.count > 1 ? last : first) }
    let index = Int(position)
    let (low, high) = (Double(table[index]), Double(table[index + 1]))
    return (high - low) * (position - Double(index)) + low
}
