/// Words that belong together under a name, as the webui keeps them in its `styles.csv`: columns name, prompt and
/// negative_prompt. Where a style's text has `{prompt}`, the prompt takes its place; else the style follows the prompt.
///
///     try StyleSheet(contentsOf: "styles.csv").apply(["Watercolour"], to: &request)
public struct StyleSheet: Sendable {
    private struct Style {
        var prompt: String
        var negativePrompt: String
    }

    private let path: String
    private var styles: [String: Style] = [:]

    /// - Throws: `LimnError` if the file cannot be read, or lacks a column
    public init(contentsOf path: String) throws {
        self.path = path
        let rows = try Self.rows(try TextFile.text(path), path)
        let header = (rows.first ?? []).map { TextFile.trimmed($0).lowercased() }
        // Old files call it text.
        guard let name = header.firstIndex(of: "name"),
            let prompt = header.firstIndex(of: "prompt") ?? header.firstIndex(of: "text")
        else {
            throw LimnError("\(path): the first line does not name the columns name and prompt; this is no styles.csv")
        }
        let negative = header.firstIndex(of: "negative_prompt")
        for row in rows.dropFirst() where row.indices.contains(name) && !row[name].hasPrefix("#") {
            func field(_ index: Int?) -> String { index.flatMap { row.indices.contains($0) ? row[$0] : nil } ?? "" }
            styles[row[name]] = Style(prompt: field(prompt), negativePrompt: field(negative))
        }
    }

    public var names: [String] { styles.keys.sorted() }

    /// Puts styles around the prompts, one after the other.
    ///
    /// - Throws: `LimnError` listing the nearest names if there is none of a name
    public func apply(_ names: [String], to request: inout Request) throws {
        for name in names {
            guard let style = styles[name] else {
                let near = self.names.sorted { LoRAFolder.distance($0, name) < LoRAFolder.distance($1, name) }
                throw LimnError(
                    "\(path): there is no style called \(name)"
                        + (near.isEmpty ? "" : "; the nearest of \(near.count) are ")
                        + near.prefix(5).joined(separator: ", "), isUsage: true)
            }
            request.prompt = Self.merged(style.prompt, request.prompt)
            request.negativePrompt = Self.merged(style.negativePrompt, request.negativePrompt)
        }
    }

    private static func merged(_ style: String, _ prompt: String) -> String {
        let parts = style.split(separator: "{prompt}", omittingEmptySubsequences: false)
        if parts.count > 1 { return parts.joined(separator: prompt) }
        let (style, trimmed) = (TextFile.trimmed(style), TextFile.trimmed(prompt))
        if style.isEmpty { return prompt }
        return trimmed.isEmpty ? style : trimmed + ", " + style
    }

    /// Comma-separated values (RFC 4180): fields in quotes may hold commas and line breaks, and quotes twice.
    private static func rows(_ text: String, _ path: String) throws -> [[String]] {
        var rows: [[String]] = []
        var (row, field, isQuoted, wasQuoted) = ([String](), "", false, false)
        func endField() {
            row.append(field)
            (field, wasQuoted) = ("", false)
        }
        func endRow() {
            endField()
            if row != [""] { rows.append(row) }
            row = []
        }
        var characters = text.unicodeScalars.makeIterator()
        var next = characters.next()
        while let scalar = next {
            next = characters.next()
            if isQuoted {
                if scalar != "\"" {
                    field.unicodeScalars.append(scalar)
                } else if next == "\"" {
                    field += "\""
                    next = characters.next()
                } else {
                    isQuoted = false
                }
            } else if scalar == "\"", field.isEmpty, !wasQuoted {
                (isQuoted, wasQuoted) = (true, true)
            } else if scalar == "," {
                endField()
            } else if scalar == "\n" || scalar == "\r" {
                if scalar == "\r", next == "\n" { next = characters.next() }
                endRow()
            } else if scalar == " ", field.isEmpty, !wasQuoted {
                continue
            } else {
                field.unicodeScalars.append(scalar)
            }
        }
        guard !isQuoted else { throw LimnError("\(path): a quote that opens does not close; the file is damaged") }
        if !field.isEmpty || !row.isEmpty || wasQuoted { endRow() }
        return rows
    }
}
