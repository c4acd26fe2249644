"""How the webui and ComfyUI read prompts.

    WEBUI=folder COMFYUI=folder python Tools/reference/prompts.py

Writes Tests/Fixtures/prompts/parses.json and chunks.json: prompts, and what the published functions make of them. The
functions are those of modules/prompt_parser.py and modules/sd_hijack_clip.py of WEBUI and of comfy/sd1_clip.py of
COMFYUI (needs.py); nothing of them is kept here.
"""

NEEDS = ["lark", "transformers", "COMFYUI", "WEBUI"]

import ast
import importlib.util
import itertools
import json
import os
import random
from types import SimpleNamespace

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Tests", "Fixtures")

WRITTEN = [
    "", " ", "normal text", "a, b , c", "an (important) word", "(unbalanced", "unbalanced)", "[unbalanced", "un]balanced",
    r"\(literal\]", r"a \[b\] \\ c", r"back\slash", "end\\", r"\(a:1.2\)", r"(a\):1.2)", "(unnecessary)(parens)",
    "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).", "((a))", "[[a]]", "([a])", "[(a)]", "(a:1.3)", "( a : 1.3 )",
    "(a: 1.3)", "(a:+.5)", "(a:-1)", "(a:0)", "(a:1.)", "a:1.3)", "(a:b:1.3)", "(a:1.3:b)", "(a:x)", "(:1.2)", "()", "[]",
    "(a)(b)", "(a:1.1)(b)", "a (b (c:2) d) e", "(a [b (c) d] e", "((a:1.2):1.5)", "[a:1.2]", "[a]:1.2",
    "a BREAK b", "BREAK", "a BREAK", "BREAK b", "a BREAK BREAK b", "a\nBREAK\nb", "aBREAK b", "BREAK, b", "break",
    "(a BREAK b)", "(a) BREAK (b:1.4)", "a BREAK(b)BREAK c", "[a BREAK b]", "日本語 (猫:1.2)、[犬]", "(猫:１.２)",
    "a　BREAK　b", "(é:1.5) ü", "a cat AND a dog", "a cat :1.2 AND a dog", "a cat :1.2 AND a dog:-0.5 ", "a cat:1.2",
    "a AND", "AND", "AND b", "a ANDb", "a_AND b", "bANd AND band", "a AND b AND c :.5", "a : 1.", "a :+2 ", "a:1:2", "a:1e5",
    "a:b", "(a:1.2) AND [b]:0.7", "a\nAND\nb : 0.5\n", "a AND b :１", "a [b:3]", "a [b: 3]", "a [b: 3 ]", "a [[[b]]:2]",
    "[(a:2):3]", "a [b : c : 1] d", "a[b:[c:d:2]:1]e", "a [b:.5] c", "a [{b|d{:.5] c", "((a][:b:c [d:3]", "[a|(b:1.1)]",
    "[fe|]male", "[fe|||]male", "[|a]", "[from:to:0.4]", "[to:0.4]", "[from::0.4]", "[:to:0.4]", "[::0.4]", "[:0.4]",
    "[from:to:4]", "[from:to:0]", "[from:to:-2]", "[from:to:-0.5]", "[from:to:1.0]", "[from:to:1]", "[from:to:100]",
    "[from:to:2.5]", "[from:to:5.]", "[from:to:1e-1]", "[from:to:2e0]", "[from:to:+3]", "[a:b:c:0.4]", "[a:b]", "[a:b:c]",
    "[a:0.2:0.6]", "[0.5]", "[a|b:0.5]", "[a:b|c:0.5]", "[a:[b|c]:0.5]", "[a|[b:c:3]|d]", "[[a|b]|c]", "a | b", "(a|b)",
    r"a \| b", r"[a\|b|c]", r"[a\:b:c:2]", "(a:b) [c:d:2]", "(a:b:c) [c:d:2]", "[x:[a:b]:0.5]", "[[a:b]:[c:d:0.3]:0.5]",
    "[a (b:0.5]", "[a b) c:d:0.5]", "(a [b:c:0.5)]", "[(a:1.2):(b:0.8):0.5]", "([a:b:0.5]:1.3)", "[a:b:0.5",
    "a [b:c:0.4] d [e|f] g [h::2]", "[the [red|blue] car:a (boat:1.2):0.5] BREAK at [dawn:dusk:4]",
    "[a cat:a dog:0.5] AND [x|y] :0.7", "[a AND b:c:0.5]", "fantasy landscape with a [mountain:lake:0.25] and [an oak:a "
    "christmas tree:0.75][ in foreground::0.6][: in background:0.25] [shoddy:masterful:0.5]",
    "(a:1e0)", "(a:1.2.3)", "(a: 1.2 )", "((a:1.2) b:1.5)", "(a (b) c:0.5)", "a) (b", ")(", "(a:inf)", "(a:1_0)", "(b :)", "((a)",
    "masterpiece, (best quality:1.2), 1girl, <word>, {x|y}", "a:b, c:d", "12:30 (noon)", "a\\", "[a:b:0.5\\]",
]


def written(count, alphabet, longest, seed):
    dice = random.Random(seed)
    return ["".join(dice.choice(alphabet) for _ in range(dice.randint(2, longest))) for _ in range(count)]


def load(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def functions(path, names):
    """Some functions of a file that cannot be imported by itself."""
    tree = ast.parse(open(path).read())
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in names]
    space = {}
    exec(compile(tree, path, "exec"), space)
    return space


def attempt(body):
    try:
        return body()
    except (ValueError, OverflowError):
        return None


def attention(webui, prompt):
    try:
        return webui.parse_prompt_attention(prompt)
    except TypeError:  # a variant of the webui wants the kind of emphasis named
        return webui.parse_prompt_attention(prompt, "Original")


def parse(webui, comfy, prompt, steps=6):
    indexes, flat, _ = webui.get_multicond_prompt_list(webui.SdConditioning([prompt]))
    schedule = webui.get_learned_conditioning_prompt_schedules([prompt], steps)[0]
    return {
        "prompt": prompt,
        "attention": attempt(lambda: attention(webui, prompt)),
        "composition": [[flat[index], weight] for index, weight in indexes[0]],
        "schedule": [list(entry) for entry in schedule],
        "comfy": [[comfy["unescape_important"](text), weight if abs(weight) < 1e300 else None]
                  for text, weight in comfy["token_weights"](comfy["escape_important"](prompt), 1.0)],
    }


def cut(path, webui):
    """What `tokenize_line` of the webui's text encoder makes of long prompts, with the tokenizer of the tests."""
    from transformers import CLIPTokenizer

    tree = ast.parse(open(path).read())
    methods = [node for kind in tree.body if isinstance(kind, ast.ClassDef) for node in kind.body
               if isinstance(node, ast.FunctionDef) and node.name == "tokenize_line"]
    chunk = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "PromptChunk"]
    tree.body = chunk + methods[:1]
    space = {"opts": SimpleNamespace(emphasis="Original", comma_padding_backtrack=20),
             "parsing": SimpleNamespace(parse_prompt_attention=lambda text, _: attention(webui, text)),
             "prompt_parser": webui}
    exec(compile(tree, path, "exec"), space)
    tokenizer = CLIPTokenizer.from_pretrained(os.path.join(FIXTURES, "tokenizers", "clip"))
    unknown = SimpleNamespace(find_embedding_at_position=lambda tokens, position: (None, None))
    engine = SimpleNamespace(
        chunk_length=75, comma_token=tokenizer.get_vocab().get(",</w>"), id_start=tokenizer.bos_token_id,
        id_end=tokenizer.eos_token_id, emphasis=SimpleNamespace(name="Original"), embeddings=unknown,
        hijack=SimpleNamespace(embedding_db=unknown),
        tokenize=lambda texts: tokenizer(texts, truncation=False, add_special_tokens=False)["input_ids"])
    dice = random.Random(4)
    prompts = ["", "a", "a BREAK b", "BREAK", "1 " * 75, "1 " * 76, "1 " * 75 + ", 1", "1 " * 54 + ", " + "1 " * 60]
    prompts += ["".join(dice.choice(["1 ", "(2 ", "3:1.2) ", ", ", "[4] ", "BREAK ", "cat "] if broken else
                                    ["1 ", "2 ", "(3) ", "cat ", "1 ", ", "]) for _ in range(dice.randint(90, 200)))
                for broken in [False, True] for _ in range(6)]
    cases = []
    for prompt in prompts:
        chunks, _ = space["tokenize_line"](engine, prompt)
        # Ids and weights in runs, for brevity.
        cases.append({"prompt": prompt, "ids": [chunk.tokens for chunk in chunks],
                      "weights": [[[weight, len(list(run))] for weight, run in itertools.groupby(chunk.multipliers)]
                                  for chunk in chunks]})
    return cases


def save(name, value):
    os.makedirs(os.path.join(FIXTURES, "prompts"), exist_ok=True)
    with open(os.path.join(FIXTURES, "prompts", name), "w") as file:
        json.dump(value, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


def main():
    webui = load(os.environ["WEBUI"] + "/modules/prompt_parser.py", "prompt_parser")
    comfy = functions(os.environ["COMFYUI"] + "/comfy/sd1_clip.py",
                      ["parse_parentheses", "token_weights", "escape_important", "unescape_important"])
    dice = written(90, ["a", "b ", "(", ")", "[", "]", ":", "|", "0.5", "2", "\\"], 14, 1)
    dice += written(60, ["a", " ", "(", ")", "[", "]", ":1.2)", ":0.5]", ":", "\\("], 16, 2)
    dice += written(20, ["a", "AND", "BREAK", " ", ":", "1.5", "\n"], 10, 3)
    prompts = list(dict.fromkeys(WRITTEN + dice))
    save("parses.json", {"steps": 6, "cases": [parse(webui, comfy, prompt) for prompt in prompts]})
    chunks = cut(os.environ["WEBUI"] + "/modules/sd_hijack_clip.py", webui)
    save("chunks.json", chunks)
    print(f"{len(prompts)} prompts, {len(chunks)} long ones")


if __name__ == "__main__":
    main()
