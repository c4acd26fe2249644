import Images
import Sampling

// What other programs' `parameters` say, beyond what all of them do.

extension StoredRequest {
    /// The program that a text comes from.
    static func likeness(of parameters: PictureParameters) -> Likeness? {
        if let own = parameters["Like"].flatMap(Likeness.init(rawValue:)) { return own }
        let version = parameters["Version"] ?? ""
        if version.hasPrefix("limn") { return nil }
        if version.hasPrefix("stable-diffusion.cpp") { return .sdcpp }
        return version.hasPrefix("ComfyUI") ? .comfyui : .webui
    }

    /// What stable-diffusion.cpp writes behind its version is JSON, which may look like fields.
    static func withoutJSON(_ parameters: String) -> String {
        guard let start = parameters.firstRange(of: "Version: stable-diffusion.cpp, SDCPP: ") else { return parameters }
        return parameters[..<start.lowerBound] + "Version: stable-diffusion.cpp"
    }

    /// Reads what only the webui writes.
    mutating func readWebUI(_ parameters: PictureParameters) {
        var options = WebUIOptions()
        options.noiseSeedDelta = parameters["ENSD"].flatMap { UInt64($0) }
        if options.noiseSeedDelta == 0 { options.noiseSeedDelta = nil }
        if parameters["SGM noise multiplier"] == "True" { options.usesSGMNoise = true }
        if parameters["Discard penultimate sigma"] == "True" { options.leavesOutPenultimate = true }
        options.noiseMultiplier = parameters["Noise multiplier"].flatMap { Double($0) }
        options.maskedContent = parameters["Masked content"].flatMap(MaskedContent.init(rawValue:))
        webUI = options == WebUIOptions() ? nil : options
        eta = eta ?? parameters["Eta DDIM"].flatMap { Float($0) }
        // Schedules of samplers' own are written down; where none is, σ are k-diffusion's.
        if schedule == nil, parameters["Schedule type"] == nil,
            let sampler = sampler.flatMap(SamplerName.init(rawValue:)), sampler.takesSchedule
        {
            schedule = "normal"
        }
        // With the second pass over an enlarged picture, the strength is that pass's.
        if parameters["Hires upscale"] != nil || parameters["Hires resize"] != nil { strength = nil }
    }

    /// Reads what only stable-diffusion.cpp writes.
    mutating func readSDCPP(_ parameters: PictureParameters) {
        if let name = parameters["Sampler"], name.hasPrefix("ddim_trailing") { sampler = "ddim" }
        // Infinity stands for the sampler's own.
        if let value = eta, !value.isFinite { eta = nil }
        // It is that of a second pass; that of the picture's own is not written.
        strength = nil
    }

    /// Settings that change a picture, and are not followed here.
    static func notFollowed(_ parameters: PictureParameters, path: String) -> [String] {
        let named = [
            "Hires upscale", "Hires resize", "Refiner", "NGMS", "Skip Early CFG", "Token merging ratio", "Tiling",
            "Extra noise", "Schedule rho", "Schedule min sigma", "Schedule max sigma", "Downcast alphas_cumprod",
            "Conditional mask weight", "Inpaint area", "Hypernet", "Face restoration", "ADetailer model",
            "Soft inpainting enabled", "Pad conds", "Skip layers", "Sampler RNG", "Custom Sigmas",
        ]
        var found = named.filter { parameters[$0] != nil && parameters[$0] != "Whole picture" }
        found += parameters.fields.map(\.key).filter { $0.hasPrefix("ControlNet") }
        if let content = parameters["Masked content"], MaskedContent(rawValue: content) == nil {
            found.append("Masked content")
        }
        guard !found.isEmpty else { return [] }
        return [
            "\(path) was drawn with settings that are not followed, so the picture will be another: "
                + found.joined(separator: ", ")
        ]
    }
}
