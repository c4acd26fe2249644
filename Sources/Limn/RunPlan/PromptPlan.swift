import Tokenizers

/// What the network is told in the course of a run, before a text encoder has seen it.
struct PromptPlan: Sendable {
    /// What it is told at a time.
    struct Stage: Sendable, Hashable {
        var negative: String
        /// One, or several that are put together.
        var positives: [String]
        /// Where a single one is on the way to; nil: nowhere.
        var target: String?
    }

    /// The most different stages of a run; each is kept in memory with all that the network makes of it.
    private static let mostStages = 100

    /// One a stage's positive prompt.
    let weights: [Float]
    /// In the order in which they come first.
    let stages: [Stage]
    /// Of every step, counted from 0, the stage's index.
    private let stageOfStep: [Int]

    /// Of how many evaluations of the network a step consists, where these are counted instead of steps; nil: steps are.
    let evaluationsPerStep: Int?

    var steps: Int { stageOfStep.count }

    /// Whether guidance has more to do than with one prompt that counts as it is.
    var isComposed: Bool { weights != [1] }

    /// - Parameters:
    ///   - steps: those that are run
    ///   - evaluations: how many evaluations of the network a step has, for these to be counted instead, as the webui does:
    ///     a change then comes after a part of all steps of the request, and an evaluation later, for the first is 0 there
    /// - Throws: `LimnError` for signs that cannot be what is meant
    init(_ request: Request, steps: Int, evaluations: Int? = nil) throws {
        let style = request.text.style ?? request.likeness.habits.style
        do {
            try self.init(
                request.prompt, request.negativePrompt, target: request.text.morph?.prompt,
                isWebUI: style == .webui, steps: max(1, evaluations.map { request.steps * $0 } ?? steps),
                evaluations: evaluations)
        } catch let error as PromptError {
            throw LimnError(error.description, isUsage: true)
        }
    }

    private init(
        _ prompt: String, _ negativePrompt: String, target: String?, isWebUI: Bool, steps: Int,
        evaluations: Int?
    ) throws {
        evaluationsPerStep = evaluations
        guard isWebUI else {
            weights = [1]
            self.stages = [Stage(negative: negativePrompt, positives: [prompt], target: target)]
            stageOfStep = Array(repeating: 0, count: steps)
            return
        }
        let parts = try ComposedPart.parse(prompt)
        for part in parts where abs(part.weight) > PromptError.largestWeight {
            throw PromptError.weightOutOfRange(part.weight)
        }
        guard parts.count <= Self.mostStages else {
            throw LimnError(
                "the prompt is put together of \(parts.count); at most \(Self.mostStages) can be", isUsage: true)
        }
        let targets = try target.map(ComposedPart.parse) ?? []
        guard targets.isEmpty || (parts + targets).allSatisfy({ $0.weight == 1 }) && parts.count + targets.count == 2
        else {
            throw LimnError(
                "prompts that AND puts together cannot be morphed: leave out AND and weights", isUsage: true)
        }
        weights = parts.map { Float($0.weight) }
        let schedules = try parts.map { try PromptSchedule(parsing: $0.text).texts(steps: steps) }
        let targetSchedule = try targets.first.map { try PromptSchedule(parsing: $0.text).texts(steps: steps) }
        let negative = try PromptSchedule(parsing: negativePrompt).texts(steps: steps)
        func text(_ texts: [(lastStep: Int, text: String)], _ step: Int) -> String {
            (texts.first { step <= $0.lastStep } ?? texts.last)?.text ?? ""
        }
        var stages: [Stage] = []
        var known: [Stage: Int] = [:]
        stageOfStep = try (evaluations == nil ? 1...steps : 0...steps - 1).map { step in
            let stage = Stage(
                negative: text(negative, step), positives: schedules.map { text($0, step) },
                target: targetSchedule.map { text($0, step) })
            if let index = known[stage] { return index }
            guard stages.count < Self.mostStages else {
                throw LimnError(
                    "the prompt changes to more than \(Self.mostStages) texts; let it change less", isUsage: true)
            }
            stages.append(stage)
            known[stage] = stages.count - 1
            return stages.count - 1
        }
        self.stages = stages
    }

    /// - Parameter step: of those that are run, or of evaluations, from 0
    func stage(of step: Int) -> Int { stageOfStep[min(max(step, 0), stageOfStep.count - 1)] }
}
