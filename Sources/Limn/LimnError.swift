import Checkpoints
import Images
import Models
import Sampling
import Tensors
import Tokenizers

/// What went wrong, in a sentence or two for people: what it was, in which file or field, and what to do.
public struct LimnError: Error, CustomStringConvertible, Sendable, Equatable {
    public let description: String
    /// Whether the request itself is at fault (wrong usage), rather than a file or the machine.
    public let isUsage: Bool

    public init(_ description: String, isUsage: Bool = false) {
        self.description = description
        self.isUsage = isUsage
    }
}

/// Runs `body` and turns the rooms' own errors into the public one. Cancellation passes through.
func withLimnErrors<R>(_ body: () throws -> R) throws -> R {
    do {
        return try body()
    } catch let error as LimnError {
        throw error
    } catch let error as CancellationError {
        throw error
    } catch let error as SamplingError {
        switch error {
        case .notAConfig, .badValue, .degenerateSchedule: throw LimnError(error.description)
        case .unsupported, .unknownName, .steps, .strength, .eta, .setting, .sigmas, .tooManyEvaluations,
            .solverSetting:
            throw LimnError(error.description, isUsage: true)
        }
    } catch {
        throw LimnError(String(describing: error))
    }
}
