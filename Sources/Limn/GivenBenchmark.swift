import Checkpoints
import Models
import Tensors

/// The stages of a model folder on given inputs; their results are kept, for comparison with those of other engines.
struct GivenBenchmark {
    private let given: Benchmark.Given
    private let description: ModelDescription
    private let parts: ModelParts
    private let inputs: SafetensorsFile
    private let timer: StageTimer

    init(_ given: Benchmark.Given, _ options: Benchmark.Options, _ timer: StageTimer) throws {
        guard options.width == nil, options.height == nil, options.batch == nil else {
            throw LimnError("sizes and batch are those of the inputs; leave them out", isUsage: true)
        }
        (self.given, self.timer) = (given, timer)
        description = try ModelDescription(folder: given.model)
        parts = try ModelParts(folder: description)
        inputs = try SafetensorsFile(path: given.inputs)
        let known = Set(StageName.allCases.flatMap(\.inputs))
        if let other = inputs.tensors.keys.filter({ !known.contains($0) }).min() {
            throw LimnError(
                "\(given.inputs): \(other) is no stage's input; known are "
                    + StageName.allCases.flatMap(\.inputs).joined(separator: ", "))
        }
        guard !inputs.tensors.isEmpty else { throw LimnError("\(given.inputs): there are no inputs in it") }
    }

    func result() throws -> BenchmarkResult {
        let compute = timer.compute
        var outputs: [OutputTensor] = []
        var packSeconds = 0.0
        /// Each network is gone before the next is loaded.
        func load<Network>(_ part: ModelParts.Part, _ build: () throws -> Network) rethrows -> Network {
            timer.note("packing the weights of \(given.model)/\(part.rawValue)")
            let start = Compute.seconds
            defer { packSeconds += Compute.seconds - start }
            return try build()
        }

        if wants(.textEncoder) {
            let ids = try ids()
            guard let text = description.texts.first else { throw LimnError("there is no text encoder") }
            let model = try load(text.part) { try parts.text(text, compute) }
            let states = try timer.textEncoder([model], ids: ids)
            outputs.append(
                OutputTensor(
                    name: StageName.textEncoder.output, shape: [states.batch, states.width, states.channels],
                    values: states.values))
        }
        if wants(.unet) {
            let latents = try picture("unet.latents", channels: description.unet.inChannels)
            let timestep = try values("unet.timestep", rank: 1).values
            let (shape, states) = try values("unet.states", rank: 3)
            guard timestep.count == 1, shape[0] == latents.batch else {
                throw LimnError("\(given.inputs): one timestep, and one text a row of latents, are expected")
            }
            let text = try Tensor(batch: shape[0], height: 1, width: shape[1], channels: shape[2], values: states)
            let model = try load(.unet) {
                try parts.unet(description.unet, compute)
            }
            let noise = try timer.unet(model, latents: latents, timestep: timestep[0], text: text)
            outputs.append(channelsFirst(.unet, noise))
        }
        if wants(.vaeEncoder) || wants(.vaeDecoder) {
            let picture = try wants(.vaeEncoder) ? picture("vae_encoder.picture", channels: 3) : nil
            let latents =
                try wants(.vaeDecoder)
                ? self.picture("vae_decoder.latents", channels: description.vae.latentChannels) : nil
            let factor = description.vae.factor
            if let picture, picture.width % factor != 0 || picture.height % factor != 0 {
                throw LimnError("\(given.inputs): vae_encoder.picture: sides must be multiples of \(factor)")
            }
            let model = try load(.vae) { try parts.vae(description.vae, compute) }
            if let picture { outputs.append(channelsFirst(.vaeEncoder, try timer.encoder(model, picture: picture))) }
            if let latents { outputs.append(channelsFirst(.vaeDecoder, try timer.decoder(model, latents: latents))) }
        }
        if let path = given.outputs { try SafetensorsWriter.write(outputs, metadata: ["format": "pt"], to: path) }
        var result = timer.result()
        (result.model, result.packSeconds) = (description.name, packSeconds)
        return result
    }

    /// Whether the file has an input of this stage; the others of the stage are then demanded.
    private func wants(_ stage: StageName) -> Bool { stage.inputs.contains { inputs.tensors[$0] != nil } }

    private func ids() throws -> [[Int]] {
        let shape = try shape("text_encoder.ids", rank: 2)
        let flat = try inputs.integers("text_encoder.ids")
        return (0..<shape[0]).map { Array(flat[$0 * shape[1]..<($0 + 1) * shape[1]]) }
    }

    /// A tensor [batch, channels, height, width] as ours, [batch, height, width, channels].
    private func picture(_ name: String, channels: Int) throws -> Tensor {
        let (shape, values) = try values(name, rank: 4)
        guard shape[1] == channels else {
            throw LimnError("\(given.inputs): \(name) has \(shape[1]) channels, but the model wants \(channels)")
        }
        let one = LatentShape(channels: channels, height: shape[2], width: shape[3])
        let rows = (0..<shape[0]).flatMap { one.channelsLast(Array(values[$0 * one.count..<($0 + 1) * one.count])) }
        return try Tensor(batch: shape[0], height: shape[2], width: shape[3], channels: channels, values: rows)
    }

    private func channelsFirst(_ stage: StageName, _ result: Tensor) -> OutputTensor {
        let one = LatentShape(channels: result.channels, height: result.height, width: result.width)
        return OutputTensor(
            name: stage.output, shape: [result.batch, result.channels, result.height, result.width],
            values: (0..<result.batch).flatMap {
                one.channelsFirst(result.buffer[$0 * one.count..<($0 + 1) * one.count])
            })
    }

    private func values(_ name: String, rank: Int) throws -> (shape: [Int], values: [Float]) {
        (try shape(name, rank: rank), try inputs.float32(name))
    }

    private func shape(_ name: String, rank: Int) throws -> [Int] {
        let shape = try inputs.info(name).shape
        guard shape.count == rank, shape.allSatisfy({ $0 > 0 }) else {
            throw LimnError("\(given.inputs): \(name) must have \(rank) dimensions, but is \(shape)")
        }
        return shape
    }
}
