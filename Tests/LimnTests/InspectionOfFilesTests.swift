import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import Limn

/// What `limn inspect` tells of single files.
struct InspectionOfFilesTests {
    private func fact(_ inspection: Inspection, _ name: String) -> String? {
        inspection.facts.first { $0.name == name }?.value
    }

    private func inspect(
        _ shapes: [String: [Int]], notes: [String: String] = [:], as dtype: DType = .f16
    ) throws -> Inspection {
        let folder = try TemporaryFolder()
        let path = folder.file("file.safetensors")
        try SafetensorsWriter.write(
            shapes.map { name, shape in
                let count = shape.reduce(1, *) * dtype.byteSize
                return OutputTensor(name: name, dtype: dtype, shape: shape, bytes: Array(repeating: 0, count: count))
            }, metadata: notes, to: path)
        return try Inspection(of: path)
    }

    @Test(arguments: [
        ("sd1", "Stable Diffusion 1", "epsilon", ["text_encoder", "unet", "vae"]),
        ("sd2", "Stable Diffusion 2", "v_prediction", ["text_encoder", "unet", "vae"]),
        ("xl", "Stable Diffusion XL", "epsilon", ["text_encoder", "text_encoder_2", "unet", "vae"]),
        ("refiner", "Stable Diffusion XL's refiner", "epsilon", ["text_encoder_2", "unet", "vae"]),
    ])
    func wholeCheckpoints(_ name: String, _ family: String, _ predicts: String, _ parts: [String]) throws {
        let inspection = try Inspection(of: Fixtures.path("originals/\(name).safetensors"))
        #expect(inspection.problems == [] && inspection.isLoadable)
        #expect(inspection.kind == "a single-file checkpoint: \(family)")
        #expect(fact(inspection, "predicts")?.hasPrefix(predicts) == true)
        #expect(inspection.parts.map(\.name) == parts)
        #expect(inspection.parts.allSatisfy { $0.parameters > 10_000 && $0.tensors > 20 })
        #expect(fact(inspection, "precision") == "F16")
        #expect(inspection.unusual.contains { $0.contains("--ema") } == (name == "sd1"))
        #expect(!inspection.unusual.contains { $0.contains("--tokenizer") })
        #expect((fact(inspection, "not used") != nil) == (name == "sd2"))
    }

    @Test func brokenCheckpoints() throws {
        let source = try SafetensorsFile(path: Fixtures.path("originals/sd1.safetensors"))
        func inspect(_ change: (inout [String: [Int]]) -> Void) throws -> String {
            var shapes = source.tensors.filter { !$0.key.hasPrefix("model_ema.") }.mapValues(\.shape)
            change(&shapes)
            let inspection = try self.inspect(shapes)
            #expect(!inspection.isLoadable && inspection.problems.count == 1)
            return inspection.problems.first ?? ""
        }
        let key = "model.diffusion_model.middle_block.0.in_layers.2.bias"
        #expect(try inspect { $0[key] = nil }.contains("mid_block.resnets.0.conv1.bias"))
        #expect(try inspect { $0[key] = [3] }.contains("[3]"))
        #expect(try inspect { $0["model.diffusion_model.extra"] = [1] }.contains("model.diffusion_model.extra"))
        #expect(try inspect { $0["strange"] = [1] }.contains("\"strange\""))
        #expect(try inspect { $0 = $0.filter { !$0.key.hasPrefix("first_stage") } }.contains("no VAE"))
    }

    @Test func whatIsMarked() throws {
        let source = try SafetensorsFile(path: Fixtures.path("originals/xl.safetensors"))
        var shapes = source.tensors.mapValues(\.shape)
        (shapes["v_pred"], shapes["ztsnr"]) = ([], [])
        let marked = try inspect(shapes)
        #expect(fact(marked, "predicts") == "v_prediction (its mark v_pred)")
        #expect(marked.unusual.contains { $0.contains("ztsnr") })
        let noted = try inspect(
            source.tensors.mapValues(\.shape), notes: ["modelspec.prediction_type": "v", "x": "y"], as: .bf16)
        #expect(fact(noted, "predicts")?.hasPrefix("v_prediction (its note") == true)
        #expect(fact(noted, "x") == "y" && fact(noted, "precision") == "BF16")
        shapes["edm_mean"] = [4]
        #expect(try inspect(shapes).kind.contains("Playground"))
    }

    @Test func loras() throws {
        let kohya = try inspect([
            "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": [4, 768],
            "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight": [320, 4],
            "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.alpha": [],
            "lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": [8, 768],
            "lora_te_text_model_encoder_layers_0_mlp_fc1.lora_up.weight": [3072, 8],
        ])
        #expect(kohya.kind == "a LoRA" && !kohya.isLoadable && kohya.problems == [])
        #expect(fact(kohya, "kind") == "LoRA" && fact(kohya, "spelling") == "kohya's")
        #expect(fact(kohya, "rank") == "4 to 8" && fact(kohya, "made for") == "Stable Diffusion 1")
        #expect(fact(kohya, "modules") == "2: 1 of the UNet, 1 of the text encoder")
        let peft = try inspect([
            "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight": [16, 2048],
            "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k.lora_B.weight": [1280, 16],
            "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k.lora_magnitude_vector": [1280],
            "text_encoder_2.text_model.encoder.layers.0.mlp.fc1.lora_A.weight": [16, 1280],
        ])
        #expect(fact(peft, "rank") == "16" && fact(peft, "made for") == "Stable Diffusion XL")
        #expect(fact(peft, "magnitudes") != nil)
        #expect(fact(peft, "modules") == "2: 1 of the UNet, 1 of the second text encoder")
        let loha = try inspect(["lora_unet_a.hada_w1_b": [3, 8], "lora_unet_b.lokr_w2": [8, 8]])
        #expect(fact(loha, "kind") == "LoHa, LoKr" && fact(loha, "rank") == "3")
    }

    @Test func embeddingsAndParts() throws {
        let webui = try inspect(["emb_params": [4, 768]])
        #expect(webui.kind == "an embedding (textual inversion)")
        #expect(fact(webui, "emb_params") == "4 vectors of 768" && fact(webui, "made for") == "Stable Diffusion 1")
        let inner = try Inspection(of: Fixtures.path("foreign/style-x.pt"))
        #expect(fact(inner, "word") == "oldname-12; style-x in the webui's and ComfyUI's prompts")
        let xl = try inspect(["clip_g": [2, 1280], "clip_l": [2, 768]])
        #expect(fact(xl, "clip_g") == "2 vectors of 1280" && fact(xl, "made for") == "Stable Diffusion XL")
        #expect(fact(try inspect(["<cat>": [1024]]), "<cat>") == "1 vector of 1024")
        let vae = try Inspection(of: Fixtures.path("vae-a/diffusion_pytorch_model.safetensors"))
        #expect(vae.kind == "a VAE" && fact(vae, "names") == "diffusers'" && vae.problems == [])
        let unet = try Inspection(of: Fixtures.path("pipeline-inpaint/unet/diffusion_pytorch_model.safetensors"))
        #expect(unet.kind == "a UNet, 9 channels in" && fact(unet, "levels") != nil)
        #expect(try inspect(["model.diffusion_model.joint_blocks.0": [1]]).problems.count == 1)
        #expect(try inspect([:]).kind == "a file without tensors")
        #expect(try inspect(["something": [1, 2, 3, 4, 5]]).kind == "tensors of no kind that limn knows")
    }
}
