import ArgumentParser
import Limn

/// `limn samplers`: what there is to choose from.
struct SamplersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "samplers",
        abstract: "List samplers and schedules, and when to use which.",
        discussion: """
            Samplers with their order, how often a step runs the network, and whether they draw noise on the way; \
            schedules; noise schedules. Names of the webui, ComfyUI, k-diffusion and diffusers are understood too.

            Examples:
              limn samplers
              limn samplers euler        a sampler or schedule with all its names
              limn samplers --json
            """)

    @Argument(help: "A sampler or schedule to tell of; all if none is named.")
    var name: String?

    @Flag(help: "One line of JSON.")
    var json = false

    func run() throws {
        var report = Report(
            samplers: Choices.samplerFacts, schedules: Choices.scheduleFacts, noiseSchedules: Choices.noiseSchedules)
        if let name { report = try report.only(name) }
        try Console.output(json ? JSONLine.text(report) : report.text(withNames: name != nil))
    }
}

private struct Report: Encodable {
    var samplers: [SamplerFacts]
    var schedules: [ScheduleFacts]
    var noiseSchedules: [NamedChoice]

    /// - Throws: `LimnError` for a name that is neither a sampler's nor a schedule's, with the nearest
    func only(_ name: String) throws -> Report {
        let sampler = try? Choices.sampler(named: name)
        let schedule = try? Choices.schedule(named: name)
        if sampler == nil, schedule == nil { _ = try Choices.sampler(named: name) }
        return Report(
            samplers: samplers.filter { $0.name == sampler }, schedules: schedules.filter { $0.name == schedule },
            noiseSchedules: [])
    }

    func text(withNames: Bool) -> String {
        var lines: [String] = []
        let width = (samplers.map(\.name.count).max() ?? 0) + 2
        if !samplers.isEmpty {
            lines.append("Samplers (order; runs of the network a step; noise on the way; whether schedules apply)")
            for sampler in samplers {
                let runs = sampler.evaluations.map(String.init) ?? "?"
                let noise = sampler.isStochastic ? "noise" : "-"
                let facts =
                    "\(sampler.order)  \(runs)  \(padded(noise, 5))  "
                    + padded(sampler.takesSchedule ? "schedules" : "-", 9)
                lines.append("  \(padded(sampler.name, width))\(facts)  \(sampler.summary)")
                if withNames {
                    lines.append("  also: " + ([sampler.displayName] + sampler.aliases).joined(separator: ", "))
                }
            }
        }
        if !schedules.isEmpty {
            lines.append("Schedules")
            for schedule in schedules {
                lines.append("  \(padded(schedule.name, 18))\(schedule.summary)")
                if withNames {
                    lines.append("  also: " + ([schedule.displayName] + schedule.aliases).joined(separator: ", "))
                }
            }
        }
        if !noiseSchedules.isEmpty {
            lines.append("Noise schedules")
            lines += noiseSchedules.map { "  \(padded($0.name, 18))\($0.summary)" }
        }
        return lines.joined(separator: "\n")
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(width - text.count, 0))
    }
}
