import Models
import Tensors

/// What is the same in all steps of a phase.
private struct PhaseKind: Equatable {
    var isGuided: Bool
    var isRefined: Bool
}

extension Model {
    /// The phases of a run, with the text's part of the work done.
    func runPhases(_ job: PreparedRequest, tell: (Event) -> Void) throws -> [RunPhase] {
        var stretches: [(kind: PhaseKind, lastTimestep: Float)] = []
        for step in job.firstStep..<job.sampler.levels.count {
            let timestep = job.sampler.levels[step].timestep
            let kind = PhaseKind(
                isGuided: step - job.firstStep < job.guidedSteps, isRefined: timestep < job.refinedBelow)
            if stretches.last?.kind == kind { stretches.removeLast() }
            stretches.append((kind, timestep))
        }
        // Each network reads the texts once: a phase without guidance is told one row of the guided one.
        var read: [Bool: Conditioning] = [:]
        return try stretches.map { kind, lastTimestep in
            let unet = kind.isRefined ? refiner?.unet ?? networks.unet : networks.unet
            let isGuidedSomewhere = stretches.contains {
                $0.kind == PhaseKind(isGuided: true, isRefined: kind.isRefined)
            }
            let whole: Conditioning
            if let known = read[kind.isRefined] {
                whole = known
            } else {
                let description = kind.isRefined ? refiner?.description ?? self.description : self.description
                let readers = kind.isRefined ? refiner?.texts ?? networks.texts : networks.texts
                let inputs = try description.inputs(
                    job, isGuided: isGuidedSomewhere, readers: readers, textCompute, tell: tell)
                whole = try unet.condition(
                    on: inputs.states, addition: inputs.addition, timeCondition: inputs.timeCondition, compute)
                read[kind.isRefined] = whole
            }
            let isPart = isGuidedSomewhere && !kind.isGuided
            return RunPhase(
                unet: unet, conditioning: isPart ? try whole.picture(whole.batch - 1) : whole,
                lastTimestep: lastTimestep)
        }
    }
}
