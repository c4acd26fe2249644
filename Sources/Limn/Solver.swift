import Sampling

extension Request {
    /// What the sampler's solver is asked for. nil: what the model's scheduler configuration says, or the sampler's own.
    /// What the sampler has no use for is an error.
    ///
    ///     request.sampler = "unipc"
    ///     request.sampling.solver.order = 3
    public struct Solver: Sendable, Equatable, Codable {
        /// From how many predictions a step is made, 1 to 4: deis, dpm++2m, dpm_solver, er_sde, ipndm, sa_solver, unipc and
        /// their like.
        public var order: Int?
        /// The formula of that order: "midpoint" or "heun" (the DPM-Solvers), "bh1" or "bh2" (unipc), "ancestral",
        /// "reverse_diffusion" or "euler_maruyama" (pc_ve, pc_vp).
        public var type: String?
        /// tcd, 0…1: how far below the next timestep a step goes before noise is put back on. nil: 0.3.
        public var gamma: Double?
        /// sa_solver, 0…10: how much noise the middle of the run gets, from none to as much as ancestral samplers' at 1.
        /// nil: 1.
        public var tau: Double?
        /// pc_ve, pc_vp and annealed_langevin, 0.001…1: how long a Langevin step is, as the ratio of signal to noise in it.
        public var snr: Double?
        /// The same, 0…100: how many Langevin steps there are at a noise level.
        public var correctorSteps: Int?

        public init() {}

        var settings: SolverSettings {
            var settings = SolverSettings()
            (settings.order, settings.type) = (order, type)
            (settings.gamma, settings.tau) = (gamma, tau)
            (settings.snr, settings.correctorSteps) = (snr, correctorSteps)
            return settings
        }
    }
}
