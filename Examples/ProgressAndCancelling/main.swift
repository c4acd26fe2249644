// Follows a generation, and cancels another: swift run -c release ProgressAndCancelling
import Limn

let model = try await Model.load(from: DefaultModel.locate())
var request = Request(prompt: "panda")
request.seed = 2

// Events arrive while the networks run. Leaving the loop stops the work.
for try await event in model.events(for: request) {
    switch event {
    case .progress(let progress):
        if case .denoising(let step, let steps) = progress.stage {
            print("step \(step) of \(steps), \(progress.secondsLeft ?? 0) s left")
        }
    case .warning(let text):
        print("warning: \(text)")
    case .picture(let picture):
        try picture.write(to: "panda.png")
    }
}

// Cancelling the task stops the work within one layer of the network.
request.steps = 1000
let long = request
let task = Task { try await model.generate(long) }
try await Task.sleep(for: .milliseconds(500))
task.cancel()
do {
    _ = try await task.value
} catch is CancellationError {
    print("cancelled")
}
