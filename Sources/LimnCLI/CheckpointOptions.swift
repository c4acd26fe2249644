import ArgumentParser

/// What a model that is a single file needs besides.
struct CheckpointOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            The tokenizer for a checkpoint file, which has none. Default: beside the file, else $LIMN_TOKENIZER, else \
            CLIP's, which comes with limn.
            """,
            valueName: "folder"),
        completion: .directory)
    var tokenizer: String?

    @Flag(help: "Take the averaged weights (EMA) of a checkpoint file that has both.")
    var ema = false
}
