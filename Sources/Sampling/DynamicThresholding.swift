import Glibc

/// "Dynamic thresholding (CFG scale fix)" as the webui's extension of that name has it (mcmonkeyprojects'
/// sd-dynamic-thresholding, dynthres_core.py): x₀ is guided as strongly as asked for, but its values are brought to
/// the spread that a weaker guidance, the mimic scale, would have given them.
package struct DynamicThresholding: Sendable {
    /// What a scale does in the course of a run, from its minimum to its value or back.
    package enum Mode: String, CaseIterable, Sendable {
        case constant
        case linearDown = "linear-down"
        case cosineDown = "cosine-down"
        case halfCosineDown = "half-cosine-down"
        case linearUp = "linear-up"
        case cosineUp = "cosine-up"
        case halfCosineUp = "half-cosine-up"
        case powerUp = "power-up"
        case powerDown = "power-down"
        case linearRepeating = "linear-repeating"
        case cosineRepeating = "cosine-repeating"
        case sawtooth

        /// - Throws: `SamplingError.unknownName`
        package init(named name: String) throws {
            self = try lookUp(name, "scale mode", in: Self.allCases.map { ($0, [$0.rawValue]) })
        }

        /// - Parameters:
        ///   - part: of the run, 0…1
        ///   - power: how steep, or how often it repeats
        func factor(at part: Double, power: Double) -> Double {
            // The extension's own π, to all of its digits.
            let halfPi = 1.5707
            switch self {
            case .constant: return 1
            case .linearDown: return 1 - part
            case .cosineDown: return cos(part * halfPi)
            case .halfCosineDown: return cos(part)
            case .linearUp: return part
            case .cosineUp: return 1 - cos(part * halfPi)
            case .halfCosineUp: return 1 - cos(part)
            case .powerUp: return pow(part, power)
            case .powerDown: return 1 - pow(part, power)
            case .linearRepeating: return abs(1 - 2 * fmod(part * power, 1))
            case .cosineRepeating: return cos(part * 6.28318 * power) * 0.5 + 0.5
            case .sawtooth: return fmod(part * power, 1)
            }
        }
    }

    /// What values are scaled about.
    package enum Startpoint: String, CaseIterable, Sendable {
        case mean, zero

        package init(named name: String) throws {
            self = try lookUp(name, "scaling startpoint", in: Self.allCases.map { ($0, [$0.rawValue]) })
        }
    }

    /// How far values lie apart: by the largest distance from the mean, or by the standard deviation.
    package enum Variability: String, CaseIterable, Sendable {
        case largest = "ad"
        case deviation = "std"

        package init(named name: String) throws {
            self = try lookUp(name, "variability", in: Self.allCases.map { ($0, [$0.rawValue]) })
        }
    }

    package var mimicScale: Float
    /// The part of the values, by their distance from the mean, that is not clipped.
    package var percentile: Float
    package var mimicMode: Mode
    package var mimicMinimum: Float
    package var guidanceMode: Mode
    package var guidanceMinimum: Float
    package var power: Float
    package var startpoint: Startpoint
    package var variability: Variability
    /// Whether each channel is measured by itself.
    package var separatesChannels: Bool
    /// How much of the result is taken, the rest being guided as usual.
    package var phi: Float

    package init(
        mimicScale: Float, percentile: Float = 1, mimicMode: Mode = .constant, mimicMinimum: Float = 0,
        guidanceMode: Mode = .constant, guidanceMinimum: Float = 0, power: Float = 4, startpoint: Startpoint = .mean,
        variability: Variability = .largest, separatesChannels: Bool = true, phi: Float = 1
    ) {
        (self.mimicScale, self.percentile, self.power, self.phi) = (mimicScale, percentile, power, phi)
        (self.mimicMode, self.mimicMinimum) = (mimicMode, mimicMinimum)
        (self.guidanceMode, self.guidanceMinimum) = (guidanceMode, guidanceMinimum)
        (self.startpoint, self.variability, self.separatesChannels) = (startpoint, variability, separatesChannels)
    }

    /// A scale at a part of the run.
    func scale(_ scale: Float, _ mode: Mode, minimum: Float, at part: Double) -> Float {
        Float(Double(scale - minimum) * mode.factor(at: part, power: Double(power)) + Double(minimum))
    }

    /// - Parameters:
    ///   - unconditional: x₀ as predicted without the prompt, [channels, pixels]
    ///   - conditional: x₀ as predicted with it
    ///   - part: of the run, 0…1
    package func guided(
        unconditional: Sample, conditional: Sample, scale asked: Float, at part: Double, channels: Int
    ) -> Sample {
        let direction = conditional - unconditional
        let mimicked =
            unconditional + scale(mimicScale, mimicMode, minimum: mimicMinimum, at: part) * direction
        let guided = unconditional + scale(asked, guidanceMode, minimum: guidanceMinimum, at: part) * direction
        let result = Sample(in: guided.pool) { result in
            mimicked.withValues { mimicked in
                guided.withValues { guided in
                    _ = Sample(in: unconditional.pool) { scratch in
                        rescale(guided, like: mimicked, channels: channels, scratch: scratch, to: result)
                    }
                }
            }
        }
        return phi == 1 ? result : phi * result + (1 - phi) * guided
    }

    /// Gives `guided` the spread of `mimicked`.
    private func rescale(
        _ guided: UnsafeBufferPointer<Float>, like mimicked: UnsafeBufferPointer<Float>, channels: Int,
        scratch: UnsafeMutableBufferPointer<Float>, to result: UnsafeMutableBufferPointer<Float>
    ) {
        let pixels = guided.count / channels
        // Whatever is measured together: every channel by itself, or all of them, each about its own mean.
        let group = separatesChannels ? pixels : guided.count
        for start in stride(from: 0, to: guided.count, by: group) {
            let members = start..<start + group
            let wanted = spread(of: mimicked, members, pixels: pixels, part: 1, scratch)
            let found = spread(of: guided, members, pixels: pixels, part: percentile, scratch)
            // Without any spread there is nothing to bring to another one.
            guard found > 0 || wanted > 0 else {
                for index in members { result[index] = guided[index] }
                continue
            }
            for channel in stride(from: start, to: start + group, by: pixels) {
                let mean = startpoint == .mean ? self.mean(of: guided, channel..<channel + pixels) : 0
                for index in channel..<channel + pixels {
                    var value = guided[index] - mean
                    switch (startpoint, variability) {
                    case (.mean, .largest):
                        let limit = max(wanted, found)
                        value = min(max(value, -limit), limit) / limit * wanted
                    case (.mean, .deviation), (.zero, _):
                        value = found > 0 ? value * (wanted / found) : value
                    }
                    result[index] = value + mean
                }
            }
        }
    }

    /// How far values lie from the mean of their channel.
    private func spread(
        of values: UnsafeBufferPointer<Float>, _ members: Range<Int>, pixels: Int, part: Float,
        _ scratch: UnsafeMutableBufferPointer<Float>
    ) -> Float {
        let distances = UnsafeMutableBufferPointer(rebasing: scratch[..<members.count])
        for channel in stride(from: members.lowerBound, to: members.upperBound, by: pixels) {
            let mean = mean(of: values, channel..<channel + pixels)
            for index in channel..<channel + pixels {
                distances[index - members.lowerBound] = abs(values[index] - mean)
            }
        }
        switch variability {
        case .largest: return quantile(reordering: distances, at: part)
        case .deviation:
            let squares = distances.reduce(0) { $0 + Double($1) * Double($1) }
            return Float((squares / Double(max(members.count - 1, 1))).squareRoot())
        }
    }

    private func mean(of values: UnsafeBufferPointer<Float>, _ members: Range<Int>) -> Float {
        Float(members.reduce(0) { $0 + Double(values[$1]) } / Double(members.count))
    }
}
