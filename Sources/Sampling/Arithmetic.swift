/// a·x + b·y. Both arrays have the same number of values.
func combined(_ a: Float, _ x: [Float], _ b: Float, _ y: [Float]) -> [Float] {
    precondition(x.count == y.count, "samples of different sizes")
    var result = x
    for i in result.indices { result[i] = a * x[i] + b * y[i] }
    return result
}

/// x + a·y
func adding(_ a: Float, _ y: [Float], to x: [Float]) -> [Float] { combined(1, x, a, y) }

/// Σ weight·array, of at least one array.
func weightedSum(_ terms: [(weight: Float, values: [Float])]) -> [Float] {
    guard let first = terms.first else { return [] }
    var sum = first.values.map { first.weight * $0 }
    for term in terms.dropFirst() { sum = adding(term.weight, term.values, to: sum) }
    return sum
}

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
