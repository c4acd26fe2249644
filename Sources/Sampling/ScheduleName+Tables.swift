#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

// σ that were searched for, and published as tables. Their last value is what the run would end at; as in ComfyUI it
// gives way to 0.

extension ScheduleName {
    /// Align Your Steps (Sabour et al. 2024), from the tables of ten steps that NVIDIA published with it.
    static let alignYourSteps = ScheduleName(
        "ays", webui: "Align Your Steps", aliases: ["align_your_steps"],
        use: "optimised for Stable Diffusion and SDXL: for few steps",
        .sigmas { input in
            try spaced(by: input.family == .stableDiffusionXL ? alignedXL : aligned, "ays", input)
        })

    private static let aligned = [
        14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029,
    ]
    private static let alignedXL = [
        14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029,
    ]

    /// The webui's: as many values as steps, the tables' last among them, and then 0.
    static func alignedOfTheWebUI(_ input: ScheduleInput) throws -> [Double] {
        let table = input.family == .stableDiffusionXL ? alignedXL : aligned
        try check(table, "ays", input)
        // A single one is the last.
        guard input.count > 1 else { return [table[table.count - 1]] }
        return interpolated(table, count: input.count, of: input.count - 1)
    }

    /// stable-diffusion.cpp's, whose tables have more digits.
    static func alignedOfSDCPP(_ input: ScheduleInput) throws -> [Double] {
        try spaced(by: input.family == .stableDiffusionXL ? alignedXLOfSDCPP : alignedOfSDCPP, "ays", input)
    }

    private static let alignedOfSDCPP = [
        14.6146412293, 6.4745760956, 3.8636745985, 2.6946151520, 1.8841921177, 1.3943805092, 0.9642583904, 0.6523686016,
        0.3977456272, 0.1515232662, 0.0291671582,
    ]
    private static let alignedXLOfSDCPP = [
        14.6146412293, 6.3184485287, 3.7681790315, 2.1811480769, 1.3405244945, 0.8620721141, 0.5550693289, 0.3798540708,
        0.2332364134, 0.1114188177, 0.0291671582,
    ]

    /// Geometry-inspired time scheduling (Chen et al. 2024): the table of 2 to 20 steps for Stable Diffusion 1 that
    /// ComfyUI publishes, with its usual coefficient, 1.20.
    static let gits = ScheduleName(
        "gits", webui: "GITS", use: "searched for, for Stable Diffusion 1: for few steps",
        .sigmas { input in
            let rows = geometric
            return try spaced(by: rows[min(max(input.count - 2, 0), rows.count - 1)], "gits", input)
        })

    /// The table, interpolated in log σ where it has another number of steps.
    ///
    /// - Throws: `SamplingError.unsupported` for a model of another noise than that of the table
    private static func spaced(by table: [Double], _ name: String, _ input: ScheduleInput) throws -> [Double] {
        try check(table, name, input)
        return interpolated(table, count: input.count, of: input.count)
    }

    private static func check(_ table: [Double], _ name: String, _ input: ScheduleInput) throws {
        guard abs(input.trainedHighest / table[0] - 1) < 0.01 else {
            let tenths = (input.trainedHighest * 10).rounded() / 10
            throw SamplingError.unsupported(
                what: "The schedule \(name) for a model whose noise goes up to \(tenths)",
                supported: "models with Stable Diffusion's noise, which goes up to 14.6; or another schedule")
        }
    }

    /// The first values of the table, were it stretched to so many steps.
    private static func interpolated(_ table: [Double], count: Int, of steps: Int) -> [Double] {
        guard table.count != steps + 1 else { return Array(table.prefix(count)) }
        return (0..<count).map { index in
            let place = Double(index) * Double(table.count - 1) / Double(steps)
            let low = min(Int(place), table.count - 2)
            let (from, to) = (log(table[low]), log(table[low + 1]))
            return exp(from + (place - Double(low)) * (to - from))
        }
    }

    /// A row for each number of steps from 2.
    private static let geometric: [[Double]] = [
        [14.61464119, 0.803307, 0.02916753],
        [14.61464119, 1.56271636, 0.52423614, 0.02916753],
        [14.61464119, 2.36326075, 0.92192322, 0.36617002, 0.02916753],
        [14.61464119, 2.84484982, 1.24153244, 0.59516323, 0.25053367, 0.02916753],
        [14.61464119, 5.85520077, 2.05039096, 0.95350921, 0.45573691, 0.17026083, 0.02916753],
        [14.61464119, 5.85520077, 2.45070267, 1.24153244, 0.64427125, 0.29807833, 0.09824532, 0.02916753],
        [14.61464119, 5.85520077, 2.45070267, 1.36964464, 0.803307, 0.45573691, 0.25053367, 0.09824532, 0.02916753],
        [
            14.61464119, 5.85520077, 2.84484982, 1.61558151, 0.95350921, 0.59516323, 0.36617002, 0.19894916, 0.09824532,
            0.02916753,
        ],
        [
            14.61464119, 5.85520077, 2.84484982, 1.67050016, 1.08895338, 0.74807048, 0.50118381, 0.32104823, 0.19894916,
            0.09824532, 0.02916753,
        ],
        [
            14.61464119, 5.85520077, 2.95596409, 1.84880662, 1.24153244, 0.83188516, 0.59516323, 0.41087446, 0.27464288,
            0.17026083, 0.09824532, 0.02916753,
        ],
        [
            14.61464119, 5.85520077, 3.07277966, 1.98035145, 1.36964464, 0.95350921, 0.69515091, 0.50118381, 0.36617002,
            0.25053367, 0.17026083, 0.09824532, 0.02916753,
        ],
        [
            14.61464119, 6.77309084, 3.46139455, 2.36326075, 1.56271636, 1.08895338, 0.803307, 0.59516323, 0.45573691,
            0.34370604, 0.25053367, 0.17026083, 0.09824532, 0.02916753,
        ],
        [
            14.61464119, 6.77309084, 3.46139455, 2.45070267, 1.61558151, 1.162866, 0.86115354, 0.64427125, 0.50118381,
            0.38853383, 0.29807833, 0.22545385, 0.17026083, 0.09824532, 0.02916753,
        ],
        [
            14.61464119, 7.49001646, 4.65472794, 3.07277966, 2.12350607, 1.51179266, 1.08895338, 0.83188516, 0.64427125,
            0.50118381, 0.38853383, 0.29807833, 0.22545385, 0.17026083, 0.09824532, 0.02916753,
        ],
        [
            14.61464119, 7.49001646, 4.65472794, 3.07277966, 2.12350607, 1.51179266, 1.08895338, 0.83188516, 0.64427125,
            0.50118381, 0.41087446, 0.32104823, 0.25053367, 0.19894916, 0.13792117, 0.09824532, 0.02916753,
        ],
        [
            14.61464119, 7.49001646, 4.65472794, 3.07277966, 2.12350607, 1.51179266, 1.08895338, 0.83188516, 0.64427125,
            0.50118381, 0.41087446, 0.34370604, 0.27464288, 0.22545385, 0.17026083, 0.13792117, 0.09824532, 0.02916753,
        ],
        [
            14.61464119, 7.49001646, 4.65472794, 3.07277966, 2.19988537, 1.61558151, 1.20157266, 0.92192322, 0.72133851,
            0.57119018, 0.45573691, 0.36617002, 0.29807833, 0.25053367, 0.19894916, 0.17026083, 0.13792117, 0.09824532,
            0.02916753,
        ],
        [
            14.61464119, 7.49001646, 4.65472794, 3.07277966, 2.19988537, 1.61558151, 1.24153244, 0.95350921, 0.74807048,
            0.59516323, 0.4783645, 0.38853383, 0.32104823, 0.27464288, 0.22545385, 0.19894916, 0.17026083, 0.13792117,
            0.09824532, 0.02916753,
        ],
        [
            14.61464119, 7.49001646, 4.65472794, 3.07277966, 2.19988537, 1.61558151, 1.24153244, 0.95350921, 0.74807048,
            0.59516323, 0.50118381, 0.41087446, 0.34370604, 0.29807833, 0.25053367, 0.22545385, 0.19894916, 0.17026083,
            0.13792117, 0.09824532, 0.02916753,
        ],
    ]
}
