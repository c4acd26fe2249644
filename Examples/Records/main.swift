// Makes a picture again from its file, and one that differs in its steps: swift run -c release Records
import Limn

let model = try await Model.load(from: DefaultModel.locate())
var first = Request(prompt: "red heart on a black background")
first.seed = 1
for picture in try await model.generate(first) {
    try picture.write(to: "heart.png")
}

// The file says how the picture was made.
let recipe = try Recipe(contentsOf: "heart.png")
print(recipe.parameters ?? "")

// Input pictures, masks and latents are too large for a record: where one was used, it must be given again.
var request = try recipe.request()
let again = try await model.generate(request)
print(try again == [Picture(contentsOf: "heart.png")] ? "the same picture" : "another picture")

request.steps = 50
for picture in try await model.generate(request) {
    try picture.write(to: "heart-50.png")
}
