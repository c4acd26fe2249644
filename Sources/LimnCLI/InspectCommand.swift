import ArgumentParser
import Limn

/// `limn inspect`: what a model's folder or file holds.
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Tell what a model's folder or a weight file holds, and what is missing.",
        discussion: """
            Reads configurations and headers, not the weights, and compares them: the family, the type of numbers, \
            what the network predicts, parameters of each part, what is unusual, and which tensors are missing or left \
            over. Of a LoRA the kind, rank and modules, of an embedding its vectors. Ends with 1 if a model cannot be \
            loaded or a file cannot be read.

            Examples:
              limn inspect weights/icons-128
              limn inspect lora.safetensors --json
            """)

    @Argument(help: "A diffusers folder, or a file of weights.", completion: .file())
    var model: String

    @Flag(help: "List every tensor: its name, type and shape.")
    var tensors = false

    @Flag(help: "One line of JSON.")
    var json = false

    func run() throws {
        let inspection = try Inspection(of: model, listsTensors: tensors)
        try Console.output(json ? JSONLine.text(inspection) : Console.printable(Self.text(inspection)))
        guard let first = inspection.problems.first else { return }
        let more = inspection.problems.count - 1
        Console.error(
            "\(inspection.path) cannot be loaded: \(first.replacing("\n", with: " "))"
                + (more > 0 ? " (and \(more) more problem\(more == 1 ? "" : "s"))" : ""))
        throw ExitCode.failure
    }

    private static func text(_ inspection: Inspection) -> String {
        var lines = ["\(inspection.path): \(inspection.kind)"]
        let width = inspection.facts.map(\.name.count).max() ?? 0
        for fact in inspection.facts {
            lines.append("  " + fact.name.padded(to: width) + "  " + fact.value)
        }
        if !inspection.parts.isEmpty { lines.append("") }
        for part in inspection.parts {
            let types = part.tensorsByType.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
            lines.append(
                "\(part.name): \(part.tensors) tensors (\(types.joined(separator: ", "))), "
                    + "\(shown(part.parameters, unit: 1000, ["", " thousand", " million", " billion"])) parameters, "
                    + shown(part.bytes, unit: 1024, [" bytes", " KiB", " MiB", " GiB"]))
            lines += (part.listing ?? []).map { "  \($0.name)  \($0.type) \($0.shape)" }
        }
        if !inspection.unusual.isEmpty { lines += ["", "Unusual:"] + inspection.unusual.map { "  - \($0)" } }
        if !inspection.problems.isEmpty { lines += ["", "It cannot be loaded:"] }
        lines += inspection.problems.map { "  - \($0.replacing("\n", with: " "))" }
        return lines.joined(separator: "\n")
    }

    /// Three digits or so and a unit.
    private static func shown(_ value: Int, unit: Double, _ names: [String]) -> String {
        var (value, index) = (Double(value), 0)
        while value >= unit, index < names.count - 1 {
            value /= unit
            index += 1
        }
        let rounded = value < 10 ? (value * 100).rounded() / 100 : (value * 10).rounded() / 10
        return (Int(exactly: rounded).map(String.init) ?? "\(rounded)") + names[index]
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
