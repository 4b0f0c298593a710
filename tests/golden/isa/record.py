#!/usr/bin/env python3
"""Records what other disassemblers print for the instructions of a golden file.

record.py llvm FILE | record.py binutils FILE: each line of FILE is `HEX | TEXT`; TEXT is replaced by what
llvm-objdump-19 --mcpu=v4 or bpf-objdump (binutils 2.40) prints for the bytes. Lines that begin with `#` stay, and so
do the lines after `# not known to ...`, which no such tool can confirm."""
import pathlib
import re
import subprocess
import sys
import tempfile

tool, path = sys.argv[1], pathlib.Path(sys.argv[2])
lines = path.read_text().splitlines()
codes = []
for number, line in enumerate(lines):
    if line.startswith("# not known to"):
        break
    if line and not line.startswith("#"):
        codes.append((number, bytes.fromhex(line.split("|")[0])))

with tempfile.TemporaryDirectory() as folder:
    source, obj = pathlib.Path(folder, "a.s"), pathlib.Path(folder, "a.o")
    with source.open("w") as out:
        out.write(".text\n")
        for _, code in codes:
            out.write(".byte " + ",".join(f"0x{b:02x}" for b in code) + "\n")
    subprocess.run(["llvm-mc-19", "-triple", "bpfel", "-filetype=obj", source, "-o", obj], check=True)
    if tool == "llvm":
        command, scale = ["llvm-objdump-19", "-d", "--no-show-raw-insn", "--mcpu=v4", obj], 8
    else:
        command, scale = ["bpf-objdump", "-d", "--no-show-raw-insn", "-z", obj], 1
    printed = {}
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        if m := re.match(r"\s*([0-9a-f]+):\s+(.*?)\s*$", line):
            place = int(m[1], 10 if tool == "llvm" else 16) * scale
            printed[place] = re.sub(r"\s+<\S+>$", "", m[2])

place = 0
for number, code in codes:
    lines[number] = f"{code[:8].hex()}{' ' + code[8:].hex() if len(code) > 8 else ''} | {printed.get(place, '?')}"
    place += len(code)
path.write_text("\n".join(lines) + "\n")
