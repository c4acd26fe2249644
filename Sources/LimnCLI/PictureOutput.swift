import Limn

/// Where pictures go: to files, or the only one to standard output, for another program to read.
enum PictureOutput {
    case files(OutputNames)
    case standardOutput

    /// - Parameter flags: `-o -` is standard output
    /// - Throws: `LimnError` if that is a terminal, or is wanted for something else too
    init(_ flags: OutputOptions, default name: String, defaultStem: String) throws {
        guard flags.output == "-" else {
            self = .files(try OutputNames(flags.output ?? name, defaultStem: defaultStem))
            return
        }
        guard !flags.json else {
            throw LimnError(
                "--json and -o - both want standard output; give the picture a file with -o", isUsage: true)
        }
        guard !Console.outputIsTerminal else {
            throw LimnError(
                "-o - writes the picture to standard output, which is the terminal; redirect it, as in limn … -o - "
                    + "> apple.png", isUsage: true)
        }
        self = .standardOutput
    }

    /// - Throws: `LimnError` if so many pictures have no room there
    func check(count: Int) throws {
        guard case .standardOutput = self, count != 1 else { return }
        throw LimnError(
            "-o - has room for one picture, and there are \(count) to draw; give a name for several with -o, such as "
                + "apple-%d.png, or draw them one by one", isUsage: true)
    }

    /// Writes a picture.
    ///
    /// - Parameter index: which picture of the run, from 1
    /// - Returns: the file's name; nil for standard output
    func write(_ picture: Picture, index: Int, seed: UInt64) throws -> String? {
        switch self {
        case .files(let names):
            return try Interruption.whileWriting {
                try names.place(index: index, seed: seed) { try picture.write(toNew: $0) }
            }
        case .standardOutput:
            // Not held against an interruption: whoever reads may be slow, and no file is left half-done.
            try Console.output(try picture.pngData())
            return nil
        }
    }
}
