import ArgumentParser

/// How a model's files are read, those of a single file above all.
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

    @Flag(
        help: """
            Load a model that has tensors which belong to no part of it; they are left out and named in a warning.
            """)
    var lenient = false
}
