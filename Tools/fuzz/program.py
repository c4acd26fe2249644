"""Runs the whole program on damaged files: models' folders, single files, LoRAs, embeddings, pictures, prompts.

    python3 Tools/fuzz/program.py .build/release/limn --seconds 3600

A run's number decides its files and its damage, so `--first N --runs 1` does one again. What counts as found: an exit
code other than 0, 1 and 64, a run of more than 10 seconds, more than 1.5 GB of memory, an error without a word, or a
picture left half-written. The command and its files then stay in `--found`. Needs nothing but Python and the fixtures.
"""

import argparse
import concurrent.futures
import io
import json
import os
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Tests", "Fixtures")
SECONDS, BYTES = 10, 1_500_000_000
QUICK = ["--steps", "1", "-s", "1", "-t", "1", "-q"]

FOLDERS = ("pipeline-a", "pipeline-b", "pipeline-alt", "pipeline-edit", "pipeline-inpaint", "pipeline-japanese",
           "pipeline-lcm", "pipeline-sd2", "pipeline-t5", "pipeline-xl", "pipeline-xl-refiner")
SINGLE = ("originals/sd1.safetensors", "originals/sd2.safetensors", "originals/xl.safetensors")
LORAS = ("kohya.safetensors", "kohya-dora.safetensors", "kohya.pt", "peft.safetensors", "peft-dora.safetensors",
         "loha.safetensors", "lokr.safetensors", "locon-core.safetensors", "differences.safetensors",
         "old-diffusers.safetensors")
EMBEDDINGS = (("pipeline-a", "embeddings-a/Leaf.safetensors"), ("pipeline-b", "embeddings-b/learned_embeds.safetensors"),
              ("pipeline-b", "embeddings-b/style.pt"), ("pipeline-alt", "embeddings-alt/learned_embeds.bin"),
              ("pipeline-xl", "embeddings-xl/ink-style.safetensors"))
# Texts that other programs write into pictures.
RECORDS = {
    "parameters": "a red apple, (ripe:1.2) <lora:ink:0.5>\nNegative prompt: blurry\nSteps: 2, Sampler: DPM++ 2M, "
                  "Schedule type: Karras, CFG scale: 4, Seed: 7, Size: 64x64, Model: x, Denoising strength: 0.5, "
                  "Clip skip: 2, TI hashes: \"a: 1, b: 2\", Version: v1.10.1",
    "prompt": json.dumps({
        "3": {"class_type": "KSampler", "inputs": {
            "seed": 5, "steps": 2, "cfg": 4.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0,
            "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "x.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red apple", "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "x"}}}),
    "json": json.dumps({"sui_image_params": {"prompt": "apple", "seed": 1, "steps": 2, "cfgscale": 4, "width": 64,
                                             "height": 64, "sampler": "euler"}}),
}


def fixture(*names):
    return os.path.join(FIXTURES, *names)


# ---- Damage

NUMBERS = ["-1", "0", "1", "2", "3", "63", "64", "65", "4096", "65536", "1000000", "2147483648", "4294967295",
           "9223372036854775807", "9223372036854775808", "18446744073709551616", "1e400", "-1e400", "1e-400", "0.5",
           "NaN", "Infinity", "-Infinity", "null", "true", "\"x\"", "[]", "{}", "[1, 2]", "-0", "00", "1.0", "1e2"]
TEXTS = ["", "x", "\u0000", "é", "\ud83d\ude00", "../../../etc/passwd", "a" * 5000, "%s%n", "{", "}", "(", ":", "<lora:",
         "embedding:", "|", "\\", "\n", "\u202e", "NaN"]


def bytes_damaged(data, rng):
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        kind, at = rng.randrange(9), rng.randrange(len(data) + 1)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif kind == 1 and data:
            data[at % len(data)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, 0xC3, 0xED, rng.randrange(256)))
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            del data[at:at + rng.choice((1, 2, 4, 8, 64))]
        elif kind == 4:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.choice((1, 2, 4, 8))))
        elif kind == 5:
            piece = data[at:at + rng.choice((1, 4, 16, 256))]
            data[at:at] = piece * rng.choice((1, 2, 100))
        elif kind == 6 and len(data) >= 8:
            start = at % (len(data) - 7)
            size = rng.choice((1, 2, 4, 8))
            value = rng.choice((0, 1, 2 ** (8 * size) - 1, 2 ** (8 * size - 1), 2 ** (8 * size - 1) - 1,
                                rng.randrange(2 ** (8 * size))))
            data[start:start + size] = value.to_bytes(size, rng.choice(("little", "big")))
        elif kind == 7:
            data[at:at] = rng.choice((b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x00", b"\xef\xbb\xbf"))
        elif kind == 8 and data:
            end = rng.randrange(len(data) + 1)
            data[min(at, end):max(at, end)] = bytes(max(at, end) - min(at, end))
    return bytes(data)


def text_damaged(data, rng):
    """Of JSON and other texts: a number, word or text in them becomes another; or bytes are damaged."""
    if rng.random() < 0.35:
        return bytes_damaged(data, rng)
    for _ in range(rng.choice((1, 1, 2, 3))):
        places = list(re.finditer(rb'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|\[[^\[\]]*\]', data))
        if not places:
            return bytes_damaged(data, rng)
        place = rng.choice(places)
        if rng.random() < 0.15:
            new = bytes_damaged(place[0], rng)
        elif place[0].startswith(b'"') and rng.random() < 0.6:
            new = json.dumps(rng.choice(TEXTS)).encode("utf-8", "surrogatepass")
        elif rng.random() < 0.3:
            new = rng.choice(places)[0]
        else:
            new = rng.choice(NUMBERS).encode()
        data = data[:place.start()] + new + data[place.end():]
    return data


def safetensors_damaged(data, rng):
    """The header as a text, its length made right again; or bytes, or values that no weight has."""
    size = struct.unpack("<Q", data[:8])[0]
    kind = rng.random()
    if kind < 0.6 and size <= len(data) - 8:
        header = text_damaged(data[8:8 + size], rng)
        return struct.pack("<Q", len(header)) + header + data[8 + size:]
    if kind < 0.8 and len(data) > size + 12:
        at = 8 + size + rng.randrange(len(data) - 8 - size - 3)
        value = struct.pack("<f", rng.choice((float("nan"), float("inf"), 3e38, -3e38, 1e-40, 0.0)))
        return data[:at] + value + data[at + 4:]
    return bytes_damaged(data, rng)


def zip_damaged(data, rng):
    """One entry of a PyTorch file, its checksum made right again; or the file's bytes."""
    if rng.random() < 0.4 or not zipfile.is_zipfile(io.BytesIO(data)):
        return bytes_damaged(data, rng)
    source, target = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    names = source.namelist()
    pickles = [name for name in names if name.endswith(".pkl")]
    chosen = rng.choice(pickles if pickles and rng.random() < 0.7 else names)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for name in names:
            content = source.read(name)
            new.writestr(name, bytes_damaged(content, rng) if name == chosen else content)
    return target.getvalue()


def png_chunks(data):
    at, chunks = 8, []
    while at + 12 <= len(data):
        size = struct.unpack(">I", data[at:at + 4])[0]
        chunks.append((data[at + 4:at + 8], data[at + 8:at + 8 + size]))
        at += 12 + size
    return chunks


def png_made(chunks):
    parts = [struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
             for kind, body in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def png_damaged(data, rng):
    """A chunk, its checksum made right again, pixels damaged before they are packed; or the file's bytes."""
    if rng.random() < 0.3:
        return bytes_damaged(data, rng)
    chunks = png_chunks(data)
    if not chunks:
        return bytes_damaged(data, rng)
    at = rng.randrange(len(chunks))
    kind, body = chunks[at]
    change = rng.randrange(5)
    if change == 0:
        chunks[at] = (kind, text_damaged(body, rng) if kind in (b"tEXt", b"iTXt") else bytes_damaged(body, rng))
    elif change == 1:
        del chunks[at]
    elif change == 2:
        chunks.insert(rng.randrange(len(chunks)), chunks[at])
    elif change == 3:
        chunks[at] = (rng.choice((b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"iCCP", b"gAMA", b"PLTE", b"tRNS", b"IDAT",
                                  b"IHDR", b"acTL", b"cICP", b"bKGD", bytes(rng.randrange(65, 123) for _ in range(4)))),
                      body)
    else:
        exif = (b"MM\x00*" if rng.random() < 0.5 else b"II*\x00") + bytes_damaged(bytes.fromhex(
            "00000008000101120003000000010006000000000000"), rng)
        chunks.insert(1, (b"eXIf", exif))
    return png_made(chunks)


def damaged(path, rng):
    with open(path, "rb") as file:
        data = file.read()
    if path.endswith(".safetensors"):
        new = safetensors_damaged(data, rng)
    elif path.endswith((".json", ".txt", ".csv")):
        new = text_damaged(data, rng)
    elif path.endswith((".pt", ".bin", ".ckpt")):
        new = zip_damaged(data, rng)
    elif path.endswith(".png"):
        new = png_damaged(data, rng)
    else:
        new = bytes_damaged(data, rng)
    os.unlink(path)                              # it may be a link to a fixture
    with open(path, "wb") as file:
        file.write(new)


# ---- Runs: each puts files into a folder, damages some, and says how the program is called

def linked(source, target):
    """A tree of links, of which those that are damaged become files."""
    for folder, _, names in os.walk(source):
        inside = os.path.join(target, os.path.relpath(folder, source))
        os.makedirs(inside, exist_ok=True)
        for name in names:
            os.symlink(os.path.join(folder, name), os.path.join(inside, name))


def put(source, folder, name=None):
    target = os.path.join(folder, name or os.path.basename(source))
    shutil.copyfile(source, target)
    return target


def model_files(folder):
    """What a model's folder has, without what the fixtures keep beside it."""
    return [os.path.join(inside, name) for inside, _, names in os.walk(folder) for name in sorted(names)
            if inside != folder or name in ("model_index.json", "limn.json")]


def a_folder(rng, folder):
    model = os.path.join(folder, "model")
    name = rng.choice(FOLDERS)
    linked(fixture(name), model)
    files = sorted(model_files(model))
    texts = [file for file in files if not file.endswith(".safetensors")]
    for _ in range(rng.choice((1, 1, 2))):
        damaged(rng.choice(texts if rng.random() < 0.65 else files), rng)
    command = rng.random()
    if command < 0.7:
        picture = ["-i", fixture("pipeline-a", "init.png")] if "edit" in name else []
        return ["-p", "a red apple", "-m", model, "-o", "out.png", *QUICK, *picture]
    if command < 0.8:
        return ["inspect", model]
    if command < 0.9:
        return ["tokenize", "-m", model, "a (red:1.2) apple", "--prompt-style", "webui"]
    return ["convert", model, "-o", "out.safetensors"]


def a_single_file(rng, folder):
    files = [fixture(name) for name in SINGLE if os.path.exists(fixture(name))]
    model = put(rng.choice(files), folder, "model.safetensors")
    damaged(model, rng)
    return rng.choice((["-p", "a red apple", "-m", model, "-o", "out.png", *QUICK], ["inspect", model],
                       ["convert", model, "-o", "out"]))


def a_lora(rng, folder):
    source = rng.choice(LORAS)
    lora = put(fixture("loras", source), folder, "ink" + os.path.splitext(source)[1])
    damaged(lora, rng)
    how = ["-p", "a red apple", "--lora", f"{lora}:0.8"] if rng.random() < 0.5 else \
        ["-p", "a <lora:ink:0.5> apple", "--lora-dir", folder, "--prompt-style", "webui"]
    return rng.choice((["-m", fixture("pipeline-a"), "-o", "out.png", *how, *QUICK], ["inspect", lora]))


def an_embedding(rng, folder):
    model, source = rng.choice(EMBEDDINGS)
    word = put(fixture(source), folder)
    damaged(word, rng)
    name = os.path.splitext(os.path.basename(word))[0]
    return ["-p", f"a {name} apple", "-m", fixture(model), "--embedding", word, "-o", "out.png", *QUICK]


def a_picture(rng, folder):
    names = [name for name in os.listdir(fixture("images")) if name.endswith(".png")]
    picture = put(fixture("images", rng.choice(sorted(names))), folder, "in.png")
    for _ in range(rng.choice((1, 1, 2))):
        damaged(picture, rng)
    model = ["-m", fixture("pipeline-a"), "-o", "out.png", *QUICK]
    if rng.random() < 0.3:
        return ["-p", "pear", "-i", fixture("pipeline-a", "init.png"), "--mask", picture, *model]
    return ["-p", "pear", "-i", picture, "--strength", "1", *model]


def a_record(rng, folder):
    """A picture whose text says how it was made: Limn's own, or another program's."""
    chunks = [chunk for chunk in png_chunks(open(fixture("pipeline-a", "ddim.png"), "rb").read())
              if chunk[0] not in (b"tEXt", b"iTXt", b"zTXt")]
    kind = rng.choice((*RECORDS, "own"))
    if kind == "own":
        own = png_chunks(OWN)
        texts = [chunk for chunk in own if chunk[0] in (b"tEXt", b"iTXt", b"zTXt")]
    else:
        texts = [(b"tEXt", ("parameters" if kind == "json" else kind).encode() + b"\0" + RECORDS[kind].encode())]
    at = rng.randrange(len(texts))
    name, body = texts[at]
    keyword, _, text = body.partition(b"\0")
    texts[at] = (name, keyword + b"\0" + text_damaged(text, rng) if rng.random() < 0.9 else bytes_damaged(body, rng))
    picture = os.path.join(folder, "record.png")
    with open(picture, "wb") as file:
        file.write(png_made(chunks[:1] + texts + chunks[1:]))
    if rng.random() < 0.3:
        return ["info", picture]
    return ["--from", picture, "-m", fixture("pipeline-a"), "-o", "out.png", "-t", "1", "-q", "--steps", "1"]


def a_prompt(rng, folder):
    """Prompts, files of prompts and styles that are full of signs."""
    pieces = ["a", "red apple", "(", ")", "((", "[", "]", "{", "}", "|", ":", "1.2", "-1", "1e9", "\\", "<lora:", ">",
              "BREAK", "AND", "embedding:", "__colour__", "[a:b:0.5]", "(x:1.1)", "{2$$a|b}", "\n", "é", "\U0001F34E",
              "\u0000".replace("\u0000", ""), ",", "  ", "x" * 300, "\u202e", "\u0301"]
    prompt = "".join(rng.choice(pieces) + rng.choice(("", " ")) for _ in range(rng.randrange(1, 40))) or "x"
    style = ["--prompt-style", rng.choice(("plain", "webui", "comfyui"))]
    if rng.random() < 0.3:
        style += ["--wildcards"]
    if rng.random() < 0.2:
        file = os.path.join(folder, "prompts.txt")
        with open(file, "wb") as out:
            out.write(bytes_damaged("\n".join([prompt, "a pear --steps 1 --seed 3", "# no"]).encode(), rng))
        return ["--prompt-file", file, "-m", fixture("pipeline-a"), "-o", "out.png", *QUICK]
    return ["-m", fixture("pipeline-a"), "-o", "out.png", *QUICK, *style, "-p", prompt]


KINDS = ((a_folder, 8), (a_single_file, 3), (a_lora, 3), (an_embedding, 2), (a_picture, 3), (a_record, 4), (a_prompt, 2))
OWN = b""


def run(program, number, found):
    """One run; what was found, in a line, or None."""
    rng = random.Random(number)
    with tempfile.TemporaryDirectory(prefix="limn-fuzz-") as folder:
        make = rng.choices([kind for kind, _ in KINDS], [weight for _, weight in KINDS])[0]
        command = make(rng, folder)
        problem, errors = outcome(program, command, folder)
        if not problem:
            return None
        kept = os.path.join(found, str(number))
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(folder, kept)
        with open(os.path.join(kept, "command.txt"), "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(f"{problem}\n{command!r}\n{errors}\n")
        return f"run {number}, {make.__name__}: {problem}; its files are in {kept}"


def outcome(program, command, folder):
    """What is wrong with how the program ended, if anything, and what it said on standard error."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    with open(os.path.join(folder, "stderr.txt"), "wb") as errors:
        start = time.monotonic()
        process = subprocess.Popen([program, *command], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=errors, env=environment, preexec_fn=limited)
        status, usage = waited(process, 6 * SECONDS)
        seconds = usage.ru_utime + usage.ru_stime if status is not None else time.monotonic() - start
    with open(os.path.join(folder, "stderr.txt"), "rb") as file:
        said = file.read(20_000).decode("utf-8", "replace")
    if status is None:
        return f"still running after {6 * SECONDS} seconds", said
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1, 64):
        return f"exit code {code}", said
    if seconds > SECONDS:
        return f"{seconds:.1f} seconds of processor time", said
    if usage.ru_maxrss * 1024 > BYTES:
        return f"{usage.ru_maxrss >> 10} MiB", said
    if code and not said.strip():
        return f"exit code {code} without a word", said
    if code and command[0] != "inspect" and [name for name in os.listdir(folder) if name.startswith(("out", ".out"))]:
        return "it failed and left output behind", said
    return None, said


def limited():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def waited(process, seconds):
    """Exit status and usage; the status None where it had to be killed."""
    deadline = time.monotonic() + seconds
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return status, usage
        if time.monotonic() > deadline:
            os.kill(process.pid, signal.SIGKILL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            return None, usage
        time.sleep(0.01)


def own_picture(program):
    """A picture of Limn's own, for its record."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "-p", "a red apple", "-n", "blurry", "-m", fixture("pipeline-a"), "-o", "own.png",
                        "--guidance-end", "0.5", "--variation-strength", "0.1", *QUICK], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL)
        with open(os.path.join(folder, "own.png"), "rb") as file:
            return file.read()


def main():
    global OWN
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the program, such as .build/release/limn")
    parser.add_argument("--seconds", type=float, default=600, help="how long to go on (600)")
    parser.add_argument("--runs", type=int, help="or so many runs")
    parser.add_argument("--first", type=int, default=0, help="the first run's number (0)")
    parser.add_argument("--found", default=".build/fuzz-program", help="where what was found is kept")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="how many runs at a time")
    arguments = parser.parse_args()
    program = os.path.abspath(arguments.program)
    os.makedirs(arguments.found, exist_ok=True)
    OWN = own_picture(program)
    deadline = time.monotonic() + arguments.seconds
    numbers = iter(range(arguments.first, arguments.first + arguments.runs if arguments.runs else sys.maxsize))
    done = found = 0
    reported = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        pending = set()
        while True:
            while len(pending) < arguments.jobs and (arguments.runs or time.monotonic() < deadline):
                number = next(numbers, None)
                if number is None:
                    break
                pending.add(pool.submit(run, program, number, arguments.found))
            if not pending:
                break
            finished, pending = concurrent.futures.wait(pending, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in finished:
                done += 1
                if future.result():
                    found += 1
                    print(future.result(), flush=True)
            if time.monotonic() - reported > 60:
                print(f"{done} runs, {found} found", file=sys.stderr, flush=True)
                reported = time.monotonic()
    print(f"{done} runs from number {arguments.first}, {found} found")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
