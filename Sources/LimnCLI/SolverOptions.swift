import ArgumentParser
import Limn

/// The flags for what only some samplers can be asked.
struct SolverOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.solverOrder, "order"))
    var solverOrder: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.solverType, "name"))
    var solverType: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.gamma, "0…1"))
    var gamma: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.tau, "τ"))
    var tau: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.snr, "ratio"))
    var snr: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(.correctorSteps, "count"))
    var correctorSteps: Int?

    func apply(to request: inout Request) {
        request.sampling.solver.order = solverOrder ?? request.sampling.solver.order
        request.sampling.solver.type = solverType ?? request.sampling.solver.type
        request.sampling.solver.gamma = gamma ?? request.sampling.solver.gamma
        request.sampling.solver.tau = tau ?? request.sampling.solver.tau
        request.sampling.solver.snr = snr ?? request.sampling.solver.snr
        request.sampling.solver.correctorSteps = correctorSteps ?? request.sampling.solver.correctorSteps
    }
}
