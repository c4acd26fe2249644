"""Makes every fixture anew: runs all scripts of this folder that write any, one after another.

    python Tools/reference/make_fixtures.py [script …]      # from the repository's root; names without .py
"""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
HELPERS = {"common", "runs", "lowercasing", "make_fixtures", "check_conversions", "prompts",
            "lora_common", "lora_trainers", "lora_lycoris", "lora_originals"}
# Pipelines use the tokenizers' fixtures; the rest does not care.
FIRST = ["tokenization", "tokenizers", "models", "pipelines"]


def main():
    found = sorted(f.removesuffix(".py") for f in os.listdir(HERE) if f.endswith(".py"))
    scripts = [s for s in FIRST if s in found] + [s for s in found if s not in HELPERS | set(FIRST)]
    for name in sys.argv[1:] or scripts:
        print(f"== {name}", flush=True)
        subprocess.run([sys.executable, os.path.join(HERE, name + ".py")], check=True,
                       cwd=os.path.dirname(os.path.dirname(HERE)))


if __name__ == "__main__":
    main()
