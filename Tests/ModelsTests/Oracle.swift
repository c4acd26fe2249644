import Checkpoints
import Layers
import Models
import Tensors
import TestSupport

/// Relative L2 error that a stage may have against diffusers in float32.
let stageTolerance = 1e-5

/// A model folder of the fixtures with what diffusers computed from it.
struct Oracle {
    let folder: String
    let reference: SafetensorsFile

    init(_ name: String, reference: String = "reference") throws {
        folder = Fixtures.path(name)
        self.reference = try SafetensorsFile(path: "\(folder)/\(reference).safetensors")
    }

    var config: ConfigFile { get throws { try ConfigFile(path: folder + "/config.json") } }

    func weights(_ base: String, rules: KeyRules = .none) throws -> Weights {
        Weights(try openTensors(folder: folder, base: base), rules: rules)
    }

    func shape(_ name: String) throws -> [Int] { try reference.info(name).shape }

    func values(_ name: String) throws -> [Float] { try reference.float32(name) }

    /// Token ids, one list a text.
    func ids(_ name: String = "ids") throws -> [[Int]] {
        let length = try shape(name)[1]
        let flat = try reference.integers(name)
        return stride(from: 0, to: flat.count, by: length).map { Array(flat[$0..<$0 + length]) }
    }

    /// A reference tensor [batch, channels, height, width] as ours, [batch, height, width, channels].
    func picture(_ name: String) throws -> Tensor {
        let shape = try shape(name)
        return try Tensor(
            batch: shape[0], height: shape[2], width: shape[3], channels: shape[1],
            values: channelsLast(try values(name), shape))
    }

    /// A reference tensor [batch, tokens, channels].
    func tokens(_ name: String) throws -> Tensor {
        let shape = try shape(name)
        return try Tensor(
            batch: shape[0], height: 1, width: shape[1], channels: shape[2], values: try values(name))
    }

    /// SDXL's extra conditions of a UNet case, one a picture; nil if it has none.
    func additionalConditions(_ index: Int) throws -> [AdditionalConditions]? {
        guard reference.tensors["\(index).time_ids"] != nil else { return nil }
        let ids = try values("\(index).time_ids")
        let pooled = try values("\(index).text_embeds")
        let batch = try shape("\(index).time_ids")[0]
        return (0..<batch).map { row in
            let idCount = ids.count / batch
            let width = pooled.count / batch
            return AdditionalConditions(
                pooledText: Array(pooled[row * width..<(row + 1) * width]),
                timeIDs: Array(ids[row * idCount..<(row + 1) * idCount]))
        }
    }

    /// Error of `result` against a reference tensor [batch, channels, height, width].
    func pictureError(_ result: Tensor, _ name: String) throws -> Double {
        relativeError(result.values, channelsLast(try values(name), try shape(name)))
    }
}

func channelsLast(_ values: [Float], _ shape: [Int]) -> [Float] {
    let (batch, channels, pixels) = (shape[0], shape[1], shape[2] * shape[3])
    var result = [Float](repeating: 0, count: values.count)
    for b in 0..<batch {
        for c in 0..<channels {
            for p in 0..<pixels {
                result[(b * pixels + p) * channels + c] = values[(b * channels + c) * pixels + p]
            }
        }
    }
    return result
}

/// Every set of kernels that is tested, on two threads.
func machines() -> [Compute] { Kernels.tested.map { Compute(kernels: $0, threads: 2) } }
