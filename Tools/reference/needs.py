"""What the scripts of this folder need, and whether it is there.

A script has `NEEDS` at its head, a list of names:
- packages, as requirements.txt pins them;
- `debian:NAME`, Debian packages;
- the names of other programs' files, below, which are not kept here. Each is a folder: the one that the environment
  variable of that name holds, or .venv/upstream/NAME.

Only Python's own library is used here: this must run where nothing is installed.
"""

import ast
import dataclasses
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
UPSTREAM = os.path.join(REPOSITORY, ".venv", "upstream")


@dataclasses.dataclass
class Files:
    """Files of another program, and the version that the committed fixtures were made with."""
    what: str
    # A text and the file in which it shows that this is that version.
    text: str
    file: str
    # A package of this name and version holds them, too.
    package: str = ""


FILES = {
    "KDIFFUSION": Files("the folder into which k-diffusion 0.1.1.post1 is unpacked", "Version: 0.1.1.post1",
                        "k_diffusion-0.1.1.post1.dist-info/METADATA", "k-diffusion==0.1.1.post1"),
    "COMFYUI": Files("a checkout of github.com/comfyanonymous/ComfyUI at v0.3.64", '"0.3.64"', "comfyui_version.py"),
    "WEBUI": Files("a checkout of github.com/AUTOMATIC1111/stable-diffusion-webui at v1.10.1", "## 1.10.",
                   "CHANGELOG.md"),
    "DYNTHRES": Files("a checkout of github.com/mcmonkeyprojects/sd-dynamic-thresholding at 73e4e04",
                      'version = "1.0.1"', "pyproject.toml"),
}
# Packages that are imported under another name.
IMPORTED_AS = {"PIL": "pillow", "lycoris": "lycoris-lora"}


def pins():
    """Versions by package, from requirements.txt."""
    with open(os.path.join(HERE, "requirements.txt"), encoding="utf-8") as file:
        return dict(line.split("==") for line in file.read().split() if "==" in line)


def of(script):
    """The NEEDS of a script, read without running it; None if it has none: a helper."""
    for node in tree(script).body:
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") == "NEEDS" for target in node.targets):
            return ast.literal_eval(node.value)
    return None


def tree(script):
    with open(os.path.join(HERE, script + ".py"), encoding="utf-8") as file:
        return ast.parse(file.read(), script + ".py")


def imports(script, seen=None):
    """The packages that a script imports, itself and through this folder's modules."""
    seen = set() if seen is None else seen
    found = set()
    if script in seen:
        return found
    seen.add(script)
    for node in ast.walk(tree(script)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else \
            [node.module] if isinstance(node, ast.ImportFrom) else []
        for name in {name.split(".")[0] for name in names}:
            if os.path.exists(os.path.join(HERE, name + ".py")):
                found |= imports(name, seen)
            elif name not in sys.stdlib_module_names and \
                    not os.path.exists(os.path.join(REPOSITORY, "Tools", "train", name + ".py")):
                found.add(IMPORTED_AS.get(name, name))
    return found


def folder(name):
    return os.environ.get(name) or os.path.join(UPSTREAM, name)


def fetch(name):
    """Unpacks files that a package holds into .venv/upstream, if they are neither there nor given."""
    files = FILES.get(name)
    if files is None or not files.package or os.path.exists(folder(name)):
        return
    if subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder(name),
                       files.package]).returncode:
        shutil.rmtree(folder(name), ignore_errors=True)


def problem(need, pinned):
    """Why a need is not met, for people; None if it is."""
    if need in FILES:
        files, place = FILES[need], folder(need)
        if not os.path.isdir(place):
            return f"{need}: give {files.what}, as the environment variable {need}"
        try:
            with open(os.path.join(place, files.file), encoding="utf-8") as file:
                is_right = files.text in file.read()
        except OSError:
            is_right = False
        return None if is_right else f"{need}: {files.file} in {place} does not hold {files.text!r}; give {files.what}"
    if need.startswith("debian:"):
        package = need.removeprefix("debian:")
        asked = ["dpkg-query", "-W", "-f", "${db:Status-Status}", package]
        there = shutil.which("dpkg-query") and subprocess.run(asked, capture_output=True, text=True).stdout
        return None if there == "installed" else f"the Debian package {package} is not installed"
    if need not in pinned:
        return f"{need} is not among the versions in requirements.txt"
    try:
        version = re.sub(r"\+.*", "", metadata.version(need))  # "+cpu" names a build
    except metadata.PackageNotFoundError:
        return f"{need}=={pinned[need]} is not installed"
    return None if version == pinned[need] else f"{need}=={pinned[need]} is needed, {version} is installed"
