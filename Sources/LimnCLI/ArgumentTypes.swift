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

/// A size as given: 1024x768, width first.
extension PixelSize: ExpressibleByArgument {
    public init?(argument: String) {
        let sides = argument.lowercased().split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard sides.count == 2, let width = sides[0], let height = sides[1] else { return nil }
        self.init(width: width, height: height)
    }
}

/// A crop as given: 0,64, what is cut off above first.
extension PictureCrop: ExpressibleByArgument {
    public init?(argument: String) {
        let offsets = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        guard offsets.count == 2, let top = offsets[0], let left = offsets[1] else { return nil }
        self.init(top: top, left: left)
    }
}

extension Precision: ExpressibleByArgument {}
extension Prediction: ExpressibleByArgument {}
