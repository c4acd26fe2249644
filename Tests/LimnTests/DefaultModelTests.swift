import Foundation
import Limn
import TestSupport
import Testing

@Suite struct DefaultModelTests {
    /// `nearest.png` of the fixture: icons of 32×32 pixels in rows of twelve; `nearest.json`: their names in that order.
    private struct Icons {
        static let side = 32
        static let columns = 12

        let names: [String]
        private let rows: [[Float]]

        init() throws {
            let folder = Fixtures.path("icons-128")
            names = try JSONDecoder().decode(
                [String].self, from: Data(contentsOf: URL(fileURLWithPath: folder + "/nearest.json")))
            let sheet = try Picture(contentsOf: folder + "/nearest.png")
            rows = names.indices.map { index in
                let (row, column) = index.quotientAndRemainder(dividingBy: Self.columns)
                return Self.means(of: sheet, x: column * Self.side, y: row * Self.side, pixels: 1)
            }
        }

        /// The name of the icon that a picture has the smallest squared distance from.
        func nearest(_ picture: Picture) -> String {
            let drawn = Self.means(of: picture, x: 0, y: 0, pixels: picture.width / Self.side)
            let distances = rows.map { row in zip(row, drawn).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } }
            return names[distances.indices.min { distances[$0] < distances[$1] } ?? 0]
        }

        /// Of 32×32 squares, each of so many pixels a side, the mean colours.
        private static func means(of picture: Picture, x: Int, y: Int, pixels: Int) -> [Float] {
            var sums = [Float](repeating: 0, count: 3 * side * side)
            for row in 0..<side * pixels {
                for column in 0..<side * pixels {
                    let from = picture.channels * ((y + row) * picture.width + x + column)
                    let to = 3 * ((row / pixels) * side + column / pixels)
                    for channel in 0..<3 { sums[to + channel] += Float(picture.pixels[from + channel]) }
                }
            }
            return sums.map { $0 / Float(pixels * pixels) }
        }
    }

    private static func load(_ precision: Precision) async throws -> Model {
        try await Model.load(
            from: Fixtures.repository + "/weights/\(DefaultModel.name)",
            options: LoadOptions(threads: 2, precision: precision))
    }

    @Test(arguments: Precision.computable)
    func aDozenPromptsAreNearestToTheirIcons(_ precision: Precision) async throws {
        let icons = try Icons()
        #expect(icons.names.count >= 48)
        let model = try await Self.load(precision)
        for (seed, name) in icons.names.prefix(12).enumerated() {
            var request = Request(prompt: name)
            (request.steps, request.seed) = (8, UInt64(seed))
            let picture = try #require(try await model.generate(request).first)
            #expect(picture.width == 128 && picture.height == 128)
            #expect(icons.nearest(picture) == name)
        }
    }

    /// Its training ends in nothing but noise, a level of 20,000.
    @Test func samplersThatCannotBeginThereAreWarnedOf() async throws {
        let model = try await Self.load(.float32)
        func warnings(
            _ sampler: String, _ schedule: String? = nil, from picture: Picture? = nil
        ) async throws -> [String] {
            var request = Request(prompt: "red apple")
            (request.sampler, request.schedule, request.steps) = (sampler, schedule, 4)
            request.initImage = picture
            var found: [String] = []
            for try await event in model.events(for: request) {
                if case .warning(let text) = event { found.append(text) }
            }
            return found
        }
        #expect(try await warnings("heun").first?.contains("--schedule karras") == true)
        #expect(try await warnings("dpm2_a", "karras").first?.contains("choose another") == true)
        #expect(try await warnings("heun", "karras").isEmpty)
        #expect(try await warnings("dpm2").isEmpty)
        let picture = try Picture(contentsOf: Fixtures.path("icons-128/apple.png"))
        #expect(try await warnings("heun", from: picture).isEmpty)
    }
}
