import Foundation
import Testing

@testable import Sampling

@Suite struct SchedulerConfigTests {
    private func config(_ json: String) throws -> SchedulerConfig {
        try SchedulerConfig(json: Array(json.utf8), file: "scheduler_config.json")
    }

    private func message(_ json: String) -> String {
        do {
            _ = try config(json)
            return "accepted"
        } catch { return "\(error)" }
    }

    @Test func readsWhatDiffusersWrites() throws {
        let read = try config(
            """
            {"_class_name": "DPMSolverMultistepScheduler", "_diffusers_version": "0.42.1", "beta_end": 0.012,
             "beta_schedule": "scaled_linear", "beta_start": 0.00085, "lambda_min_clipped": -Infinity,
             "prediction_type": "v_prediction", "solver_p": null, "timestep_spacing": "trailing",
             "trained_betas": null, "use_karras_sigmas": true, "steps_offset": 1, "unheard_of": [1, {"a": 2}]}
            """)
        var expected = SchedulerConfig()
        expected.className = "DPMSolverMultistepScheduler"
        expected.betaStart = 0.00085
        expected.betaEnd = 0.012
        expected.betaSchedule = .scaledLinear
        expected.predictionType = .velocity
        expected.timestepSpacing = .trailing
        expected.useKarrasSigmas = true
        expected.stepsOffset = 1
        #expect(read == expected)
        #expect(try JSONDecoder().decode(SchedulerConfig.self, from: JSONEncoder().encode(read)) == read)
        #expect(try config("{}") == SchedulerConfig())
    }

    @Test(arguments: [
        (
            #"{"num_train_timesteps": 0}"#,
            "num_train_timesteps\" is 0; expected a whole number from 1 to 100000"
        ),
        (#"{"num_train_timesteps": 1e30}"#, "num_train_timesteps\" is 1e+30;"),
        (#"{"num_train_timesteps": "many"}"#, "num_train_timesteps\" is \"many\";"),
        (#"{"beta_start": -0.1}"#, "beta_start\" is -0.1; expected a number between 0 and 1"),
        (#"{"beta_end": NaN}"#, "beta_end\" is nan;"),
        (
            #"{"beta_schedule": "cosine"}"#,
            "is \"cosine\"; expected one of linear, scaled_linear, squaredcos_cap_v2"
        ),
        (#"{"prediction_type": "flow_prediction"}"#, "expected one of epsilon, v_prediction, sample"),
        (#"{"timestep_spacing": 3}"#, "timestep_spacing\" is 3; expected one of leading, trailing, linspace"),
        (#"{"trained_betas": [0.1, 0.2]}"#, "trained_betas\" is a list of 2 numbers; expected 1000 numbers"),
        (#"{"num_train_timesteps": 2, "trained_betas": [0.1, 1]}"#, "from 0 up to 1, one a training step"),
        (#"{"clip_sample": "no"}"#, "clip_sample\" is \"no\"; expected true or false"),
        (#"{"steps_offset": -1}"#, "steps_offset\" is -1;"),
        (#"{"solver_order": 9}"#, "solver_order\" is 9; expected a whole number from 1 to 3"),
        (#"{"predictor_order": 5}"#, "predictor_order\" is 5; expected a whole number from 1 to 4"),
        (#"{"snr": 0}"#, "snr\" is 0; expected a number above 0, up to 1"),
        (#"{"correct_steps": 1000}"#, "correct_steps\" is 1000; expected a whole number from 0 to 100"),
        (#"{"beta_min": 3, "beta_max": 2}"#, "beta_max\" is 2; expected a number from beta_min"),
        (#"{"sampling_eps": 1}"#, "sampling_eps\" is 1; expected a number between 0 and 1"),
        (#"{"sigma_min": 2, "sigma_max": 1}"#, "sigma_max\" is 1; expected a number above sigma_min"),
        (#"{"dynamic_thresholding_ratio": {}}"#, "dynamic_thresholding_ratio\" is something else;"),
        ("[1]", "its JSON is not an object"),
        ("{\"a\": ", "its text is not valid JSON"),
        ("", "its text is not valid JSON"),
    ])
    func wrongValuesAreNamed(_ json: String, _ expected: String) {
        let said = message(json)
        #expect(said.contains(expected), "\(said)")
        #expect(said.hasPrefix("scheduler_config.json"))
        #expect(said.split(separator: "\n").count <= 2)
    }

    @Test func aValueInAMessageIsCutAndKeptOnOneLine() {
        let said = message(#"{"beta_schedule": "\#(String(repeating: "x\\n", count: 500))"}"#)
        #expect(said.count < 250 && !said.contains("\n"))
    }

    @Test func stableDiffusionShiftsStepsAndDoesNotClip() throws {
        let read = try config(#"{"_class_name": "DDIMScheduler", "clip_sample": true}"#)
            .readAsStableDiffusion()
        #expect(read.stepsOffset == 1 && read.clipSample == false)
    }

    @Test(arguments: [
        (SamplerName.euler, #"{"use_beta_sigmas": true, "use_karras_sigmas": true}"#, "use_beta_sigmas"),
        (.euler, #"{"use_karras_sigmas": true, "use_exponential_sigmas": true}"#, "one of them at most"),
        (.euler, #"{"interpolation_type": "log_linear"}"#, "interpolation_type \"log_linear\""),
        (.euler, #"{"timestep_type": "continuous", "prediction_type": "v_prediction"}"#, "timestep_type"),
        (.ddpm, #"{"variance_type": "learned_range"}"#, "variance_type \"learned_range\""),
        (.dpmpp2m, #"{"use_lu_lambdas": true}"#, "use_lu_lambdas"),
        (.dpmpp2m, #"{"use_flow_sigmas": true}"#, "use_flow_sigmas"),
        (.dpmpp2m, #"{"solver_type": "rk9"}"#, "solver_type \"rk9\""),
        (.unipc, #"{"predict_x0": false}"#, "predict_x0"),
        (.ddim, #"{"rescale_betas_zero_snr": true, "timestep_spacing": "trailing"}"#, "needs v_prediction"),
        (.ddim, #"{"beta_start": 1e-30, "beta_end": 1e-30}"#, "noise"),
    ])
    func whatIsNotBuiltIsRefusedByName(_ name: SamplerName, _ json: String, _ expected: String) throws {
        let config = try config(json)
        do {
            _ = try makeSampler(name, .init(steps: 10, config: config))
            Issue.record("\(name) took \(json)")
        } catch let error as SamplingError {
            #expect(error.description.contains(expected), "\(error)")
        }
    }
}
