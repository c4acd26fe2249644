import TestSupport
import Testing

/// Wrong, missing and contradictory flags: exit code 64, words that help, no file.
struct UsageTests {
    @Test(arguments: [
        (["--steps", "0"], "between 1 and 1000"),
        (["--steps", "1001"], "between 1 and 1000"),
        (["--steps", "-3"], "between 1 and 1000"),
        (["--steps", "99999999999999999999"], "--steps"),
        (["--steps", "many"], "--steps"),
        (["-W", "65"], "multiple of 8"),
        (["-W", "-8"], "multiple of 8"),
        (["-H", "0"], "multiple of 8"),
        (["-W", "4611686018427387904"], "at most"),
        (["--sampler", "eular"], "did you mean euler"),
        (["--sampler", "zzzzzz"], "dpm++2m"),
        (["--sampler", ""], "dpm++2m"),
        (["--schedule", "zzzzzz"], "karras"),
        (["--sampler", "ddim", "--schedule", "karras"], "not supported"),
        (["--sampler", "lcm", "--schedule", "trailing"], "not supported"),
        (["--sampler", "euler", "--s-churn", "1001"], "0.0 to 1000.0"),
        (["--sampler", "euler", "--s-churn", "nan"], "0.0 to 1000.0"),
        (["--sampler", "euler", "--s-tmin", "1"], "--s-churn"),
        (["--sampler", "euler", "--s-churn", "1", "--s-tmax", "inf"], "must be a number"),
        (["--sampler", "euler", "--s-churn", "1", "--s-tmin", "2", "--s-tmax", "1"], "its lowest, or more"),
        (["--sampler", "dpm++2m", "--s-churn", "1"], "euler, heun, dpm2"),
        (["--sampler", "euler", "--s-noise", "1.1"], "with a churn"),
        (["--sampler", "euler_a", "--s-noise", "-1"], "0.0 to 2.0"),
        (["--sampler", "dpm_adaptive", "--rtol", "0"], "out of range"),
        (["--sampler", "dpm_adaptive", "--atol", "2"], "out of range"),
        (["--noise-schedule", "cubic"], "squaredcos_cap_v2"),
        (["--noise-schedule", "sigmoi"], "did you mean sigmoid"),
        (["--zero-snr"], "v_prediction"),
        (["--sigmas", "3,x"], "--sigmas"),
        (["--sigmas", ""], "--sigmas"),
        (["--sigmas", "3,2"], "leave out --steps"),
        (["--rng", "dice"], "numpy"),
        (["--cfg-scale", "nan"], "guidance scale"),
        (["--cfg-scale", "-1"], "guidance scale"),
        (["--guidance-rescale", "1.5"], "0 to 1"),
        (["--guidance-end", "1.5"], "0 to 1"),
        (["--guidance-end", "-0.5"], "0 to 1"),
        (["--guidance-end", "nan"], "0 to 1"),
        (["--guidance-start", "2"], "0 to 1"),
        (["--guidance-start", "0.8", "--guidance-end", "0.5"], "after its end"),
        (["--guidance-curve", "linear"], "linear:START"),
        (["--guidance-sigmas", "3"], "0.28,5.42"),
        (["--pag-scale", "-2"], "0 for none"),
        (["--pag-layers", "mid"], "--pag-scale"),
        (["--pag-scale", "3", "--pag-layers", "middle"], "mid_block"),
        (["--sag-scale", "0.7", "--cache-interval", "2"], "give one of them"),
        (["--apg", "moment=1"], "did you mean momentum"),
        (["--dynamic-threshold", "7,mode=wavy"], "cosine-down"),
        (["--x0-threshold", "2"], "0.995"),
        (["--cache-interval", "0"], "1 to 1000"),
        (["--cache-interval", "2.5"], "--cache-interval"),
        (["--eta", "-0.5"], "0 "),
        (["--sampler", "euler", "--solver-order", "2"], "no use for a solver order"),
        (["--sampler", "unipc", "--solver-order", "4"], "1 to 3"),
        (["--sampler", "unipc", "--solver-type", "midpoint"], "bh1, bh2"),
        (["--sampler", "tcd", "--gamma", "nan"], "0.0 to 1.0"),
        (["--sampler", "sa_solver", "--tau", "-1"], "0.0 to 10.0"),
        (["--sampler", "pc_ve", "--snr", "0"], "0.001 to 1.0"),
        (["--sampler", "ddim", "--corrector-steps", "2"], "no use for a number of corrector steps"),
        (["--sampler", "annealed_langevin", "--corrector-steps", "101"], "0 to 100"),
        (["--clip-skip", "0"], "clip skip"),
        (["--clip-skip", "99"], "layers"),
        (["-b", "0"], "pictures"),
        (["-b", "-1"], "pictures"),
        (["-t", "0"], "threads"),
        (["-t", "100000"], "threads"),
        (["-s", "abc"], "-s"),
        (["--precision", "f99"], "f32"),
        (["--strength", "0.5"], "-i"),
        (["--mask", "mask.png"], "-i"),
        (["-p", "another"], "twice"),
        (["-m", ""], "empty"),
        (["-o", ""], "empty"),
        (["-o", "apple.jpg"], "PNG"),
        (["-o", "/dev/null"], "device"),
        (["--stepz", "3"], "--steps"),
        (["--controlnet", "x"], "--controlnet"),
        (["extra"], "extra"),
    ])
    func isRefused(flags: [String], word: String) async throws {
        let runner = try CommandRunner()
        let outcome =
            flags.first == "-m"
            ? try await runner.run(["-q", "x"] + flags) : try await runner.draw(["-q", "x"] + flags)
        expectFailure(outcome, status: 64, word)
        #expect(runner.files.isEmpty)
    }

    @Test func aPromptIsNeeded() async throws {
        let runner = try CommandRunner()
        expectFailure(try await runner.run([]), status: 64, "say what to draw", "limn \"a red apple\"")
        expectFailure(try await runner.run(["generate", "--steps", "3"]), status: 64, "say what to draw")
    }

    @Test func negativeNumbersAreValuesNotFlags() async throws {
        let runner = try CommandRunner()
        let outcome = try await runner.draw(["-s", "-1", "-n", "-dark-", "-p", "-bright-"])
        #expect(outcome.status == 0, "\(outcome.error)")
        let info = try await runner.run(["info", "output.png"])
        #expect(info.output.hasPrefix("-bright-\nNegative prompt: -dark-\n"))
    }

    @Test func bothSpellingsWork() async throws {
        let runner = try CommandRunner()
        let image = CommandRunner.tinyModel + "/init.png"
        let first = try await runner.draw([
            "x", "-s", "1", "-i", image, "--sampler", "euler", "--schedule", "karras", "-o", "a",
        ])
        let second = try await runner.draw([
            "x", "--seed", "1", "--init-img", image, "--sampling-method", "euler", "--scheduler", "karras",
            "--output", "b",
        ])
        #expect(first.status == 0 && second.status == 0, "\(second.error)")
        #expect(try runner.bytes("a.png") == runner.bytes("b.png"))
    }

    /// Whatever fails first for want of memory, a file is not called damaged.
    @Test func aLackOfMemoryIsCalledThat() async throws {
        let runner = try CommandRunner()
        let model = Fixtures.repository + "/weights/icons-128"
        var lacking = 0
        for kilobytes in stride(from: 250_000, to: 420_000, by: 5_000) {
            let outcome = try await runner.shell(
                #"ulimit -v "$2"; OPENBLAS_NUM_THREADS=1 exec timeout 20 "$0" -q x -m "$1" --steps 1 -t 2"#,
                [model, String(kilobytes)])
            let text = outcome.error
            for word in ["damaged", "incomplete", "fetch it again", "download"] {
                #expect(!text.contains(word), "\(kilobytes): \(text)")
            }
            guard outcome.status == 1 else { continue }
            #expect(text.contains("memory"), "\(kilobytes): \(text)")
            lacking += 1
        }
        #expect(lacking > 0)
    }

    @Test func hugeSizesAreAnErrorNotAKill() async throws {
        let runner = try CommandRunner()
        // Less memory than the machine has, so that the test knows what is too much.
        let outcome = try await runner.shell(
            #"ulimit -v 4000000; exec "$0" -q x -m "$1" -W 16384 -H 16384 -t 2"#, [CommandRunner.tinyModel])
        expectFailure(outcome, status: 1, "memory", "smaller picture")
        #expect(runner.files.isEmpty)
    }
}
