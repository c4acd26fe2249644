import Glibc
import Limn
import TestSupport
import Testing

@Suite(.serialized) struct PrecisionTests {
    /// Peak signal-to-noise ratio in decibels.
    private func psnr(_ a: Picture, _ b: Picture) -> Double {
        let squares = zip(a.pixels, b.pixels).reduce(0.0) { sum, pair in
            let difference = Double(pair.0) - Double(pair.1)
            return sum + difference * difference
        }
        return squares == 0 ? .infinity : 10 * log10(255 * 255 * Double(a.pixels.count) / squares)
    }

    /// Measured with the AMX kernels: 50.1 to 53.3 dB with bf16, 47.1 to 50.2 with int8.
    @Test(arguments: [Precision.bfloat16, .int8])
    func coarserArithmeticDrawsTheSamePictureToTheEye(precision: Precision) async throws {
        let path = Fixtures.repository + "/weights/icons-128"
        let exact = try await Model.load(from: path, options: LoadOptions(threads: 2, precision: .float32))
        let fast: Model
        do {
            fast = try await Model.load(from: path, options: LoadOptions(threads: 2, precision: precision))
        } catch let error as LimnError {
            // This CPU has no such products, and says what to do.
            #expect(error.description.contains("--precision f32"))
            return
        }
        for (prompt, seed) in [("a red apple", 0), ("grinning face", 1), ("cara de gato", 2), ("pizza", 3)] {
            var request = Request(prompt: prompt)
            (request.steps, request.seed) = (20, UInt64(seed))
            let ratio = psnr(try await exact.generate(request)[0], try await fast.generate(request)[0])
            print("\(precision.rawValue) against f32, \(prompt): \(ratio) dB")
            #expect(ratio > 35, "\(prompt)")
        }
    }
}
