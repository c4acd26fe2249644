/// What a run's sampler is built from.
package struct SamplerSettings: Sendable {
    /// 1 to the configuration's training steps.
    package var steps: Int
    /// nil for what the configuration says.
    package var schedule: ScheduleName?
    /// 0...1, how much noise a step adds; nil for the sampler's own.
    package var eta: Float?
    /// The noise that the model was trained on, and the sampler's own options. One that was written for another class
    /// is read as diffusers' `OtherScheduler.from_config(config)` does.
    package var config: SchedulerConfig

    package init(steps: Int, schedule: ScheduleName? = nil, eta: Float? = nil, config: SchedulerConfig) {
        (self.steps, self.schedule, self.eta, self.config) = (steps, schedule, eta, config)
    }

    /// - Throws: `SamplingError` for what is out of range, or of no use to the sampler.
    func check(for name: SamplerName) throws {
        if let eta, !(eta >= 0 && eta <= 1) { throw SamplingError.eta(eta) }
        if let schedule, schedule != .discrete, !name.takesSchedule {
            let able = SamplerName.allCases.filter(\.takesSchedule).map(\.rawValue)
            throw SamplingError.unsupported(
                what: "The schedule \(schedule) with the sampler \(name)",
                supported: "discrete, or one of the samplers " + able.joined(separator: ", "))
        }
    }
}
