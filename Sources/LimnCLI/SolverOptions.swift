import ArgumentParser
import Limn

/// The flags for what only some samplers can be asked.
struct SolverOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Of how many predictions a step is made: 1 to 3 (dpm++2m, dpm++_singlestep, dpm_solver, deis, er_sde, unipc), \
            1 to 4 (ipndm, sa_solver). (default: the sampler's)
            """,
            valueName: "order"))
    var solverOrder: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Which formula of that order: midpoint or heun (the DPM-Solvers), bh1 or bh2 (unipc), ancestral, \
            reverse_diffusion or euler_maruyama (pc_ve, pc_vp). (default: the sampler's)
            """,
            valueName: "name"))
    var solverType: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "tcd: how much of each step is noised anew, 0 to 1. (default: 0.3)", valueName: "0…1"))
    var gamma: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "sa_solver: how much noise the middle of the run gets, 0 to 10. (default: 1)", valueName: "τ"))
    var tau: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            pc_ve, pc_vp, annealed_langevin: signal-to-noise ratio of a Langevin step, 0.001 to 1. (default: 0.15, 0.16, \
            0.22)
            """,
            valueName: "ratio"))
    var snr: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The same: how many Langevin steps a noise level gets, 0 to 100. (default: 1, 1, 10)", valueName: "count"))
    var correctorSteps: Int?

    func apply(to request: inout Request) {
        request.solver.order = solverOrder ?? request.solver.order
        request.solver.type = solverType ?? request.solver.type
        request.solver.gamma = gamma ?? request.solver.gamma
        request.solver.tau = tau ?? request.solver.tau
        request.solver.snr = snr ?? request.solver.snr
        request.solver.correctorSteps = correctorSteps ?? request.solver.correctorSteps
    }
}
