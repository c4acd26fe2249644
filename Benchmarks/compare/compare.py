#!/usr/bin/env python3
"""Limn beside OpenVINO, PyTorch and stable-diffusion.cpp: the same shapes, weights and values, in turns.

    make compare                                         # or:
    python3 Benchmarks/compare/compare.py                # everything, some 15 minutes after the first time
    python3 Benchmarks/compare/compare.py --quick        # 256×256, a minute or two; writes no documents
    python3 Benchmarks/compare/compare.py --only unet/bf16 --rounds 2
    python3 Benchmarks/compare/compare.py --report       # table and chart anew from the last results

README.md, beside this file, tells more.
"""
import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import venv
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ENVIRONMENT = HERE / ".venv"
RESULTS = ROOT / "bench-results" / "compare"


def parsed():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--limn", default=ROOT / ".build/release/limn", help="the program (default: what `make` built)")
    words.add_argument("--sd-cpp", metavar="PATH", help="stable-diffusion.cpp's program, to take part (untested)")
    words.add_argument("--python", help="a Python that has requirements.txt installed, in place of .venv")
    caches = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    words.add_argument("--cache", default=caches / "limn-compare",
                       help="where random weights, converted models and references lie, 7 GB (default: %(default)s)")
    words.add_argument("--only", metavar="REGEX", help="only cases whose name this finds, such as unet/bf16/512x512")
    words.add_argument("--engines", default="limn,openvino,pytorch", help="(default: %(default)s)")
    words.add_argument("--rounds", type=int, default=3, help="turns of each engine a case (default: 3)")
    words.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="(default: all)")
    words.add_argument("--steps", type=int, default=20, help="of the whole command (default: 20)")
    words.add_argument("--full", action="store_true", help="larger sizes in f32 too: some 20 minutes more")
    words.add_argument("--quick", action="store_true", help="256×256 alone, one round")
    words.add_argument("--resume", action="store_true", help="keep what the last run measured, go on after it")
    words.add_argument("--report", action="store_true", help="measure nothing; write the last results down")
    words.add_argument("--list", action="store_true", help="name the cases, and stop")
    return words.parse_args()


def tell(text):
    print(f"{datetime.datetime.now():%H:%M:%S} {text}", file=sys.stderr, flush=True)


def run_in_environment(arguments):
    """Starts again under a Python that has the peers, which is made if need be."""
    python = Path(arguments.python) if arguments.python else ENVIRONMENT / "bin/python"
    if os.environ.get("LIMN_COMPARE") == "1":
        return
    if not arguments.python:
        stamp, wanted = ENVIRONMENT / "installed", (HERE / "requirements.txt").read_text()
        if not stamp.exists() or stamp.read_text() != wanted:
            tell(f"setting up the peers in {ENVIRONMENT} (1 GB)")
            venv.create(ENVIRONMENT, with_pip=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"], check=True)
            stamp.write_text(wanted)
    os.execve(python, [str(python), str(HERE / "compare.py"), *sys.argv[1:]], os.environ | {"LIMN_COMPARE": "1"})


def measure(arguments, cases, results, save):
    import numpy as np

    import engines
    import names

    cache = Path(arguments.cache)
    cache.mkdir(parents=True, exist_ok=True)
    taking_part = []
    for name in arguments.engines.split(","):
        taking_part.append(engines.Limn(arguments.limn, cache) if name == "limn" else engines.Peer(name, cache))
    if arguments.sd_cpp:
        taking_part.append(engines.StableDiffusionCpp(arguments.sd_cpp, cache))
    # In a process of its own, so that this one stays small beside what it measures.
    subprocess.run([sys.executable, HERE / "model.py", cache, ROOT / "tokenizer"], text=True, check=True,
                   input=json.dumps([asdict(case) for case in cases]))

    group = None
    for index, case in enumerate(cases):
        if case.name in results["cases"]:
            continue
        if group != (case.stage, case.precision, case.threads):
            for engine in taking_part:
                engine.close()
            group = (case.stage, case.precision, case.threads)
        tell(f"{index + 1} of {len(cases)}: {case.name}")
        reference = np.load(names.reference_file(cache, case))
        found = {}
        for turn in range(turns(case, arguments.rounds)):
            # Another one begins each time, so that nobody always follows the same.
            order = taking_part[turn % len(taking_part):] + taking_part[:turn % len(taking_part)]
            for engine in order:
                if not engine.can_run(case) or found.get(engine.kind, {}).get("failed"):
                    continue
                one = found.setdefault(engine.kind, {"seconds": [], "peak_memory": 0})
                output = cache / "output.npy" if turn == 0 and engine.kind != "stable-diffusion.cpp" else None
                try:
                    answer = engine.run(case, repeats(case, one["seconds"]), output)
                except engines.Failure as failure:
                    tell(f"  {failure}")
                    one["failed"] = str(failure)
                    continue
                one["seconds"] += answer["seconds"]
                one["peak_memory"] = max(one["peak_memory"], answer["peak_memory"])
                if "details" in answer:
                    one["details"] = answer["details"]
                if output:
                    one["error"] = relative_error(np.load(output), reference)
                    output.unlink()
                shown = f", error {one['error']:.1e}" if output else ""
                tell(f"  {engine.kind}: best {min(answer['seconds']):.3f} s{shown}")
                if one.get("error", 0) > TOLERANCE[case.precision]:
                    one["failed"] = f"its values differ from PyTorch's in f32 by {one['error']:.2g} (relative L2)"
                    tell(f"  {engine.kind}: {one['failed']}")
        results["cases"][case.name] = found
        save()
    for engine in taking_part:
        engine.close()


# Relative L2 error above which an engine does not compute the same thing.
TOLERANCE = {"f32": 1e-3, "bf16": 0.1}


def turns(case, rounds):
    """What takes many times as long gets one turn less."""
    return rounds if case.is_base else max(1, rounds - 1)


def repeats(case, seconds):
    """Short stages run more often within a turn; of the first turn nothing is known."""
    if not seconds:
        return 2 if case.is_base else 1
    return max(1, min(10, int(2 / min(seconds))))


def relative_error(values, reference):
    import numpy as np

    if values.shape != reference.shape or not np.isfinite(values).all():
        return float("inf")
    return float(np.linalg.norm((values - reference).astype(np.float64)) / np.linalg.norm(reference))


def measure_whole(arguments, results, save):
    import whole

    # The longer one once.
    for precision, count in (("bf16", 2), ("f32", 1)):
        name = f"{precision}/{arguments.steps} steps/t{arguments.threads}"
        if name in results["whole"]:
            continue
        runs = []
        for turn in range(count):
            tell(f"whole command, {name}, run {turn + 1} of {count}")
            runs.append(whole.run(arguments.limn, arguments.cache, precision, arguments.steps, arguments.threads))
            tell(f"  {runs[-1]['total']:.2f} s; first step ends after {runs[-1].get('first_step_ends', 0):.2f} s")
        results["whole"][name] = runs
        save()


def measure_peaks(arguments, results):
    """The machine's peak by precision and threads, as limn measures it."""
    for threads in sorted({1, arguments.threads}):
        run = subprocess.run(
            [str(arguments.limn), "bench", "icons-128", "-q", "--json", "--repeat", "3", "-t", str(threads)],
            capture_output=True, text=True, check=True)
        answer = json.loads(run.stdout)
        results["peaks"][str(threads)] = answer["peak_gflops"]
        results["kernels"] = answer["kernels"]


def main():
    arguments = parsed()
    sys.path.insert(0, str(HERE))
    from cases import all_cases, quick_cases

    cases = quick_cases(arguments.threads) if arguments.quick else all_cases(arguments.threads, arguments.full)
    wants_whole = not arguments.quick
    if arguments.only:
        cases = [case for case in cases if re.search(arguments.only, case.name)]
        wants_whole = re.search(arguments.only, "whole") is not None
    if arguments.list:
        print("\n".join([case.name for case in cases] + ["whole"] * wants_whole))
        return
    run_in_environment(arguments)

    import chart
    import machine
    import report

    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / ("quick.json" if arguments.quick else "results.json")
    if arguments.report:
        report.write(json.loads(path.read_text()), ROOT)
        return
    if not Path(arguments.limn).exists():
        raise SystemExit(f"{arguments.limn} is not there; run `make` first, or give --limn")
    results = {"cases": {}, "whole": {}, "peaks": {}}
    # A part of the cases is added to what there is; all of them begin anew.
    if (arguments.resume or arguments.only) and path.exists():
        results = json.loads(path.read_text())
        if not arguments.resume:
            for case in cases:
                results["cases"].pop(case.name, None)
            if wants_whole:
                results["whole"] = {}

    def save():
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(results, indent=1))
        temporary.replace(path)

    results["machine"] = machine.describe()
    results["date"] = f"{datetime.date.today()}"
    results["threads"] = arguments.threads
    if arguments.quick:
        arguments.rounds = 1
    results["rounds"] = arguments.rounds
    results["versions"] = versions()
    measure_peaks(arguments, results)
    measure(arguments, cases, results, save)
    if wants_whole:
        measure_whole(arguments, results, save)
    save()
    print(report.tables(results))
    chart.draw(results, path.with_suffix(".png"))
    missing = [case.name for case in all_cases(arguments.threads) if case.name not in results["cases"]]
    if not arguments.quick and not missing and results["whole"]:
        report.write(results, ROOT)
    elif not arguments.quick:
        tell("the documents are written once everything is measured; --report writes them now")
    failed = [f"{name}: {kind}: {one['failed']}" for name, found in results["cases"].items()
              for kind, one in found.items() if "failed" in one]
    if failed:
        raise SystemExit("\n".join(["these failed:", *failed]))


def versions():
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "diffusers", "transformers", "openvino")}


if __name__ == "__main__":
    main()
