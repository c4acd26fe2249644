// Text to image with the bundled model: swift run -c release FirstPicture "a red apple"
import Limn

let prompt = CommandLine.arguments.dropFirst().first ?? "a red apple"

// Loading takes a moment and memory, so load once and draw often.
let model = try await Model.load(from: DefaultModel.locate())

var request = Request(prompt: prompt)
request.negativePrompt = "black background"
request.steps = 20
request.seed = 7
request.count = 2  // pictures, with seeds 7 and 8

for (index, picture) in try await model.generate(request).enumerated() {
    try picture.write(to: "first-\(index + 1).png")
    print("first-\(index + 1).png: \(picture.width)×\(picture.height)")
}
