import Images
import Limn
import TestSupport
import Testing

/// `--from` a picture of ComfyUI, whose text `prompt` has the nodes that drew it.
@Suite struct ComfyUIWorkflowTests {
    /// ComfyUI's default workflow, as its API writes it.
    static let plain = """
        {"3": {"class_type": "KSampler", "inputs": {"seed": 18446744073709551615, "steps": 20, "cfg": 8, \
        "sampler_name": "euler", "scheduler": "normal", "denoise": 1, "model": ["4", 0], "positive": ["6", 0], \
        "negative": ["7", 0], "latent_image": ["5", 0]}, "is_changed": [NaN]},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sub\\\\v1-5.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768, "batch_size": 2}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a (cat:1.2), NaN", "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text, watermark", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]}}}
        """

    private func recipe(_ workflow: String) throws -> Recipe {
        let folder = try TemporaryFolder()
        let image = try Image(width: 2, height: 1, channels: 1, pixels: [0, 255])
        try PNG.write(image, text: [("prompt", workflow), ("workflow", "{}")], to: folder.file("a.png"))
        return try Recipe(contentsOf: folder.file("a.png"))
    }

    private func request(_ changes: (from: String, to: String)...) throws -> Request {
        var text = Self.plain
        for change in changes {
            #expect(text.contains(change.from))
            text = text.replacing(change.from, with: change.to)
        }
        return try recipe(text).request()
    }

    @Test func theDefaultWorkflowIsRead() throws {
        let recipe = try recipe(Self.plain)
        let request = try recipe.request()
        #expect(recipe.likeness == .comfyui && recipe.modelName == "v1-5" && !recipe.isExact)
        #expect(request.prompt == "a (cat:1.2), NaN" && request.negativePrompt == "text, watermark")
        #expect(request.seed == .max && request.steps == 20 && request.guidanceScale == 8)
        #expect(request.sampler == "euler" && request.schedule == "normal" && request.strength == nil)
        #expect(request.width == 512 && request.height == 768 && request.count == 2)
        #expect(request.clipSkip == nil && request.generator == nil && request.promptStyle == nil)
    }

    @Test func whatIsWiredBetweenIsFollowed() throws {
        let skipped = try request(
            ("\"text\": \"text, watermark\", \"clip\": [\"4\", 1]", "\"text\": \"no\", \"clip\": [\"10\", 0]"),
            ("\"text\": \"a (cat:1.2), NaN\", \"clip\": [\"4\", 1]", "\"text\": [\"12\", 0], \"clip\": [\"10\", 0]"),
            ("\"model\": [\"4\", 0]", "\"model\": [\"11\", 0]"),
            (
                "\"9\":",
                """
                "10": {"class_type": "CLIPSetLastLayer", "inputs": {"stop_at_clip_layer": -2, "clip": ["11", 1]}},
                "11": {"class_type": "LoraLoader", "inputs": {"lora_name": "ink.safetensors", "strength_model": 0.8,
                "strength_clip": 0.8, "model": ["4", 0], "clip": ["4", 1]}},
                "12": {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "two\\nlines"}}, "9":
                """
            ))
        #expect(
            skipped.clipSkip == 2 && skipped.prompt == "two\nlines <lora:ink:0.8>" && skipped.negativePrompt == "no")

        // The strengths of CLIP and the model, in the order of the webui's tags.
        for (node, tag) in [
            (#""class_type": "LoraLoader", "inputs": {"strength_clip": 0.25, "#, "<lora:ink:0.25:0.8>"),
            (#""class_type": "LoraLoaderModelOnly", "inputs": {"#, "<lora:ink:0.0:0.8>"),
        ] {
            let loaded = try request(
                ("\"model\": [\"4\", 0]", "\"model\": [\"11\", 0]"),
                (
                    "\"9\":",
                    "\"11\": {\(node)\"lora_name\": \"ink.safetensors\", \"strength_model\": 0.8, "
                        + "\"model\": [\"4\", 0], \"clip\": [\"4\", 1]}}, \"9\":"
                ))
            #expect(loaded.prompt == "a (cat:1.2), NaN " + tag)
        }

        let painted = try request(
            ("\"denoise\": 1", "\"denoise\": 0.55"), ("\"scheduler\": \"normal\"", "\"scheduler\": \"beta\""),
            ("\"sampler_name\": \"euler\"", "\"sampler_name\": \"dpmpp_2m_sde_heun_gpu\""),
            (
                "\"class_type\": \"EmptyLatentImage\", \"inputs\": {\"width\": 512, \"height\": 768, \"batch_size\": 2}",
                "\"class_type\": \"VAEEncode\", \"inputs\": {\"pixels\": [\"20\", 0]}"
            ),
            ("\"9\":", "\"20\": {\"class_type\": \"LoadImage\", \"inputs\": {\"image\": \"a.png\"}}, \"9\":"))
        #expect(painted.strength == 0.55 && painted.width == nil && painted.schedule == "beta")
        #expect(painted.sampler == "dpm++2m_sde" && painted.solver.type == "heun" && painted.generator == "cuda")
    }

    @Test(arguments: [
        ("\"class_type\": \"VAEDecode\"", "\"class_type\": \"UpscaleLatent\"", "UpscaleLatent (node 8)"),
        ("\"class_type\": \"EmptyLatentImage\"", "\"class_type\": \"LatentUpscale\"", "LatentUpscale (node 5)"),
        ("\"class_type\": \"CheckpointLoaderSimple\"", "\"class_type\": \"FreeU\"", "FreeU (node 4)"),
        ("\"class_type\": \"KSampler\"", "\"class_type\": \"SamplerCustom\"", "SamplerCustom (node 3)"),
        ("\"steps\": 20", "\"steps\": \"20\"", "steps of KSampler (node 3)"),
        ("\"steps\": 20", "\"steps\": 1e99", "steps of KSampler (node 3)"),
        ("\"steps\": 20", "\"steps\": -3", "1 to 10000"),
        ("\"steps\": 20", "\"steps\": [\"6\", 0]", "comes from CLIPTextEncode (node 6)"),
        ("\"seed\": 18446744073709551615", "\"seed\": 99999999999999999999999", "seed of KSampler"),
        ("\"seed\": 18446744073709551615", "\"seed\": -1", "seed of KSampler"),
        ("\"cfg\": 8", "\"cfg\": 1e300", "cfg of KSampler"),
        ("\"cfg\": 8, ", "", "lacks its cfg"),
        ("\"denoise\": 1", "\"denoise\": 7", "denoise of 7"),
        ("\"sampler_name\": \"euler\"", "\"sampler_name\": \"res_multistep\"", "res_multistep"),
        ("\"scheduler\": \"normal\"", "\"scheduler\": \"bong\"", "bong"),
        ("\"positive\": [\"6\", 0]", "\"positive\": [\"66\", 0]", "node 66, which is not there"),
        ("\"positive\": [\"6\", 0]", "\"positive\": []", "nothing wired to its positive"),
        ("\"positive\": [\"6\", 0]", "\"positive\": \"6\"", "nothing wired to its positive"),
        ("\"width\": 512", "\"width\": 1000000000000", "width of EmptyLatentImage"),
        ("\"batch_size\": 2", "\"batch_size\": 0", "batch_size"),
        ("\"class_type\": \"SaveImage\"", "\"class_type\": 5", "no class_type"),
        ("{\"3\":", "[{\"3\":", "no JSON"),
    ])
    func whatIsNotFollowedIsAnErrorThatNamesIt(_ from: String, _ to: String, _ words: String) async throws {
        #expect(Self.plain.contains(from))
        let text = await message { _ = try self.recipe(Self.plain.replacing(from, with: to)) }
        #expect(text?.contains(words) == true, "\(text ?? "no error")")
    }

    @Test func hostileWorkflowsAreErrors() async throws {
        let circle = Self.plain.replacing(
            "\"class_type\": \"CheckpointLoaderSimple\", \"inputs\": {",
            with: "\"class_type\": \"LoraLoaderModelOnly\", \"inputs\": {\"strength_model\": 1, \"lora_name\": \"a\", "
                + "\"model\": [\"4\", 0], \"clip\": [\"4\", 1], ")
        let deep = String(repeating: "[", count: 200_000)
        for (text, words) in [
            (circle, "not followed"), (deep, "no JSON"), ("", "no JSON"), ("{}", "no KSampler"), ("[1]", "no list"),
            ("\"x\"", "no list"), ("{\"1\": 5}", "no class_type"), ("{\"1\": {\"class_type\": null}}", "no class_type"),
            (String(repeating: "a", count: 5 << 20), "too large"),
            ("{\"a\": {\"class_type\": \"KSampler\", \"inputs\": {\"model\": [\"a\", 0]}}}", "lacks its seed"),
        ] {
            let found = await message { _ = try self.recipe(text) }
            #expect(found?.contains(words) == true, "\(found ?? "no error")")
        }
        let loras = Self.plain.replacing(
            "\"class_type\": \"CheckpointLoaderSimple\", \"inputs\": {\"ckpt_name\": \"sub\\\\v1-5.safetensors\"}",
            with: "\"class_type\": \"CheckpointLoaderSimple\", \"inputs\": {\"ckpt_name\": \"a\"}"
        ).replacing("\"model\": [\"4\", 0]", with: "\"model\": [\"30\", 0]").replacing(
            "\"9\":",
            with: "\"30\": {\"class_type\": \"LoraLoaderModelOnly\", \"inputs\": {\"strength_model\": 1, "
                + "\"lora_name\": \"a\", \"model\": [\"30\", 0]}}, \"9\":")
        #expect(await message { _ = try self.recipe(loras) }?.contains("circle") == true)
    }

    /// A long list of little is read, or refused, in no time.
    @Test func hostileWorkflowsTakeLittleTime() async throws {
        let clock = ContinuousClock()
        let list = "{\"1\": [" + String(repeating: "0,", count: 400_000) + "0]}"
        let nodes = "{" + (0..<20_000).map { "\"\($0)\": {\"class_type\": \"A\"}" }.joined(separator: ",") + "}"
        for text in [list, nodes] {
            let time = await clock.measure { #expect(await message { _ = try self.recipe(text) } != nil) }
            #expect(time < .seconds(5))
            print("a workflow of \(text.utf8.count) bytes: \(time)")
        }
    }

    @Test func whatIsNotFollowedLeavesTheWebUIsText() throws {
        let folder = try TemporaryFolder()
        let image = try Image(width: 2, height: 1, channels: 1, pixels: [0, 255])
        let texts = [("prompt", "{}"), ("parameters", "a cat\nSteps: 9, Sampler: Euler, Seed: 3, Version: ComfyUI")]
        try PNG.write(image, text: texts.map { ($0.0, $0.1) }, to: folder.file("a.png"))
        let recipe = try Recipe(contentsOf: folder.file("a.png"))
        #expect(recipe.likeness == .comfyui)
        #expect(try recipe.request().steps == 9)
    }

    @Test func ofTwoSamplersNoneIsGuessed() async throws {
        let second = Self.plain.replacing(
            "\"9\":",
            with: """
                "13": {"class_type": "KSampler", "inputs": {}}, "18": {"class_type": "VAEDecode", "inputs":
                {"samples": ["13", 0]}}, "19": {"class_type": "SaveImage", "inputs": {"images": ["18", 0]}}, "9":
                """)
        #expect(await message { _ = try self.recipe(second) }?.contains("2 samplers") == true)
    }
}
