#!/usr/bin/env python3
"""skep disasm against llvm-objdump-19 and bpf-objdump (binutils-bpf), and skep asm against skep disasm, over objects.

usage: compare.py SKEP OBJECT|DIR ...       exit 77: none of the two disassemblers, or no objects

For every object:
  llvm   `skep disasm` against `llvm-objdump-19 -d --no-show-raw-insn --mcpu=v4`, the whole output, line for line;
  notes  `skep disasm -r` against `llvm-objdump-19 -dr ...`: relocations and CO-RE records;
  gnu    `skep disasm --dialect gnu` against `bpf-objdump -d`, instruction for instruction. Instructions that binutils 2.40
         does not know (it prints *unknown* or ???, or an older instruction of the same opcode) are counted apart: AFTER_2_40;
  exact  `skep asm` of `skep disasm --exact`, in both dialects: sections, symbols and relocations of the new object are
         those of the old one.
Prints what was compared and what differs; the exit code is 1 if anything does. The selftests of the kernel: build them
with tests/conformance/selftests/build and give DIR/v1 DIR/v2 DIR/v3 DIR/v4."""
import concurrent.futures
import difflib
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
from objects import Object  # noqa: E402

# Instructions of ours whose opcode binutils 2.40 has for an older one, by mnemonic.
AFTER_2_40 = re.compile(r"(movs(32)?|sdiv(32)?|smod(32)?|bswap|ldxs[bhw]|jal|may_goto|addr_space_cast|gotox|ldacq\w+|strel\w+"
                        r"|a(f?)(add|or|and|xor)(32)?|axchg(32)?|acmp(32)?)\b")
INSN = re.compile(r"\s*([0-9a-f]+):\t(.*)")


def run(*words, data=None):
    return subprocess.run([str(w) for w in words], capture_output=True, input=data)


def lines_of(done):
    return done.stdout.decode(errors="surrogateescape").splitlines()


def difference(theirs, ours):
    return "\n    ".join(line for line in difflib.unified_diff(theirs, ours, "theirs", "skep", lineterm="", n=1))[:800]


def against_llvm(skep, path, ours, theirs):
    a = lines_of(run("llvm-objdump-19", *theirs, "--no-show-raw-insn", "--mcpu=v4", path))
    b = lines_of(run(skep, "disasm", *ours, path))
    insns = sum(1 for line in a if INSN.match(line))
    return insns, 0, None if a == b else difference(a, b)


def gnu_insns(lines):
    """(section, address) -> text"""
    found, section = {}, ""
    for line in lines:
        if line.startswith("Disassembly of section "):
            section = line[23:-1]
        elif m := INSN.match(line):
            text = m[2].split("\t")[-1].strip()
            if text:
                found[section, int(m[1], 16)] = text
    return found


def against_gnu(skep, path):
    a = gnu_insns(lines_of(run("bpf-objdump", "-d", "--no-show-raw-insn", path)))
    b = gnu_insns(lines_of(run(skep, "disasm", "--dialect", "gnu", path)))
    compared, unknown, bad = 0, 0, []
    for place, text in b.items():
        theirs = a.get(place)
        if theirs == text:
            compared += 1
        elif theirs is None or "*unknown*" in theirs or "???" in theirs or AFTER_2_40.match(text):
            unknown += 1
        else:
            compared += 1
            bad.append(f"{place[0]}+{place[1]:#x}: theirs '{theirs}', skep '{text}'")
    return compared, unknown, "\n    ".join(bad[:5]) or None


def round_trip(skep, path, *dialect):
    source = run(skep, "disasm", "--exact", *dialect, path)
    if source.returncode:
        return 0, 0, source.stderr.decode(errors="replace")[:300]
    data = pathlib.Path(path).read_bytes()
    made = run(skep, "asm", "-", "-o", "-", *dialect, *(["--big-endian"] if data[5] == 2 else []), data=source.stdout)
    if made.returncode:
        return 0, 0, made.stderr.decode(errors="replace")[:300]
    old, new = Object(data), Object(made.stdout)
    size = sum(len(s[-1]) for s in old.sections.values() if s[0] != 8 and s[1] & 4)
    bad = [f"section {n} differs" for n in old.sections | new.sections if old.sections.get(n) != new.sections.get(n)]
    if old.symbols != new.symbols:
        bad.append(f"symbols differ: {sorted(set(old.symbols) ^ set(new.symbols))[:4]}")
    if old.relocations != new.relocations:
        bad.append("relocations differ")
    return size // 8, 0, "\n    ".join(bad) or None


def main():
    skep = pathlib.Path(sys.argv[1]).resolve()
    objects = []
    for word in map(pathlib.Path, sys.argv[2:]):
        objects += sorted(word.glob("*.o")) if word.is_dir() else [word] if word.exists() else []
    checks = []
    if shutil.which("llvm-objdump-19"):
        checks += [("llvm", lambda o: against_llvm(skep, o, [], ["-d"])), ("notes", lambda o: against_llvm(skep, o, ["-r"], ["-dr"]))]
    if shutil.which("bpf-objdump"):
        checks += [("gnu", lambda o: against_gnu(skep, o))]
    if not checks or not objects:
        print("skipped:", "no objects" if checks else "neither llvm-objdump-19 nor bpf-objdump (apt install llvm-19 binutils-bpf)")
        sys.exit(77)
    checks += [("exact", lambda o: round_trip(skep, o)), ("exact gnu", lambda o: round_trip(skep, o, "--dialect", "gnu"))]
    failed = False
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, check in checks:
            compared, unknown, differ = 0, 0, 0
            for path, (insns, apart, bad) in zip(objects, pool.map(check, objects)):
                compared, unknown, differ = compared + insns, unknown + apart, differ + bool(bad)
                if bad:
                    print(f"{name}: {path}\n    {bad}")
            unit = "slots" if name.startswith("exact") else "instructions"
            print(f"{name}: {len(objects):,} objects, {compared:,} {unit} compared, {differ} objects differ"
                  + (f"; {unknown:,} that binutils does not know" if unknown else ""), flush=True)
            failed = failed or differ
    sys.exit(1 if failed else 0)


main()
