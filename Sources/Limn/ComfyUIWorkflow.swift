import Platform
import Sampling
import Tokenizers

/// What a picture of ComfyUI tells of how it was made: the nodes that ran, as the text chunk `prompt` has them. The plain
/// ones are followed from the picture back to the model; of others an error tells the name.
struct ComfyUIWorkflow {
    /// The keyword of the text chunk.
    static let keyword = "prompt"
    /// Larger ones are not read.
    private static let mostBytes = 1 << 20
    /// More nodes in a row than anyone has wired.
    static let longestWay = 1000

    struct Node {
        var id: String
        var kind: String
        var inputs: [String: JSON]

        var name: String { "\(kind) (node \(id))" }
    }

    let nodes: [String: Node]
    let path: String

    /// What was found on the way that is not followed, in sentences.
    var notes: [String] = []

    /// Whether a text `prompt` has nodes in it. Other programs have a text of this name too, with a prompt.
    static func isLikely(_ text: String) -> Bool {
        guard text.utf8.count <= mostBytes, case .object(let members)? = JSON.parse(text) else { return false }
        return members.contains { _, value in
            guard case .object(let parts) = value else { return false }
            return parts.contains { $0.key == "class_type" }
        }
    }

    /// - Parameter path: of the picture, for errors
    /// - Throws: `LimnError` for what is no workflow
    init(parsing text: String, path: String) throws {
        self.path = path
        guard text.utf8.count <= Self.mostBytes else {
            throw LimnError("\(path): its ComfyUI workflow is over \(Self.mostBytes >> 20) MB, too large to be read")
        }
        guard let root = JSON.parse(text) else {
            throw LimnError("\(path): its ComfyUI workflow is no JSON that can be read")
        }
        guard case .object(let members) = root else {
            throw LimnError("\(path): its ComfyUI workflow is no list of nodes")
        }
        var nodes: [String: Node] = [:]
        for (id, value) in members {
            guard case .object(let parts) = value,
                case .string(let kind)? = parts.first(where: { $0.key == "class_type" })?.value
            else {
                throw LimnError("\(path): node \(Self.short(id)) of its ComfyUI workflow has no class_type")
            }
            var inputs: [String: JSON] = [:]
            if case .object(let given)? = parts.first(where: { $0.key == "inputs" })?.value {
                for (name, value) in given { inputs[name] = value }
            }
            nodes[id] = Node(id: Self.short(id), kind: Self.short(kind), inputs: inputs)
        }
        self.nodes = nodes
    }

    /// The request of the picture.
    ///
    /// - Throws: `LimnError` that names a node which is not followed
    mutating func stored() throws -> StoredRequest {
        let sampler = try samplerNode()
        var request = Request(prompt: "")
        request.likeness = .comfyui
        try readSampling(sampler, &request)
        let positive = try conditioning(try node(linked: "positive", of: sampler))
        var negative = Spoken(text: "", clipSkip: positive.clipSkip)
        if request.guidanceScale != 1 { negative = try conditioning(try node(linked: "negative", of: sampler)) }
        guard positive.clipSkip == negative.clipSkip else {
            throw unable("prompt and negative prompt have different layers of CLIP")
        }
        (request.prompt, request.negativePrompt) = (positive.text, negative.text)
        request.clipSkip = positive.clipSkip
        (request.originalSize, request.crop, request.targetSize) = (positive.original, positive.crop, positive.target)
        try readLatents(try node(linked: "latent_image", of: sampler), &request)
        let (model, tags) = try readModel(try node(linked: "model", of: sampler), &request)
        if !tags.isEmpty { request.prompt = ([request.prompt] + tags).joined(separator: " ") }
        var stored = StoredRequest(request, model: model, fingerprint: "", precision: nil)
        (stored.version, stored.fingerprint, stored.count) = (nil, nil, request.count)
        return stored
    }

    func samplerNode() throws -> Node {
        let isSampler: (Node) -> Bool = { ["KSampler", "KSamplerAdvanced"].contains($0.kind) }
        let outputs = sorted { ["SaveImage", "PreviewImage", "SaveImageWebsocket"].contains($0.kind) }
        var found: [String: Node] = [:]
        for output in outputs {
            let decoder = try node(linked: "images", of: output)
            guard ["VAEDecode", "VAEDecodeTiled"].contains(decoder.kind) else { throw notFollowed(decoder) }
            let sampler = try node(linked: "samples", of: decoder)
            guard isSampler(sampler) else { throw notFollowed(sampler) }
            found[sampler.id] = sampler
        }
        // Nodes that save pictures come with extensions too; with a single sampler there is no doubt.
        if found.isEmpty { for node in sorted(isSampler) { found[node.id] = node } }
        guard found.count == 1, let sampler = found.values.first else {
            if found.isEmpty {
                let others = Set(sorted { $0.kind.contains("Sampler") }.map(\.name)).sorted().prefix(3)
                let named = others.isEmpty ? "" : ": only \(others.joined(separator: ", "))"
                throw unable("it has no KSampler\(named)")
            }
            throw unable(
                "it has \(found.count) samplers whose pictures it keeps, and there is no telling which is this one's")
        }
        return sampler
    }

    func readSampling(_ node: Node, _ request: inout Request) throws {
        let isAdvanced = node.kind == "KSamplerAdvanced"
        request.seed = try seed(isAdvanced ? "noise_seed" : "seed", of: node)
        request.steps = try integer("steps", of: node, in: 1...10_000)
        request.guidanceScale = Float(try number("cfg", of: node))
        let name = try string("sampler_name", of: node)
        guard let sampler = OtherSampler(name) else {
            throw LimnError("\(path): the sampler \"\(Self.short(name))\" of \(node.name) is not known here")
        }
        (request.sampler, request.solver.type) = (sampler.sampler.rawValue, sampler.solverType)
        // Whose noise on the way is drawn on a GPU; else this sampler's is a CPU's.
        if sampler.drawsOnGPU { request.generator = "cuda" }
        let schedule = try string("scheduler", of: node)
        guard let known = try? ScheduleName(named: schedule), known.spacesSigmas else {
            throw unable("the scheduler \"\(Self.short(schedule))\" of \(node.name) is not known here")
        }
        request.schedule = known.rawValue
        guard isAdvanced else {
            let denoise = node.inputs["denoise"] == nil ? 1 : try number("denoise", of: node)
            guard (0...1).contains(denoise) else {
                throw unable("\(node.name) has a denoise of \(denoise), not 0 to 1")
            }
            request.strength = denoise
            return
        }
        guard try string("add_noise", of: node) == "enable",
            try integer("start_at_step", of: node, in: 0...1_000_000) == 0,
            try integer("end_at_step", of: node, in: 0...1_000_000) >= request.steps
        else {
            throw unable("\(node.name) does a part of the steps, or adds no noise, which is not followed")
        }
    }
}
