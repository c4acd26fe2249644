// Places on the grid of training steps, and the σ there: the schedules of ComfyUI and the webui.

extension ScheduleName {
    /// Equal steps in time from the noisiest to the cleanest training step (k-diffusion's get_sigmas).
    static let normal = ScheduleName(
        "normal", webui: "Normal", aliases: ["uniform"], use: "equal steps in time, as k-diffusion has them",
        .sigmas { input in
            let (first, last) = input.ends
            return input.ramp.map { input.table.sigma(at: first + $0 * (last - first)) }
        })

    /// Equal steps in time that would end one step below the cleanest (Stability's generative-models).
    static let sgmUniform = ScheduleName(
        "sgm_uniform", webui: "SGM Uniform", use: "equal steps in time, a whole one left to the clean end",
        .sigmas { input in
            let (first, last) = input.ends
            return (0..<input.count).map {
                input.table.sigma(at: first + Double($0) / Double(input.count) * (last - first))
            }
        })

    /// Every so many training steps, counted from the noisiest (ComfyUI's simple).
    static let simple = ScheduleName(
        "simple", webui: "Simple", use: "every so many training steps, from the noisiest on",
        .sigmas { input in
            let stride = Double(input.table.count) / Double(input.count)
            return (0..<input.count).map {
                Double(input.table.sigmas[max(input.table.count - 1 - Int(Double($0) * stride), 0)])
            }
        })

    /// Every so many training steps, counted from the second cleanest (ComfyUI's ddim_uniform). As there, it is a step
    /// more, or several, where the training's do not divide evenly.
    static let ddimUniform = ScheduleName(
        "ddim_uniform", webui: "DDIM", use: "every so many from the cleanest on; may be a few more",
        .sigmas { input in
            let stride = max(input.table.count / input.count, 1)
            let places = Swift.stride(from: min(1, input.table.count - 1), to: input.table.count, by: stride)
            return places.reversed().map { Double(input.table.sigmas[$0]) }
        })

    /// Quantiles of a beta distribution, α = β = 0.6, in time (Lee et al. 2024; ComfyUI's beta). As there, training
    /// steps that come twice are taken once.
    static let betaTimesteps = ScheduleName(
        "beta_timesteps", webui: "Beta timesteps", aliases: ["beta_comfyui"],
        use: "the same in time instead of noise: ComfyUI's beta",
        .sigmas { input in
            let distribution = BetaDistribution(alpha: 0.6, beta: 0.6)
            let last = Double(input.table.count - 1)
            var places: [Int] = []
            for index in 0..<input.count {
                let quantile = distribution.quantile(1 - Double(index) / Double(input.count))
                let place = Int((quantile * last).rounded(.toNearestOrEven))
                if place != places.last { places.append(place) }
            }
            return places.map { Double(input.table.sigmas[$0]) }
        })
}

extension ScheduleInput {
    /// Where the training's noise begins and ends, in training steps.
    fileprivate var ends: (first: Double, last: Double) {
        (table.timestep(of: trainedHighest), table.timestep(of: trainedLowest))
    }
}
