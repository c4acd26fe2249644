import ArgumentParser
import Limn

/// A seed as given: a number from 0, or any negative one for a random seed.
enum Seed: ExpressibleByArgument, Equatable {
    case number(UInt64)
    case random

    init?(argument: String) {
        if let number = UInt64(argument) {
            self = .number(number)
        } else if Int64(argument) != nil {
            self = .random
        } else {
            return nil
        }
    }

    /// nil: random.
    var number: UInt64? {
        switch self {
        case .number(let number): number
        case .random: nil
        }
    }
}

extension Precision: ExpressibleByArgument {}
extension Prediction: ExpressibleByArgument {}
