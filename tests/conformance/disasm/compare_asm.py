#!/usr/bin/env python3
"""skep asm against clang-19, llvm-mc-19 and bpf-as (binutils-bpf).

usage: compare_asm.py SKEP SOURCE_DIR [v1 v2 v3 v4]       exit 77: neither clang-19 nor bpf-as

  clang   every program of tests/programs and examples, with -g, at -mcpu v3 (or those given): `clang -S` and `skep asm`
          against `clang -c`: sections (flags, alignment, bytes), symbols, relocations. Left out: .debug_line, .debug_frame and
          .debug_line_str, which an assembler makes of .loc and .cfi_*.
  mc      the same source through llvm-mc-19: instructions, data and their relocations.
  run     the firewall's two objects over its capture: one report.
  bpf-as  every instruction of the golden file that binutils printed, assembled by both."""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
from objects import Object  # noqa: E402

skep, root = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
MADE_OF_LOC = {".debug_line", ".debug_frame", ".debug_line_str"}
CPUS = sys.argv[3:] or ["v3"]
failed = []


def run(*words):
    done = subprocess.run([str(w) for w in words], capture_output=True)
    if done.returncode:
        failed.append(f"{' '.join(map(str, words[:3]))}: {done.stderr.decode(errors='replace')[:300]}")
    return done.stdout


def differences(one, other, only=lambda name: True):
    a, b = Object(one.read_bytes()), Object(other.read_bytes())
    keep = [n for n in a.sections | b.sections if n not in MADE_OF_LOC and only(n)]
    bad = [f"section {n}" for n in keep if a.sections.get(n) != b.sections.get(n)]
    bad += [f"relocations of {n}" for n in keep if a.relocations.get(n) != b.relocations.get(n)]
    return bad, a, b


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    if shutil.which("clang-19"):
        flags = ["-O2", "-g", "-target", "bpf", "-idirafter", f"/usr/include/{subprocess.run(['uname', '-m'], capture_output=True, text=True).stdout.strip()}-linux-gnu",
                 "-I", root / "skep"]
        sources = sorted([*(root / "tests/programs").glob("*.bpf.c"), *(root / "examples").glob("*/*.bpf.c")])
        compared = sections = mc = 0
        for source in sources:
            for cpu in CPUS:
                text, theirs, ours, third = (folder / f"{source.stem}.{end}" for end in ("s", "o", "skep.o", "mc.o"))
                run("clang-19", *flags, f"-mcpu={cpu}", "-S", source, "-o", text)
                run("clang-19", *flags, f"-mcpu={cpu}", "-c", source, "-o", theirs)
                run(skep, "asm", text, "-o", ours)
                bad, a, b = differences(theirs, ours)
                symbols = [s for s in a.symbols + b.symbols if (s in a.symbols) != (s in b.symbols)]
                if bad or symbols:
                    failed.append(f"{source.name} {cpu}: {bad} {symbols[:3]}")
                compared, sections = compared + 1, sections + len(a.sections)
                if shutil.which("llvm-mc-19"):
                    run("llvm-mc-19", "-triple", "bpf", f"-mcpu={cpu}", "-filetype=obj", text, "-o", third)
                    if bad := differences(third, ours, lambda name: not name.startswith((".BTF", ".debug", ".llvm")))[0]:
                        failed.append(f"{source.name} {cpu}: llvm-mc: {bad}")
                    mc += 1
        print(f"clang: {compared} objects, {sections} sections compared; llvm-mc: {mc} objects")
        reports = []
        for way in ("-c", "-S"):
            made = folder / ("firewall.s" if way == "-S" else "firewall.o")
            run("clang-19", *flags, "-mcpu=v3", way, root / "examples/firewall/firewall.bpf.c", "-o", made)
            if way == "-S":
                run(skep, "asm", made, "-o", folder / "firewall.o")
            report = json.loads(run(skep, "run", folder / "firewall.o", "--pcap", root / "examples/firewall/traffic.pcap", "--json"))
            reports.append({k: v for k, v in report.items() if "second" not in k})
        if reports[0] != reports[1]:
            failed.append("run: the assembled firewall does not report what the compiled one does")
        print(f"run: {reports[1].get('packets', 0)} packets, {'the same' if reports[0] == reports[1] else 'another'} report")
    if shutil.which("bpf-as"):
        lines = [line.split(" | ")[1].strip() for line in (root / "tests/golden/isa/print_gnu.txt").read_text().splitlines()
                 if " | " in line and not line.startswith("#")]
        known = []
        text, theirs, ours = folder / "gnu.s", folder / "gnu.o", folder / "gnu.skep.o"
        text.write_text("\n".join(lines) + "\n")
        refused = subprocess.run(["bpf-as", text, "-o", theirs], capture_output=True, text=True).stderr
        bad = {int(m.split(":")[1]) for m in refused.splitlines() if ": Error:" in m}
        known = [line for number, line in enumerate(lines, 1) if number not in bad]
        text.write_text("\n".join(known) + "\n")
        run("bpf-as", text, "-o", theirs)
        run(skep, "asm", "--dialect", "gnu", text, "-o", ours)
        if Object(theirs.read_bytes()).sections[".text"][-1] != Object(ours.read_bytes()).sections[".text"][-1]:
            failed.append("bpf-as: .text differs")
        print(f"bpf-as: {len(known)} instructions compared, {len(bad)} that it refuses")
    if not shutil.which("clang-19") and not shutil.which("bpf-as"):
        print("skipped: neither clang-19 nor bpf-as (apt install clang-19 llvm-19 binutils-bpf)")
        sys.exit(77)

print("\n".join(failed) if failed else "asm: nothing differs")
sys.exit(1 if failed else 0)
