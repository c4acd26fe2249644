"""The results as tables, and as a chart; both go into docs/performance.md, between the markers."""
import statistics
from pathlib import Path

from cases import PRECISIONS, STAGES, Case

BEGIN, END = "<!-- compare: begin -->", "<!-- compare: end -->"
ENGINES = {"limn": "limn", "openvino": "OpenVINO", "pytorch": "PyTorch", "stable-diffusion.cpp": "stable-diffusion.cpp"}
CHART = "docs/pictures/compare.png"


def write(results, root):
    """Puts the tables and the chart in place of what stands between the markers."""
    import chart

    document = Path(root) / "docs/performance.md"
    text = document.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"{document}: the markers {BEGIN} and {END} are not there once")
    chart.draw(results, Path(root) / CHART)
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    picture = f"![Bars: seconds of each stage by engine]({CHART.removeprefix('docs/')})"
    document.write_text(f"{head}{BEGIN}\n{description(results)}\n\n{picture}\n\n{tables(results)}\n{END}{tail}")


def description(results):
    machine, versions = results["machine"], results["versions"]
    peaks = "; ".join(
        f"{threads} thread{'s' * (threads != '1')}: " + ", ".join(
            f"{rate:.0f} GFLOP/s in {precision}" for precision, rate in sorted(of.items(), reverse=True))
        for threads, of in sorted(results["peaks"].items()))
    caches = ", ".join(f"L{level} {size}" for level, size in sorted(machine["caches"].items()))
    return (
        f"Measured on {results['date']}: {machine['cpu']} (family/model/stepping {machine['family']}), "
        f"{machine['cores']} cores{', a virtual machine' if machine['virtual'] else ''}; {caches}; "
        f"{machine['memory'] / 2**30:.0f} GiB; {', '.join(machine['flags'])}; {machine['system']}. "
        f"limn's kernels: `{results['kernels']}`; their peak in products that stay in the cache, {peaks}. "
        f"PyTorch {versions['torch']}, diffusers {versions['diffusers']}, OpenVINO {versions['openvino']}. "
        f"{results['threads']} threads but where it says otherwise, {results['rounds']} turns of each engine; "
        "random weights of the Stable Diffusion 1.5 shape, stored in F16, the same for all.")


def seconds(found, kind):
    """(best, median) or None."""
    one = found.get(kind, {})
    if not one.get("seconds") or "failed" in one:
        return None
    return min(one["seconds"]), statistics.median(one["seconds"])


def present(results):
    kinds = {kind for found in results["cases"].values() for kind in found}
    return [kind for kind in ENGINES if kind in kinds]


def cases_of(results):
    """(case, what was found), in the order of the results."""
    found = []
    for name, values in results["cases"].items():
        stage, precision, size, batch, threads = name.split("/")
        width, height = map(int, size.split("x"))
        found.append((Case(stage, precision, width, height, int(batch[1:]), int(threads[1:])), values))
    stages = list(STAGES)
    return sorted(found, key=lambda one: (stages.index(one[0].stage), PRECISIONS.index(one[0].precision)))


def table(header, rows):
    if not rows:
        return ""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def shown(pair):
    return f"{digits(pair[0])} ({digits(pair[1])})" if pair else "–"


def digits(value):
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"


def ratio(one, other):
    return f"{one[0] / other[0]:.2f}" if one and other else "–"


def comparison(results, wanted, label, column):
    """Best (median) of every engine, and limn's best as a share of each other's."""
    kinds = present(results)
    others = [kind for kind in kinds if kind != "limn"]
    rows = []
    for case, found in cases_of(results):
        if not wanted(case):
            continue
        pairs = {kind: seconds(found, kind) for kind in kinds}
        rows.append([label(case), case.precision] + [shown(pairs[kind]) for kind in kinds]
                    + [ratio(pairs.get("limn"), pairs[kind]) for kind in others])
    return table([column, "precision"] + [ENGINES[kind] for kind in kinds]
                 + [f"limn ÷ {ENGINES[kind]}" for kind in others], rows)


def base_size(results):
    sizes = [(case.width, case.height) for case, _ in cases_of(results)]
    return (512, 512) if (512, 512) in sizes else sizes[0] if sizes else (512, 512)


def tables(results):
    threads, (width, height) = results["threads"], base_size(results)

    def is_base(case):
        return (case.width, case.height, case.batch) == (width, height, 1)

    def size(case):
        pictures = f", {case.batch} pictures ({2 * case.batch} rows)" if case.batch > 1 else ""
        return f"{STAGES[case.stage].split(',')[0]} {case.width}×{case.height}{pictures}"

    grown = {case.stage for case, _ in cases_of(results) if not is_base(case)}
    parts = [
        (f"Seconds at {width}×{height}, best (median)", comparison(
            results, lambda case: is_base(case) and case.threads == threads, lambda case: STAGES[case.stage], "stage")),
        ("Larger sizes", comparison(
            results, lambda case: case.threads == threads and not is_base(case), size, "stage and size")),
        ("One picture's time as it grows (seconds a million pixels, best)", growth(results, grown, threads)),
        ("Threads (best)", scaling(results, is_base)),
        ("Difference from PyTorch in f32 (relative L2), and largest resident memory of a process with the one stage",
         errors(results, is_base, threads)),
        ("The whole command, 512×512 with guidance, from start to PNG", whole(results)),
    ]
    return "\n\n".join(f"**{title}**\n\n{body}" for title, body in parts if body)


def growth(results, stages, threads):
    kinds, rows = present(results), []
    for case, found in cases_of(results):
        if case.stage not in stages or case.threads != threads:
            continue
        if case.precision == "f32" and all(
                other.is_base for other, _ in cases_of(results)
                if (other.stage, other.precision) == (case.stage, "f32")):
            continue
        pixels = case.width * case.height * case.batch / 1e6
        row = [f"{STAGES[case.stage].split(',')[0]} {case.width}×{case.height}, {case.batch}", case.precision]
        for kind in kinds:
            pair = seconds(found, kind)
            row.append(f"{pair[0] / pixels:.2f}" if pair else "–")
        rows.append(row)
    return table(["stage, size, pictures", "precision"] + [ENGINES[kind] for kind in kinds], rows)


def scaling(results, is_base):
    kinds, rows = present(results), []
    found = {(case.stage, case.precision, case.threads): values for case, values in cases_of(results) if is_base(case)}
    for (stage, precision, threads), values in found.items():
        many = found.get((stage, precision, results["threads"]))
        if threads != 1 or many is None or results["threads"] == 1:
            continue
        row = [STAGES[stage].split(",")[0], precision]
        for kind in kinds:
            one, all_of_them = seconds(values, kind), seconds(many, kind)
            row.append(f"{digits(one[0])} → {digits(all_of_them[0])}, {one[0] / all_of_them[0]:.2f}×"
                       if one and all_of_them else "–")
        rows.append(row)
    return table(["stage", "precision"] + [f"{ENGINES[kind]}, 1 → {results['threads']}" for kind in kinds], rows)


def errors(results, is_base, threads):
    kinds, rows = present(results), []
    for case, found in cases_of(results):
        if not is_base(case) or case.threads != threads:
            continue
        row = [STAGES[case.stage].split(",")[0], case.precision]
        for kind in kinds:
            one = found.get(kind, {})
            error = f"{one['error']:.1e}" if "error" in one else "not compared"
            row.append(f"{error}, {one['peak_memory'] / 1e9:.2f} GB" if one.get("peak_memory") else "–")
        rows.append(row)
    return table(["stage", "precision"] + [ENGINES[kind] for kind in kinds], rows)


def whole(results):
    rows = []
    for name, runs in results.get("whole", {}).items():
        best = min(runs, key=lambda run: run["total"])
        stages = best["stages"]
        rows.append([
            name.replace("/", ", "), digits(best["total"]), digits(stages["load"]),
            digits(best["first_step_begins"]) if "first_step_begins" in best else "–",
            digits(best["first_step_ends"]) if "first_step_ends" in best else "–",
            digits(stages["unet"]), digits(stages["vae_decoder"]), f"{best['peak_memory'] / 1e9:.2f} GB"])
    return table(["", "total, s", "loading", "first step begins after", "and ends after", "UNet", "VAE", "peak memory"],
                 rows)
