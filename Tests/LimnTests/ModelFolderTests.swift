import Checkpoints
import Foundation
import Limn
import TestSupport
import Testing

/// Model folders that are incomplete, damaged or of another kind.
@Suite(.serialized) struct ModelFolderTests {
    /// A copy of a fixture model in which `change` may alter files.
    private func copy(_ change: (TemporaryFolder) throws -> Void) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for part in ["model_index.json", "tokenizer", "text_encoder", "unet", "vae", "scheduler"] {
            try FileManager.default.copyItem(
                atPath: Fixtures.path("pipeline-a") + "/" + part, toPath: folder.file(part))
        }
        try change(folder)
        return folder
    }

    private func edit(_ folder: TemporaryFolder, _ file: String, _ old: String, _ new: String) throws {
        let text = try String(contentsOfFile: folder.file(file), encoding: .utf8)
        #expect(text.contains(old))
        try folder.write(text.replacing(old, with: new).utf8, to: file)
    }

    private func failure(_ folder: TemporaryFolder) async -> String {
        await message { _ = try await Model.load(from: folder.path) } ?? "no error"
    }

    @Test(arguments: ["tokenizer", "text_encoder", "unet", "vae", "scheduler"])
    func aMissingPartIsNamed(_ part: String) async throws {
        let folder = try copy { try FileManager.default.removeItem(atPath: $0.file(part)) }
        #expect(await failure(folder).contains(part + "/ is missing"))
    }

    @Test(arguments: [
        "unet/config.json", "vae/config.json", "text_encoder/config.json", "scheduler/scheduler_config.json",
        "tokenizer/tokenizer_config.json", "model_index.json", "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors", "tokenizer/spiece.model",
    ])
    func aGarbledFileIsNamed(_ file: String) async throws {
        for garbage in ["", "{", "[1, 2]", "\u{0}\u{1}\u{2}", String(repeating: "{\"a\":", count: 100_000)] {
            let folder = try copy { try $0.write(garbage.utf8, to: file) }
            let text = await failure(folder)
            let name = file.split(separator: "/").last ?? ""
            #expect(text.contains(name) && text.count < 700, "\(file), \(garbage.prefix(10)): \(text.prefix(300))")
        }
    }

    /// A device in the place of a configuration would be read for ever.
    @Test(
        .timeLimit(.minutes(10)),
        arguments: ["unet/config.json", "model_index.json", "scheduler/scheduler_config.json"])
    func whatIsNoOrdinaryFileIsNotRead(_ file: String) async throws {
        let folder = try copy {
            try FileManager.default.removeItem(atPath: $0.file(file))
            try FileManager.default.createSymbolicLink(atPath: $0.file(file), withDestinationPath: "/dev/zero")
        }
        let text = await failure(folder)
        #expect(text.contains(file) && text.contains("ordinary file"), "\(text)")
    }

    @Test func otherClassesAreNamedWithWhatIsSupported() async throws {
        for (file, old, new) in [
            ("model_index.json", "StableDiffusionPipeline", "FluxPipeline"),
            ("model_index.json", "UNet2DConditionModel", "Transformer2DModel"),
            ("unet/config.json", "UNet2DConditionModel", "Transformer3D"),
            ("vae/config.json", "AutoencoderKL", "VQModel"),
            ("text_encoder/config.json", "CLIPTextModel", "BertModel"),
            ("scheduler/scheduler_config.json", "PNDMScheduler", "FlowMatchEulerDiscreteScheduler"),
        ] {
            let folder = try copy { try edit($0, file, "\"\(old)\"", "\"\(new)\"") }
            var text = await failure(folder)
            if file.hasPrefix("scheduler") {
                // Another sampler may be asked for, so this is an error only when the scheduler is needed.
                let options = LoadOptions(threads: 2, precision: .float32)
                let model = try await Model.load(from: folder.path, options: options)
                var request = TinyModel.request()
                _ = try await model.generate(request)
                request.sampler = nil
                text = await message { [request] in _ = try await model.generate(request) } ?? "no error"
            }
            #expect(text.contains(new) && text.contains("support"), "\(text)")
        }
    }

    @Test func hostileNumbersInAConfigurationAreRefused() async throws {
        for (file, old, new) in [
            ("unet/config.json", "\"in_channels\": 4", "\"in_channels\": -4"),
            ("unet/config.json", "\"in_channels\": 4", "\"in_channels\": 5"),
            ("unet/config.json", "\"in_channels\": 4", "\"in_channels\": 1e300"),
            ("unet/config.json", "\"norm_num_groups\": 8", "\"norm_num_groups\": 0"),
            ("unet/config.json", "\"norm_num_groups\": 8", "\"norm_num_groups\": 7"),
            ("unet/config.json", "\"norm_num_groups\": 8", "\"norm_num_groups\": \"8\""),
            ("unet/config.json", "\"act_fn\": \"silu\"", "\"act_fn\": \"mish\""),
            ("vae/config.json", "\"scaling_factor\"", "\"scaling_factor\": 0, \"was\""),
        ] {
            let folder = try copy { try edit($0, file, old, new) }
            let text = await failure(folder)
            #expect(text.contains("config.json") || text.contains("channels"), "\(new): \(text)")
        }
    }

    @Test func weightsThatDoNotFitTheConfigurationAreNamed() async throws {
        let shape = try copy {
            try edit($0, "unet/config.json", "\"cross_attention_dim\": ", "\"cross_attention_dim\": 1")
        }
        #expect(await failure(shape).contains("wide"))

        let path = Fixtures.path("pipeline-a") + "/unet/diffusion_pytorch_model.safetensors"
        let source = try SafetensorsFile(path: path)
        func rewrite(_ folder: TemporaryFolder, _ keep: (String) -> Bool, extra: [OutputTensor] = []) throws {
            let tensors = try source.tensors.values.filter { keep($0.name) }.map {
                OutputTensor(name: $0.name, shape: $0.shape, values: try source.float32($0.name))
            }
            try SafetensorsWriter.write(tensors + extra, to: folder.file("unet/diffusion_pytorch_model.safetensors"))
        }
        let missing = try copy { try rewrite($0, { $0 != "conv_in.weight" }) }
        #expect(await failure(missing).contains("conv_in.weight"))
        let surplus = try copy {
            try rewrite($0, { _ in true }, extra: [OutputTensor(name: "stray.bias", shape: [1], values: [0])])
        }
        #expect(await failure(surplus).contains("stray.bias"))
        let misshapen = try copy {
            try rewrite(
                $0, { $0 != "conv_in.bias" },
                extra: [OutputTensor(name: "conv_in.bias", shape: [3], values: [0, 0, 0])])
        }
        let text = await failure(misshapen)
        #expect(text.contains("conv_in.bias") && text.contains("[3]"), "\(text)")
    }

    /// One value of a weight, a bias, a norm and an embedding, in float32 and in the half precisions.
    @Test(arguments: [
        ("unet", "conv_in.weight"), ("unet", "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"),
        ("unet", "conv_out.bias"), ("vae", "decoder.conv_norm_out.weight"),
        ("text_encoder", "text_model.embeddings.token_embedding.weight"),
    ])
    func valuesThatAreNotFiniteAreNamed(part: String, name: String) async throws {
        let base = part == "text_encoder" ? "model" : "diffusion_pytorch_model"
        let source = try SafetensorsFile(path: Fixtures.path("pipeline-a/\(part)/\(base).safetensors"))
        for (dtype, bad) in [
            (DType.f32, [0, 0, 0x80, 0x7F]), (.f16, [0x01, 0xFE]), (.bf16, [0xC0, 0x7F]),
        ] as [(DType, [UInt8])] {
            let tensors = try source.tensors.values.map { info in
                guard info.name == name else {
                    return OutputTensor(name: info.name, shape: info.shape, values: try source.float32(info.name))
                }
                let count = info.elementCount
                return OutputTensor(
                    name: name, dtype: dtype, shape: info.shape,
                    bytes: [UInt8](repeating: 0, count: (count - 1) * dtype.byteSize) + bad)
            }
            let folder = try copy {
                try SafetensorsWriter.write(tensors, to: $0.file("\(part)/\(base).safetensors"))
            }
            let text = await failure(folder)
            #expect(text.contains(name.replacing("text_model.", with: "")) && text.contains("NaN"), "\(text)")
            let small = await message {
                let options = LoadOptions(threads: 2, precision: .float32, lowMemory: true)
                _ = try await Model.load(from: folder.path, options: options)
            }
            #expect(small?.contains("NaN") == true, "\(small ?? "no error")")
        }
    }

    @Test func whatIsNoFolderIsSaid() async throws {
        let none = await message { _ = try await Model.load(from: "/nowhere/at/all") }
        #expect(none?.contains("/nowhere/at/all") == true)
        let file = await message { _ = try await Model.load(from: Fixtures.path("pipeline-a/model_index.json")) }
        #expect(file?.contains("folder") == true)
    }
}
