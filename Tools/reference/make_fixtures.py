"""Makes every fixture anew: runs all scripts of this folder, one after another.

    python Tools/reference/make_fixtures.py [script …]      # from anywhere; names without .py

What a script needs is in its NEEDS (needs.py). One whose needs are not met is left out, by name; one that fails does
not keep the others from running. Ends with 1 if one failed, or if one that was named was left out.
"""

import os
import subprocess
import sys
import time

import needs

# They make what others read; the rest does not care.
FIRST = ["tokenization", "models", "pipelines", "families", "sentencepieces", "originals"]


def scripts():
    """All scripts in the order to run in. A file without NEEDS is no script but a helper."""
    found = sorted(file.removesuffix(".py") for file in os.listdir(needs.HERE) if file.endswith(".py"))
    found = [name for name in found if needs.of(name) is not None]
    unknown = [name for name in FIRST if name not in found]
    assert not unknown, f"FIRST names what is no script: {unknown}"
    return FIRST + [name for name in found if name not in FIRST]


def main():
    named = [name.removesuffix(".py") for name in sys.argv[1:]]
    everything = scripts()
    unknown = [name for name in named if name not in everything]
    if unknown:
        sys.exit(f"{', '.join(unknown)}: no such script; there are {', '.join(everything)}")
    pinned, skipped, failed = needs.pins(), {}, []
    for name in named or everything:
        wanted = needs.of(name)
        undeclared = needs.imports(name) - set(wanted)
        if undeclared:
            sys.exit(f"{name}.py imports {', '.join(sorted(undeclared))}, which its NEEDS do not name")
        for need in wanted:
            needs.fetch(need)
        problems = [problem for need in wanted if (problem := needs.problem(need, pinned))]
        if problems:
            skipped[name] = problems
            continue
        print(f"== {name}", flush=True)
        start = time.monotonic()
        given = {need: needs.folder(need) for need in wanted if need in needs.FILES}
        if subprocess.run([sys.executable, os.path.join(needs.HERE, name + ".py")], cwd=needs.REPOSITORY,
                          env={**os.environ, **given}).returncode:
            failed.append(name)
        print(f"   {time.monotonic() - start:.0f} s", flush=True)
    for name, problems in skipped.items():
        print(f"SKIPPED {name}:\n" + "\n".join("    " + problem for problem in problems), file=sys.stderr)
    for name in failed:
        print(f"FAILED {name}", file=sys.stderr)
    made = len(named or everything) - len(skipped) - len(failed)
    print(f"{made} scripts ran, {len(skipped)} were left out, {len(failed)} failed")
    sys.exit(1 if failed or (named and skipped) else 0)


if __name__ == "__main__":
    main()
