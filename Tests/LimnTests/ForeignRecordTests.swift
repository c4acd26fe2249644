import Images
import Limn
import TestSupport
import Testing

/// What other programs' pictures say of how they were made: what is read, and what is named as not followed.
@Suite struct ForeignRecordTests {
    private func recipe(_ texts: [(String, String)]) throws -> Recipe {
        let folder = try TemporaryFolder()
        let image = try Image(width: 2, height: 1, channels: 1, pixels: [0, 255])
        try PNG.write(image, text: texts, to: folder.file("a.png"))
        return try Recipe(contentsOf: folder.file("a.png"))
    }

    private func webUI(_ fields: String) throws -> Recipe {
        let common = "a boat\nSteps: 20, CFG scale: 7, Seed: 1, Size: 64x64"
        return try recipe([("parameters", "\(common), \(fields), Version: v1.10.1")])
    }

    private func fixture(_ name: String) throws -> Recipe {
        try Recipe(contentsOf: Fixtures.path("foreign/\(name).png"))
    }

    @Test func textOfStableDiffusionCppIsUTF8() throws {
        let recipe = try fixture("sdcpp-utf8")
        #expect(recipe.likeness == .sdcpp && recipe.notes.isEmpty)
        #expect(try recipe.request().prompt == "café, “neon” 夜空")
        #expect(try recipe.request().negativePrompt == "flou, 犬")
    }

    // MARK: strength

    @Test func aStrengthOfNothingMeansText() throws {
        let recipe = try fixture("webui-strength-0")
        let request = try recipe.request()
        #expect(request.strength == nil && request.sampler == "dpm++2m" && request.schedule == "karras")
        #expect(recipe.notes.contains { $0.contains("denoising strength of 0") && $0.contains("drawn from text") })
        // A true one belongs to a picture.
        #expect(try webUI("Denoising strength: 0.6").request().strength == 0.6)
    }

    /// Until the end of 2022, with sizes as the webui's restore_old_hires_fix_params makes them.
    @Test func oldSecondPassesAreDrawnFromText() throws {
        func size(_ size: String, _ first: String) throws -> [Int?] {
            let text =
                "a\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: \(size), Denoising strength: 0.7, "
                + "First pass size: \(first)"
            let recipe = try recipe([("parameters", text)])
            let request = try recipe.request()
            #expect(request.strength == nil)
            #expect(recipe.notes.contains { $0.contains("First pass size") })
            return [request.width, request.height]
        }
        #expect(try size("1024x1536", "512x768") == [512, 768])
        #expect(try size("1024x1024", "0x0") == [512, 512])
        #expect(try size("1920x1080", "0x0") == [704, 384])
        let new = try webUI("Denoising strength: 0.5, Hires upscaler: Latent, Hires steps: 9")
        #expect(try new.request().strength == nil)
        #expect(new.notes.contains { $0.contains("Hires upscaler (Latent)") })
    }

    // MARK: names

    @Test(
        arguments: [
            ("DPM++ 2M SDE Heun", "dpm++2m_sde", "exponential", "heun"),
            ("DPM++ 2M SDE Heun Karras", "dpm++2m_sde", "karras", "heun"),
            ("DPM++ 2M SDE Heun Exponential", "dpm++2m_sde", "exponential", "heun"),
            ("DPM++ 2M SDE Karras", "dpm++2m_sde", "karras", nil),
            ("DPM++ 3M SDE Exponential", "dpm++3m_sde", "exponential", nil),
            ("DPM2 a Karras", "dpm2_a", "karras", nil), ("LMS Karras", "lms", "karras", nil),
            ("DPM++ 2S a", "dpm++2s_a", "normal", nil), ("Euler a", "euler_a", "normal", nil),
            ("PLMS", "plms", nil, nil),
            ("DPM adaptive", "dpm_adaptive", nil, nil), ("Restart", "restart", "normal", nil),
        ] as [(String, String, String?, String?)])
    func theWebUIsSamplersAreHonoured(
        _ name: String, _ sampler: String, _ schedule: String?, _ type: String?
    ) throws {
        // Where a name has no schedule in it, the text says one, or has k-diffusion's.
        let says = name == "DPM++ 2M SDE Heun" ? ", Schedule type: Exponential" : ""
        let recipe = try webUI("Sampler: \(name)\(says)")
        let request = try recipe.request()
        #expect(request.sampler == sampler && request.solver.type == type)
        #expect(request.schedule == schedule, "\(request.schedule ?? "none")")
        #expect(recipe.notes.isEmpty, "\(recipe.notes)")
    }

    @Test func theWebUIsSchedulesAreHonoured() throws {
        for name in [
            "Uniform", "Karras", "Exponential", "Polyexponential", "SGM Uniform", "KL Optimal", "Align Your Steps",
            "Simple", "Normal", "DDIM", "Beta",
        ] {
            let recipe = try webUI("Sampler: Euler, Schedule type: \(name)")
            #expect(try recipe.request().schedule != nil && recipe.notes.isEmpty, "\(name) \(recipe.notes)")
        }
        #expect(try webUI("Sampler: DPM++ 2M, Schedule type: Automatic").notes.isEmpty)
    }

    @Test(arguments: [
        ("Sampler: Euler SMEA Dy", "the sampler \"Euler SMEA Dy\"", "dpm++2m is used"),
        ("Sampler: DPM++ 2M CFG++", "the sampler \"DPM++ 2M CFG++\"", "--sampler"),
        ("Sampler: Euler, Schedule type: Turbo", "the schedule \"Turbo\"", "--schedule"),
        ("Sampler: Euler, Distilled CFG Scale: 3.5", "Distilled CFG Scale (3.5)", "not followed"),
        ("Sampler: Euler, VAE: vae-ft-mse.safetensors", "the VAE vae-ft-mse.safetensors", "--vae"),
        (
            "Sampler: Euler, Model hash: abc, VAE hash: def, Lora hashes: \"x: 1\"", "not checked",
            "Lora hashes, Model hash, VAE hash"
        ),
        ("Sampler: Euler, Module 1: ae, Diffusion in Low Bits: Automatic", "Module 1 (ae)", "Diffusion in Low Bits"),
        ("Sampler: Euler, Clip skip: many", "Clip skip (many)", "not followed"),
        ("Sampler: Euler, ControlNet 0: \"a, b: c\"", "ControlNet 0", "not followed"),
        ("Sampler: Euler, Masked content: fill", "Masked content (fill)", "not followed"),
    ])
    func whatIsNotFollowedIsNamed(_ fields: String, _ words: String, _ more: String) throws {
        let notes = try webUI(fields).notes
        #expect(notes.contains { $0.contains(words) && $0.contains(more) }, "\(notes)")
    }

    @Test func whatChangesNothingIsNotNamed() throws {
        let recipe = try webUI(
            "Sampler: Euler, Model: x, VAE: None, Variation seed: 5, Variation seed strength: 0, Seed resize from: -1x-1, "
                + "Face restoration: None, Tiling: False, Batch size: 4, Batch pos: 1, User: me, RNG: CPU, Clip skip: 2, "
                + "Inpaint area: Whole picture, Eta: 0.5, ENSD: 31337")
        #expect(recipe.notes.isEmpty, "\(recipe.notes)")
        #expect(try recipe.request().webUI.noiseSeedDelta == 31337)
    }

    @Test func theWebUIsEmbeddingsAndVAEAreNamed() throws {
        let recipe = try fixture("webui-vae-ti")
        #expect(recipe.embeddingNames == ["easynegative"])
        #expect(recipe.notes.contains { $0.contains("the VAE vae-ft-mse-840000-ema-pruned") && $0.contains("--vae") })
        #expect(try fixture("webui-heun").request().solver.type == "heun")
    }

    // MARK: JSON

    @Test func swarmUIsRecordIsRead() throws {
        let recipe = try fixture("swarmui")
        let request = try recipe.request()
        #expect(recipe.program == "SwarmUI" && recipe.likeness == .comfyui && recipe.modelName == "x")
        #expect(request.prompt == "a boat" && request.negativePrompt == "fox" && request.seed == 123)
        #expect(request.steps == 20 && request.guidanceScale == 7 && request.width == 64 && request.height == 64)
        #expect(request.sampler == "euler" && request.schedule == "normal")
        #expect(recipe.notes.count == 1 && recipe.notes[0].contains("SwarmUI"), "\(recipe.notes)")
        #expect(recipe.parameters?.hasPrefix("a boat\nNegative prompt: fox\nSteps: 20, Sampler: Euler") == true)
    }

    @Test func fooocusRecordIsRead() throws {
        let text = """
            {"adm_guidance": "(1.5, 0.8, 0.3)", "base_model": "juggernaut", "base_model_hash": "aee", \
            "full_negative_prompt": ["ugly", "bad: one, two: three, four: five"], "full_prompt": ["a boat", "cinematic"], \
            "guidance_scale": 4.0, "loras": [["ink", 0.5, "abc"]], "negative_prompt": "ugly", "performance": "Speed", \
            "prompt": "a boat", "resolution": "(1152, 896)", "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras", \
            "seed": "18446744073709551615", "sharpness": 2.0, "steps": 30, "vae": "Default (model)", "version": "Fooocus v2.5.0"}
            """
        let recipe = try recipe([("parameters", text), ("fooocus_scheme", "fooocus")])
        let request = try recipe.request()
        #expect(recipe.program == "Fooocus" && recipe.modelName == "juggernaut")
        #expect(request.prompt == "a boat, cinematic" && request.negativePrompt.hasPrefix("ugly, bad"))
        #expect(request.seed == .max && request.steps == 30 && request.guidanceScale == 4)
        #expect(request.width == 1152 && request.height == 896)
        #expect(request.sampler == "dpm++2m_sde" && request.schedule == "karras" && request.generator == "cuda")
        let left = try #require(recipe.notes.last)
        for key in ["adm_guidance", "loras", "sharpness"] { #expect(left.contains(key), "\(left)") }
        #expect(!left.contains("base_model") && !left.contains("full_prompt"), "\(left)")
    }

    @Test func otherProgramsTextsAreRead() throws {
        let invoke = """
            {"generation_mode": "txt2img", "positive_prompt": "a boat", "negative_prompt": "fox", "width": 512, "height": 768, \
            "seed": 7, "cfg_scale": 7.5, "steps": 30, "scheduler": "dpmpp_2m_k", "model": {"name": "dream", "hash": "x"}, \
            "clip_skip": 0, "loras": [], "rand_device": "cpu", "hrf_enabled": true}
            """
        let old = """
            {"model": "stable diffusion", "model_weights": "v1", "image": {"prompt": [{"prompt": "a boat", "weight": 1.0}], \
            "steps": 30, "cfg_scale": 7.5, "seed": 7, "width": 512, "height": 768, "sampler": "k_dpmpp_2m", "hires_fix": true}}
            """
        let novel = """
            {"uc": "fox", "steps": 30, "scale": 7.5, "seed": 7, "sampler": "k_dpmpp_2m", "width": 512, "height": 768, \
            "cfg_rescale": 0.2}
            """
        let things = """
            <x:xmpmeta><xmp:CreatorTool>Draw Things</xmp:CreatorTool><exif:UserComment><rdf:Alt><rdf:li xml:lang="x-default">\
            {&quot;c&quot;:&quot;a boat&quot;,&quot;uc&quot;:&quot;fox&quot;,&quot;steps&quot;:30,&quot;scale&quot;:7.5,&quot;seed&quot;:7,\
            &quot;size&quot;:&quot;512x768&quot;,&quot;sampler&quot;:&quot;DPM++ 2M Karras&quot;,&quot;shift&quot;:1}</rdf:li></rdf:Alt>\
            </exif:UserComment></x:xmpmeta>
            """
        let easy = [
            ("prompt", "a boat"), ("negative_prompt", "fox"), ("num_inference_steps", "30"), ("guidance_scale", "7.5"),
            ("seed", "7"), ("width", "512"), ("height", "768"), ("sampler_name", "dpmpp_2m"), ("tiling", "xy"),
        ]
        let cases: [(program: String, texts: [(String, String)], named: String)] = [
            ("InvokeAI", [("invokeai_metadata", invoke)], "hrf_enabled"),
            ("InvokeAI", [("sd-metadata", old), ("Dream", "x")], "hires_fix"),
            ("NovelAI", [("Software", "NovelAI"), ("Description", "a boat"), ("Comment", novel)], "cfg_rescale"),
            ("Draw Things", [("XML:com.adobe.xmp", things)], "shift"), ("Easy Diffusion", easy, "tiling"),
        ]
        for (program, texts, named) in cases {
            let recipe = try recipe(texts)
            let request = try recipe.request()
            #expect(recipe.program == program && request.prompt == "a boat", "\(program)")
            #expect(request.negativePrompt == (named == "hires_fix" ? "" : "fox"))
            #expect(request.steps == 30 && request.guidanceScale == 7.5 && request.seed == 7, "\(program)")
            #expect(request.width == 512 && request.height == 768 && request.sampler == "dpm++2m", "\(program)")
            #expect(recipe.notes.contains { $0.contains(program) } && recipe.notes.contains { $0.contains(named) })
        }
    }

    @Test func whatIsNotPlainIsRefusedByName() async throws {
        let cases: [(texts: [(String, String)], words: String)] = [
            ([("parameters", "{\"sui_image_params\": {\"prompt\": 5}}")], "SwarmUI"),
            ([("parameters", "{\"scene\": {\"shot\": \"wide\"}}")], "a program that limn does not know"),
            ([("parameters", "{\n \"sui_image_params\": {\"prompt\": \"a")], "damaged"),
            ([("invokeai_metadata", "{\"positive")], "InvokeAI"), ([("Dream", "\"a boat\" -s 50")], "InvokeAI"),
            ([("Software", "NovelAI")], "NovelAI"), ([("generation_data", "{}")], "TensorArt"),
            ([("prompt", "just a prompt")], "not ComfyUI's nodes"),
        ]
        for (texts, words) in cases {
            let text = await message { _ = try recipe(texts) }
            #expect(text?.contains(words) == true, "\(text ?? "no error")")
        }
    }

    /// A prompt may look like JSON, with the webui's settings behind it.
    @Test func promptsInBracketsStayPrompts() throws {
        for prompt in ["{red|blue} car", "{\"scene\": \"a boat\"}", "{\"a"] {
            let recipe = try recipe([("parameters", prompt + "\nSteps: 20, Sampler: Euler, Seed: 1, Size: 64x64")])
            #expect(try recipe.request().prompt == prompt)
        }
    }

    @Test func hostileRecordsAreReadOrRefused() throws {
        var random = SplitMix(3)
        let seeds = [
            "{\"sui_image_params\": {\"prompt\": \"a\", \"seed\": -5, \"steps\": 1e99, \"width\": 9e18, \"height\": 1}}",
            "{\"prompt\": [\"a\"], \"size\": \"99999999999999999999x1\", \"scale\": \"nan\", \"sampler\": [1]}",
        ]
        for round in 0..<300 {
            var bytes = Array(seeds[round % 2].utf8)
            for _ in 0..<(round / 2 % 4) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0x20...0x7E, using: &random)
            }
            guard let recipe = try? recipe([("parameters", String(decoding: bytes, as: UTF8.self))]) else { continue }
            let request = try recipe.request()
            #expect((1...10_000).contains(request.steps) && (request.width ?? 64) <= 16384)
        }
    }
}
