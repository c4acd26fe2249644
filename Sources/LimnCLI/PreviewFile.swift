import Limn

/// The file of `--preview`.
final class PreviewFile {
    /// After every how many steps it is renewed.
    let every: Int
    private let path: String
    private var hasFailed = false

    /// nil if no previews are asked for.
    ///
    /// - Throws: `LimnError` if the file is there and is not an earlier preview, or the interval is not possible
    init?(_ flags: OutputOptions) throws {
        guard let path = flags.preview else {
            guard flags.previewEvery == nil else {
                throw LimnError("--preview-every needs --preview, with the file's name", isUsage: true)
            }
            return nil
        }
        every = flags.previewEvery ?? 1
        guard (1...10_000).contains(every) else {
            throw LimnError("a preview every \(every) steps is not possible; give 1 to 10000", isUsage: true)
        }
        guard !path.isEmpty, !path.hasSuffix("/"), path != "-" else {
            throw LimnError("--preview wants the name of a file, such as preview.png", isUsage: true)
        }
        guard FileKind(of: path) == .missing || Picture.isPreview(path) else {
            throw LimnError(
                "\(path): this is no preview of an earlier run, so it is not written over; give another name, or "
                    + "remove it", isUsage: true)
        }
        self.path = path
    }

    /// A preview that cannot be written is no reason to give up the picture: it is told once.
    func write(_ picture: Picture, _ display: ProgressDisplay) {
        do {
            try Interruption.whileWriting { try picture.write(preview: path) }
        } catch {
            if !hasFailed { display.warning("no preview: \(error)") }
            hasFailed = true
        }
    }
}
