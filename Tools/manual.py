#!/usr/bin/env python3
"""Writes manual pages from what the program says of itself: Tools/manual.py PROGRAM FOLDER

limn.1 is about the whole program, limn-generate.1 and so on about one subcommand each. The text is that of the help,
as swift-argument-parser gives it out. (The parser's own generator of manual pages drops every character that is not
ASCII, and names pages such that `man limn generate` does not find them.)
"""

import json
import os
import subprocess
import sys
import time

ENVIRONMENT = [
    ("LIMN_MODEL", "The model to use if --model is not given: a folder or a checkpoint file."),
    ("LIMN_TOKENIZER", "The folder of the CLIP tokenizer for checkpoint files, which contain none."),
    ("LIMN_KERNELS", "The set of kernels to use instead of the fastest that the CPU can run: amx, avx512bf16, avx512, "
                     "avx2, neon or portable."),
]
EXIT = [
    ("0", "Success."),
    ("1", "A failure: the message on standard error says which."),
    ("64", "Wrong usage, such as an unknown option."),
    ("130, 143", "Stopped by Ctrl-C or by SIGTERM."),
]


def escaped(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return "\n".join("\\&" + line if line.startswith(".") else line for line in text.split("\n"))


def bold(text):
    return f"\\fB{escaped(text)}\\fR"


def italic(text):
    return f"\\fI{escaped(text)}\\fR"


def quoted(text):
    return '"' + escaped(text).replace('"', '\\(dq') + '"'


def spelling(name):
    return ("-" if name["kind"] == "short" else "--") + name["name"]


def shown(arguments):
    """The arguments to list, each with all its spellings; an option and its opposite are one."""
    result = []
    for argument in arguments:
        if not argument.get("shouldDisplay", True):
            continue
        names = [spelling(name) for name in argument.get("names", [])]
        before = result[-1] if result else None
        if before and names and names[0].startswith("--no-") and argument.get("abstract") == before[0].get("abstract"):
            before[1].extend(names)
        else:
            result.append((argument, names))
    return result


def placeholder(argument):
    value = "<" + argument["valueName"] + ">"
    return value + ("..." if argument.get("isRepeating") else "")


def heading(argument, names):
    if argument["kind"] == "positional":
        return italic(placeholder(argument))
    text = ", ".join(bold(name) for name in names)
    return text + (" " + italic(placeholder(argument)) if argument["kind"] == "option" else "")


def paragraphs(text):
    """Lines as they are where they are indented, as examples are; others are filled."""
    lines, as_is = [], False
    for line in text.split("\n"):
        line = line.rstrip()
        indented = line.startswith("  ")
        if indented != as_is and line:
            lines.append(".nf" if indented else ".fi")
            as_is = indented
        if not line:
            lines.append(".PP" if not as_is else "")
        elif not indented and lines and not lines[-1].startswith("."):
            lines += [".br", escaped(line)]
        else:
            lines.append(escaped(line))
    return lines + ([".fi"] if as_is else [])


def page(command, version, date, subcommands=(), all_names=()):
    words = command.get("superCommands", []) + [command["commandName"]]
    name = "-".join(words)
    lines = [f".TH {quoted(name.upper())} 1 {quoted(date)} {quoted('limn ' + version)} {quoted('Limn manual')}",
             ".ad l", ".nh", ".SH NAME", f"{escaped(name)} \\- {escaped(command['abstract'].rstrip('.'))}",
             ".SH SYNOPSIS"]
    usage = bold(" ".join(words))
    arguments = shown(command.get("arguments", []))
    if subcommands:
        lines += [f"{usage} [{italic('options')}] {italic('prompt')}", ".br",
                  f"{usage} {italic('subcommand')} [{italic('options')}]"]
    else:
        positional = "".join(f" [{italic(placeholder(a))}]" if a.get("isOptional") else " " + italic(placeholder(a))
                             for a, _ in arguments if a["kind"] == "positional")
        lines.append(f"{usage} [{italic('options')}]{positional}")
    if command.get("discussion"):
        lines += [".SH DESCRIPTION", *paragraphs(command["discussion"])]
    if subcommands:
        lines.append(".SH SUBCOMMANDS")
        for each in subcommands:
            lines += [".TP", bold(each["commandName"]), escaped(each["abstract"])]
    section = None
    for argument, names in arguments:
        title = argument.get("sectionTitle", "Options").upper()
        if title != section:
            section = title
            lines.append(f".SH {quoted(title)}")
        lines += [".TP", heading(argument, names), escaped(argument.get("abstract", ""))]
    if subcommands:
        lines.append(".SH ENVIRONMENT")
        for variable, text in ENVIRONMENT:
            lines += [".TP", bold(variable), escaped(text)]
    lines.append(".SH EXIT STATUS")
    for status, text in EXIT:
        lines += [".TP", bold(status), escaped(text)]
    others = [other for other in all_names if other != name]
    lines += [".SH SEE ALSO", ", ".join(f"\\fB{escaped(other)}\\fR(1)" for other in others)]
    return name, "\n".join(lines) + "\n"


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: Tools/manual.py PROGRAM FOLDER")
    program, folder = sys.argv[1:]

    def output(*arguments):
        return subprocess.run([program, *arguments], check=True, stdout=subprocess.PIPE).stdout.decode()

    version = output("--version").strip()
    command = json.loads(output("--experimental-dump-help"))["command"]
    seconds = float(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    date = time.strftime("%Y-%m-%d", time.gmtime(seconds))
    subcommands = [each for each in command.pop("subcommands") if each["commandName"] != "help"]
    names = [command["commandName"], *sorted(command["commandName"] + "-" + each["commandName"] for each in subcommands)]
    os.makedirs(folder, exist_ok=True)
    for each in [command, *subcommands]:
        name, text = page(each, version, date, subcommands if each is command else (), names)
        with open(os.path.join(folder, name + ".1"), "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
