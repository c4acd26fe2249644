import Testing

@testable import Checkpoints

struct LoRAKeyTests {
    private static let module = "down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"

    @Test(
        arguments: [
            ("lora_unet_\(module).lora_down.weight", "unet", module, LoRAKey.Role.down),
            ("lora_unet_\(module).alpha", "unet", module, .alpha),
            (
                "lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_up.weight", "text_encoder",
                "text_model_encoder_layers_0_mlp_fc1", .up
            ),
            ("lora_te2_text_projection.lora_mid.weight", "text_encoder_2", "text_projection", .mid),
            ("unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight", "unet", module, .down),
            ("unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora.up.weight", "unet", module, .up),
            (
                "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.down.weight", "unet",
                module, .down
            ),
            ("down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.up.weight", nil, module, .up),
            ("base_model.model.unet.conv_in.lora_B.bias", "unet", "conv_in", .upBias),
            ("base_model.model.conv_in.lora_B.default.weight", nil, "conv_in", .up),
            (
                "text_encoder_2.encoder.layers.3.self_attn.q_proj.lora_linear_layer.down.weight", "text_encoder_2",
                "encoder_layers_3_self_attn_q_proj", .down
            ),
            (
                "text_encoder.encoder.layers.3.self_attn.q_proj.lora_magnitude_vector", "text_encoder",
                "encoder_layers_3_self_attn_q_proj", .magnitude
            ),
            ("lora_unet_conv_in.dora_scale", "unet", "conv_in", .doraScale),
            ("lora_unet_conv_in.hada_w2_b", "unet", "conv_in", .hadaW2B),
            ("lora_unet_conv_in.lokr_t2", "unet", "conv_in", .lokrT2),
            ("lora_unet_conv_in.diff_b", "unet", "conv_in", .biasDifference),
            ("lycoris_\(module).lokr_w1", nil, module, .lokrW1),
            ("unet.base_model.model.\(module).lora_B.weight", "unet", module, .up),
            ("base_model.model.unet.base_model.model.\(module).lora_A.weight", "unet", module, .down),
            ("text_encoder.base_model.model.text_model.final.lora_A.weight", "text_encoder", "text_model_final", .down),
            ("lora_unet_conv_in.a2.weight", "unet", "conv_in", .gloraA2),
            ("lora_unet_conv_in.oft_blocks", "unet", "conv_in", .oftBlocks),
            ("lora_unet_conv_in.on_input", "unet", "conv_in", .ia3OnInput),
        ] as [(String, String?, String, LoRAKey.Role)])
    func namesOfEveryKindAreRead(_ key: String, _ part: String?, _ module: String, _ role: LoRAKey.Role) throws {
        let read = try #require(LoRAKey(key))
        #expect(read.part == part && read.module == module && read.role == role)
    }

    @Test(arguments: [
        "lora_unet_conv_in.oft_diag", "conv_in.weight", "lycoris_.alpha", ".alpha", "lora_unet_.alpha", "",
    ])
    func otherNamesAreNot(_ key: String) { #expect(LoRAKey(key) == nil) }

    @Test func blocksAreNumberedAsTheOriginalCodeDoes() {
        // Stable Diffusion 1: the numbers of its v1-inference.yaml model.
        var keys: Set<String> = []
        for block in 0..<4 {
            for layer in 0..<2 {
                keys.insert("down_blocks.\(block).resnets.\(layer).norm1.weight")
                if block < 3 { keys.insert("down_blocks.\(block).attentions.\(layer).proj_in.weight") }
            }
            for layer in 0..<3 {
                keys.insert("up_blocks.\(block).resnets.\(layer).norm1.weight")
                if block > 0 { keys.insert("up_blocks.\(block).attentions.\(layer).proj_in.weight") }
            }
        }
        let names = UNetNames(diffusers: keys).table
        #expect(names.original("conv_in") == "input_blocks.0.0")
        #expect(names.original("down_blocks.0.downsamplers.0.conv") == "input_blocks.3.0.op")
        #expect(names.original("down_blocks.1.resnets.0.conv_shortcut") == "input_blocks.4.0.skip_connection")
        #expect(names.original("down_blocks.2.attentions.1.proj_in") == "input_blocks.8.1.proj_in")
        #expect(names.original("down_blocks.3.resnets.1.time_emb_proj") == "input_blocks.11.0.emb_layers.1")
        #expect(names.original("mid_block.resnets.1.conv2") == "middle_block.2.out_layers.3")
        #expect(names.original("up_blocks.0.upsamplers.0.conv") == "output_blocks.2.1.conv")
        #expect(names.original("up_blocks.1.upsamplers.0.conv") == "output_blocks.5.2.conv")
        #expect(names.original("up_blocks.3.attentions.2.norm") == "output_blocks.11.1.norm")
        #expect(names.original("down_blocks.9.resnets.0.conv1") == nil)
        #expect(names.original("conv_norm_out") == "out.0")
    }
}
