// What a picture begins with, what the model is told, and which model it is.

extension ComfyUIWorkflow {
    func readLatents(_ start: Node, _ request: inout Request) throws {
        var (node, hops) = (start, 0)
        while hops < Self.longestWay {
            hops += 1
            switch node.kind {
            case "EmptyLatentImage":
                request.width = try integer("width", of: node, in: 16...16384)
                request.height = try integer("height", of: node, in: 16...16384)
                if node.inputs["batch_size"] != nil {
                    request.count *= try integer("batch_size", of: node, in: 1...4096)
                }
                guard request.strength == nil || request.strength == 1 else {
                    throw unable("it denoises an empty picture in part, which is not followed")
                }
                request.strength = nil
                guard (1...4096).contains(request.count) else {
                    throw unable("its batch is of \(request.count) pictures")
                }
                return
            case "VAEEncode":
                let source = try self.node(linked: "pixels", of: node)
                guard source.kind == "LoadImage" else { throw notFollowed(source) }
                request.strength = request.strength ?? 1
                return
            case "SetLatentNoiseMask": node = try self.node(linked: "samples", of: node)
            case "RepeatLatentBatch":
                request.count = min(request.count, 4096) * (try integer("amount", of: node, in: 1...64))
                node = try self.node(linked: "samples", of: node)
            default: throw notFollowed(node)
            }
        }
        throw unable("its latents go round in a circle")
    }

    struct Spoken {
        var text: String
        var clipSkip: Int?
        var original: PixelSize?
        var crop: PictureCrop?
        var target: PixelSize?
    }

    func conditioning(_ node: Node) throws -> Spoken {
        switch node.kind {
        case "CLIPTextEncode":
            return Spoken(text: try text("text", of: node), clipSkip: try clipSkip(of: node))
        case "CLIPTextEncodeSDXL":
            let (global, local) = (try text("text_g", of: node), try text("text_l", of: node))
            guard global == local else { throw unable("\(node.name) tells two encoders different texts") }
            func size(_ name: String, _ range: ClosedRange<Int>) throws -> Int {
                try integer(name, of: node, in: range)
            }
            var spoken = Spoken(text: global, clipSkip: try clipSkip(of: node))
            spoken.original = PixelSize(width: try size("width", 1...16384), height: try size("height", 1...16384))
            spoken.crop = PictureCrop(top: try size("crop_h", 0...16384), left: try size("crop_w", 0...16384))
            spoken.target = PixelSize(
                width: try size("target_width", 1...16384), height: try size("target_height", 1...16384))
            return spoken
        default: throw notFollowed(node)
        }
    }

    func text(_ input: String, of node: Node) throws -> String {
        guard case .array? = node.inputs[input] else { return try string(input, of: node) }
        let source = try self.node(linked: input, of: node)
        guard ["PrimitiveString", "PrimitiveStringMultiline"].contains(source.kind) else { throw notFollowed(source) }
        return try string("value", of: source)
    }

    /// The last choice of a layer before the encoder; nil if there is none.
    func clipSkip(of encoder: Node) throws -> Int? {
        var node = try self.node(linked: "clip", of: encoder)
        for _ in 0..<Self.longestWay {
            switch node.kind {
            case "CLIPSetLastLayer": return -(try integer("stop_at_clip_layer", of: node, in: -24...(-1)))
            case "LoraLoader": node = try self.node(linked: "clip", of: node)
            case "CheckpointLoaderSimple", "CLIPLoader", "DualCLIPLoader": return nil
            default: throw notFollowed(node)
            }
        }
        throw unable("its CLIP goes round in a circle")
    }

    /// - Returns: the checkpoint's name, and what asks for its LoRAs
    mutating func readModel(_ start: Node, _ request: inout Request) throws -> (String, [String]) {
        var (node, tags) = (start, [String]())
        for _ in 0..<Self.longestWay {
            switch node.kind {
            case "CheckpointLoaderSimple":
                try noteVAE()
                return (LoRA.stem(Self.lastPart(try string("ckpt_name", of: node))), tags.reversed())
            case "UNETLoader":
                return (LoRA.stem(Self.lastPart(try string("unet_name", of: node))), tags.reversed())
            case "LoraLoader", "LoraLoaderModelOnly":
                let weight = Float(try number("strength_model", of: node))
                let ofCLIP = node.kind == "LoraLoader" ? Float(try number("strength_clip", of: node)) : 0
                let name = LoRA.stem(Self.lastPart(try string("lora_name", of: node)))
                guard !name.contains(where: { ":>\n".contains($0) }) else {
                    throw unable("\(node.name) has a LoRA with a name that cannot be asked for")
                }
                tags.append("<lora:\(name):\(ofCLIP == weight ? "" : "\(ofCLIP):")\(weight)>")
                node = try self.node(linked: "model", of: node)
            case "ModelSamplingDiscrete":
                switch try string("sampling", of: node) {
                case "eps": request.prediction = .epsilon
                case "v_prediction": request.prediction = .velocity
                case "x0": request.prediction = .sample
                case let other: throw unable("\(node.name) samples as \"\(Self.short(other))\", which is not followed")
                }
                if case .bool(true)? = node.inputs["zsnr"] { request.tuning.zeroSNR = true }
                node = try self.node(linked: "model", of: node)
            default: throw notFollowed(node)
            }
        }
        throw unable("its model goes round in a circle")
    }

    mutating func noteVAE() throws {
        for node in sorted({ $0.kind == "VAELoader" }) {
            let name = (try? string("vae_name", of: node)) ?? "another"
            notes.append("\(path) was decoded with the VAE \(Self.short(name)); give it with --vae")
        }
    }
}
