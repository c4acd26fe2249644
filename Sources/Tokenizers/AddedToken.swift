import Platform

/// A token that is looked for in the text itself, before the vocabulary's own splitting: special tokens, and
/// those that somebody added to the vocabulary later. The flags are those of the tokenizers library.
struct AddedToken: Sendable, Equatable {
    let content: String
    /// Counts only where no word character touches it.
    var singleWord = false
    /// Takes the spaces before it along.
    var lstrip = false
    /// Takes the spaces after it along.
    var rstrip = false
    /// Looked for in the normalized text, in its own normalized form; otherwise in the text as it was written.
    var normalized = false

    /// A token named by its text alone, as a special token.
    init(_ content: String) { self.content = content }

    /// A string, or an object with `content` and flags.
    ///
    /// - Parameter special: whether the place where it stands makes it special; such a token is not normalized
    ///   unless it says so itself.
    init?(_ json: JSON, special: Bool) {
        if let string = json.string {
            self.init(string)
            return
        }
        guard let content = json["content"]?.string else { return nil }
        self.init(content)
        singleWord = json["single_word"]?.bool ?? false
        lstrip = json["lstrip"]?.bool ?? false
        rstrip = json["rstrip"]?.bool ?? false
        normalized = json["normalized"]?.bool ?? !(special || json["special"]?.bool ?? false)
    }
}
