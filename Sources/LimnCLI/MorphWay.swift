import Limn

/// The way from one picture to others: through prompts, through seeds, or through both at once.
struct MorphWay {
    /// The most frames of one command.
    static let mostFrames = 10_000

    private let prompts: [String]
    private let seeds: [UInt64]
    private let count: Int

    /// - Parameters:
    ///   - prompts: after the request's own
    ///   - seeds: after the request's own
    ///   - count: frames, the first and the last picture among them
    /// - Throws: `LimnError` for a way that leads nowhere
    init(prompts: [String], seeds: [UInt64], count: Int) throws {
        func usage(_ text: String) -> LimnError { LimnError(text, isUsage: true) }
        guard !prompts.isEmpty || !seeds.isEmpty else {
            throw usage("say where to go: another prompt with --to, another seed with --to-seed, or both")
        }
        guard prompts.isEmpty || seeds.isEmpty || prompts.count == seeds.count else {
            throw usage(
                "\(prompts.count) times --to and \(seeds.count) times --to-seed: give as many, or only one kind")
        }
        guard (2...Self.mostFrames).contains(count) else {
            throw usage("\(count) frames are not possible; give 2 to \(Self.mostFrames)")
        }
        if let prompt = prompts.first(where: { $0.contains("<lora:") }) {
            throw usage("\(prompt): all frames have the same LoRAs; name them in the first prompt")
        }
        (self.prompts, self.seeds, self.count) = (prompts, seeds, count)
    }

    /// The requests of the frames.
    func frames(of request: Request) throws -> [Request] {
        guard request.count == 1 else {
            throw LimnError("a morph is one picture in many frames; leave out -b", isUsage: true)
        }
        guard request.seeds.variation == nil || seeds.isEmpty else {
            throw LimnError("--to-seed and --variation-strength both mix two seeds; give one of them", isUsage: true)
        }
        let prompts = [request.prompt] + self.prompts
        let seeds = [request.seed ?? UInt64.random(in: 0..<1 << 32)] + self.seeds
        let stretches = max(prompts.count, seeds.count) - 1
        return (0..<count).map { frame in
            let position = Double(frame) * Double(stretches) / Double(count - 1)
            // The last frame is the end of the last stretch, not the beginning of one more.
            let stretch = min(Int(position), stretches - 1)
            let amount = position - Double(stretch)
            var own = request
            own.prompt = prompts[min(stretch, prompts.count - 1)]
            own.seed = seeds[min(stretch, seeds.count - 1)]
            if stretch + 1 < prompts.count { own.text.morph = Morph(prompt: prompts[stretch + 1], amount: amount) }
            if stretch + 1 < seeds.count { own.seeds.variation = Variation(seed: seeds[stretch + 1], strength: amount) }
            return own
        }
    }
}
