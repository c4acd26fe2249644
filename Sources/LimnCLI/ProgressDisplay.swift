import Limn

/// Shows how far a run is: a bar that is redrawn on a terminal, and otherwise some ten lines a picture.
final class ProgressDisplay {
    private let isQuiet: Bool
    private let isTerminal: Bool
    private let isUnicode: Bool
    /// Sum and count of the current picture's steps, for an average that does not jump.
    private var stepSeconds = 0.0
    private var timedSteps = 0
    private var lastTenth = 0

    init(isQuiet: Bool) {
        self.isQuiet = isQuiet
        isTerminal = Console.isTerminal
        isUnicode = Console.isUnicode
    }

    func loading(_ path: String) { stage("loading \(path)") }

    /// Shows how much of the weights has been read, on a terminal.
    var loadingWeights: @Sendable (LoadProgress) -> Void {
        guard isTerminal, !isQuiet else { return { _ in } }
        return { progress in Console.redraw("loading weights \(progress.percent) %") }
    }

    func loaded(seconds: Double) {
        if !isTerminal { stage("loaded in \(Self.shown(seconds)) s") }
    }

    func warning(_ text: String) {
        if !isQuiet { Console.warning(text) }
    }

    func note(_ text: String) {
        if !isQuiet { Console.note(text) }
    }

    func finished(_ report: PictureReport, showsFile: Bool) {
        note(
            "drawn in \(Self.shown(report.seconds.total)) s, seed \(report.seed)"
                + (showsFile ? ": \(report.file)" : ":"))
    }

    func show(_ progress: Progress) {
        let picture = progress.pictures > 1 ? " \(progress.picture + 1) of \(progress.pictures)" : ""
        switch progress.stage {
        case .encodingText: stage("reading the prompt")
        case .encodingPicture: stage("looking at the picture to start from")
        case .decoding: stage("decoding picture" + picture)
        case .denoising(let step, let steps):
            if step == 0 { (stepSeconds, timedSteps, lastTenth) = (0, 0, 0) }
            if let seconds = progress.secondsPerStep {
                stepSeconds += seconds
                timedSteps += 1
            }
            let label = isTerminal ? "drawing" + picture : "picture" + picture
            show(label, step: step, steps: steps)
        }
    }

    private func show(_ label: String, step: Int, steps: Int) {
        guard !isQuiet, steps > 0 else { return }
        let average = timedSteps > 0 ? stepSeconds / Double(timedSteps) : nil
        let timing = average.map { ", \(Self.shown($0)) s a step, \(Self.left($0 * Double(steps - step))) left" } ?? ""
        if isTerminal {
            Console.redraw(
                Self.bar(
                    label: label, step: step, steps: steps, timing: timing, columns: Console.width - 1,
                    isUnicode: isUnicode))
        } else {
            let tenth = step * 10 / steps
            guard step > 0, tenth > lastTenth else { return }
            lastTenth = tenth
            Console.note("\(label): step \(step) of \(steps)\(timing)")
        }
    }

    /// Bytes of a file that is being written.
    func writing(bytes: Int, of total: Int) {
        guard !isQuiet, total > 0 else { return }
        let (done, whole) = (bytes >> 20, max(1, total >> 20))
        if isTerminal {
            Console.redraw(
                Self.bar(
                    label: "writing", step: min(done, whole), steps: whole, timing: " MiB", columns: Console.width - 1,
                    isUnicode: isUnicode))
        } else {
            // A tenth at a time, and none of what is written in a moment.
            let tenth = Int(Double(bytes) / Double(total) * 10)
            guard tenth > lastTenth, total > 1 << 28 else { return }
            lastTenth = tenth
            Console.note("writing: \(done) of \(whole) MiB")
        }
    }

    private func stage(_ text: String) {
        guard !isQuiet else { return }
        if isTerminal { Console.redraw(String((text + " …").prefix(Console.width - 1))) } else { Console.note(text) }
    }

    /// A line of at most `columns`: on a narrow terminal first the bar and then the timing gives way.
    static func bar(
        label: String, step: Int, steps: Int, timing: String, columns: Int, isUnicode: Bool
    ) -> String {
        let count = "\(step)/\(steps)"
        let room = columns - label.count - count.count - timing.count - 4
        guard room >= 8 else { return String("\(label) \(count)\(timing)".prefix(max(columns, 0))) }
        let cells = min(room, 40)
        let filled = cells * step / steps
        let (full, empty) = isUnicode ? ("█", "░") : ("#", "-")
        let bar = String(repeating: full, count: filled) + String(repeating: empty, count: cells - filled)
        return "\(label) [\(bar)] \(count)\(timing)"
    }

    /// Seconds with as many places as are worth reading.
    static func shown(_ seconds: Double) -> String {
        let places = seconds < 0.1 ? 1000.0 : seconds < 1 ? 100 : seconds < 60 ? 10 : 1
        let rounded = (seconds * places).rounded() / places
        return rounded >= 60 ? "\(Int(rounded))" : "\(rounded)"
    }

    /// A stretch of time to come: "8 s", "3 min 5 s", "1 h 20 min".
    static func left(_ seconds: Double) -> String {
        let whole = Int(min(max(seconds.rounded(.up), 0), 1e9))
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
        return "\(whole / 3600) h \(whole % 3600 / 60) min"
    }
}
