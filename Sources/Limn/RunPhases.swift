import Models
import Tensors

/// What is the same in all steps of a phase.
private struct PhaseKind: Hashable {
    var isGuided: Bool
    var isRefined: Bool
    /// Of the prompt, which may change on the way.
    var stage: Int
}

extension Model {
    /// The phases of a run, with the text's part of the work done.
    func runPhases(_ job: RunPlan, tell: (Event) -> Void) throws -> [RunPhase] {
        var stretches: [(kind: PhaseKind, end: RunPhase.End)] = []
        // Of prompts that count evaluations, if they change at all.
        let perStep = job.prompts.stages.count > 1 ? job.prompts.evaluationsPerStep : nil
        for count in 0..<job.sampling.steps * (perStep ?? 1) {
            let step = job.sampling.firstStep + count / (perStep ?? 1)
            let timestep = job.sampling.sampler.levels[step].timestep
            let kind = PhaseKind(
                isGuided: job.guidance.guides(
                    step: step - job.sampling.firstStep, of: job.sampling.steps, at: job.sampling.sampler.levels[step]),
                isRefined: timestep < job.refinedBelow, stage: job.prompts.stage(of: count))
            if stretches.last?.kind == kind { stretches.removeLast() }
            stretches.append((kind, perStep == nil ? .timestep(timestep) : .evaluation(count)))
        }
        let kinds = Set(stretches.map(\.kind))
        // Each network reads a text once: a phase without guidance is told one row of the guided one's, and phases that
        // come again share what they are told.
        var told: [PhaseKind: Conditioning] = [:]
        var phases: [PhaseKind: RunPhase] = [:]
        var readers: [Bool: PromptReader] = [:]
        func reader(isRefined: Bool) -> PromptReader {
            if let known = readers[isRefined] { return known }
            let description = isRefined ? refiner?.description ?? self.description : self.description
            let reader = PromptReader(
                job, description, isRefined ? refiner?.texts ?? networks.texts : networks.texts, textCompute)
            readers[isRefined] = reader
            return reader
        }
        func unet(isRefined: Bool) -> UNet2DConditionModel {
            isRefined ? refiner?.unet ?? networks.unet : networks.unet
        }
        func conditioning(_ kind: PhaseKind) throws -> Conditioning {
            if let known = told[kind] { return known }
            var guided = kind
            guided.isGuided = true
            let result: Conditioning
            // Prompts that are put together are so beside the negative one, guided or not.
            if !kind.isGuided, kinds.contains(guided) || job.prompts.isComposed {
                let whole = try conditioning(guided)
                result = job.prompts.isComposed ? whole : try whole.picture(whole.batch - 1)
            } else {
                let description = kind.isRefined ? refiner?.description ?? self.description : self.description
                let inputs = try description.inputs(
                    job, job.prompts.stages[kind.stage], withNegative: kind.isGuided,
                    reader(isRefined: kind.isRefined), tell: tell)
                result = try unet(isRefined: kind.isRefined).condition(
                    on: inputs.states, counts: inputs.counts, addition: inputs.addition,
                    timeCondition: inputs.timeCondition, compute)
            }
            told[kind] = result
            return result
        }
        func phase(_ kind: PhaseKind) throws -> RunPhase {
            if let known = phases[kind] { return known }
            let attention = try AttentionGuidance(job.guidance, unet(isRefined: kind.isRefined))
            var phase = try attention.phase(try conditioning(kind))
            phase.composition = job.prompts.isComposed ? job.prompts.weights : nil
            phase.isGuided = kind.isGuided
            phases[kind] = phase
            return phase
        }
        return try stretches.map { kind, end in
            var phase = try phase(kind)
            phase.end = end
            return phase
        }
    }
}
