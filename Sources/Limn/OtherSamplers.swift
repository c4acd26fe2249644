import Sampling

/// A sampler as other programs name it, in their pictures.
struct OtherSampler {
    let sampler: SamplerName
    /// Where the name has one in it, as in "DPM++ 2M Karras".
    let schedule: ScheduleName?
    /// Where the name is that of a sampler with a solver's type, as in "DPM++ 2M SDE Heun".
    let solverType: String?
    /// Whether the noise on the way is a GPU's, wherever the first is from.
    let drawsOnGPU: Bool

    /// nil if it is none that is known here.
    init?(_ name: String) {
        var plain = name
        drawsOnGPU = plain.hasSuffix("_gpu")
        if drawsOnGPU { plain.removeLast(4) }
        // Diffusers' and k-diffusion's names in programs that have both.
        if plain.hasPrefix("k_") { plain.removeFirst(2) }
        if let parsed = try? SamplerName.parse(plain) {
            (sampler, schedule, solverType) = (parsed.sampler, parsed.schedule, nil)
            return
        }
        // InvokeAI marks Karras' schedule by a letter.
        if plain.hasSuffix("_k"), let parsed = try? SamplerName.parse(String(plain.dropLast(2))) {
            (sampler, schedule, solverType) = (parsed.sampler, ScheduleName(rawValue: "karras"), nil)
            return
        }
        guard let parsed = Self.withoutHeun(plain).flatMap({ try? SamplerName.parse($0) }),
            parsed.sampler.rawValue == "dpm++2m_sde"
        else { return nil }
        (sampler, schedule, solverType) = (parsed.sampler, parsed.schedule, "heun")
    }

    /// "DPM++ 2M SDE Heun Karras" → "DPM++ 2M SDE Karras"; nil if there is no Heun in it.
    private static func withoutHeun(_ name: String) -> String? {
        for word in [" Heun", "_heun"] {
            if let place = name.firstRange(of: word) { return name.replacingCharacters(in: place) }
        }
        return nil
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<String.Index>) -> String {
        String(self[..<range.lowerBound] + self[range.upperBound...])
    }
}
