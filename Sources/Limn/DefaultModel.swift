import FoundationEssentials

/// The model that is used when none is named: the one that comes with Limn.
public enum DefaultModel {
    /// The name of its folder.
    public static let name = "icons-128"
    /// Names another folder to be the default.
    public static let environmentVariable = "LIMN_MODEL"

    /// The folder of the default model. In this order: what the environment variable `LIMN_MODEL` names;
    /// `../share/limn/weights/icons-128` beside the folder of the running program, where `make install` puts it;
    /// `weights/icons-128` in one of the folders above the program, as in a clone of the repository; and the same
    /// in the current folder.
    ///
    /// - Throws: `LimnError` that says where was looked and what to do
    public static func locate() throws -> String {
        if let named = ProcessInfo.processInfo.environment[environmentVariable], !named.isEmpty { return named }
        if let found = SharedFolder.find("weights/\(name)", holding: "unet") { return found }
        let candidates = SharedFolder.candidates("weights/\(name)", programFolder: SharedFolder.programFolder)
        throw LimnError(
            "the model that comes with limn was not found; looked for \(candidates.first ?? "") and for "
                + "weights/\(name) in the folders above the program and in the current one.\n"
                + "Give a model's folder with -m, or name it in the environment variable \(environmentVariable).")
    }
}
