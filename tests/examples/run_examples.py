#!/usr/bin/env python3
"""Runs the commands of examples/*/README.md (the first sh block of each) and compares what they print with
examples/*/expected.txt; then writes each example's output to a capture and lets tshark look for wrong checksums.
   usage: run_examples.py SOURCE_DIR SKEP [EXAMPLE]      BLESS=1 rewrites      exit 77: no clang"""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

root, skep = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
only = sys.argv[3] if len(sys.argv) > 3 else None
if not any(c and shutil.which(c) for c in (os.environ.get("SKEP_CLANG"), "clang", *(f"clang-{n}" for n in range(14, 20)))):
    print("skipped: no clang")
    sys.exit(77)
BAD_CHECKSUM = "ip.checksum.status==0 || tcp.checksum.status==0 || udp.checksum.status==0"
bad, ran, looked_at, skipped = [], 0, 0, 0


def commands(folder):
    block = re.search(r"^```sh\n(.*?)^```", (folder / "README.md").read_text(), re.S | re.M)
    return block[1].replace("\\\n", " ").splitlines() if block else []


def normalise(text):
    """What does not depend on this machine or on the order in which a compiler lists maps and variables."""
    text = re.sub(r" in [0-9.]+ \w+: .* packets/s on one CPU", " in TIME: RATE packets/s on one CPU", text)
    text = re.sub(r"(wrote .* packets to) .*", r"\1 FILE", text)
    head, *blocks = text.strip().split("\n\n")
    blocks = ["\n".join([b.split("\n")[0], *sorted(b.split("\n")[1:])]) if b.startswith("globals") else b for b in blocks]
    tables = [b for b in blocks if b.startswith(("map ", "globals"))]
    rest = [b for b in blocks if b not in tables]
    return "\n\n".join([head, rest[0], *sorted(tables), *rest[1:]]) + "\n"


def checksum_errors(capture):
    done = subprocess.run(["tshark", "-r", capture, *(f"-o{p}.check_checksum:TRUE" for p in ("ip", "tcp", "udp")), "-Y", BAD_CHECKSUM],
                          capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return len(done.stdout.splitlines())


os.environ["PATH"] = f"{skep.parent}:{os.environ['PATH']}"
with tempfile.TemporaryDirectory() as scratch:
    for folder in sorted(f for f in (root / "examples").iterdir() if f.is_dir()):
        if only and folder.name != only:
            continue
        lines = commands(folder)
        if not lines:
            bad.append(f"{folder.name}: README.md has no sh block")
        printed = ""
        for line in lines:
            words = shlex.split(line)
            out = pathlib.Path(scratch) / f"{folder.name}.pcapng"
            if words[:2] != ["skep", "run"]:
                bad.append(f"{folder.name}: not a skep run: {line}")
                continue
            done = subprocess.run([*words, "--write", out] if "--write" not in words else words, cwd=folder, capture_output=True, text=True)
            ran += 1
            if done.returncode:
                bad.append(f"{folder.name}: {line}\n  exit {done.returncode}: {done.stderr.strip()[:1000]}")
                continue
            printed += normalise(done.stdout)
            # The program may not add errors to those that the capture came with.
            if shutil.which("tshark"):
                before, after = checksum_errors(folder / words[words.index("--pcap") + 1]), checksum_errors(out)
                looked_at += 1
                if after > before or (folder.name == "balancer" and before):
                    bad.append(f"{folder.name}: {after} wrong checksums in the output, {before} in the capture")
            else:
                skipped += 1
        expected = folder / "expected.txt"
        if os.environ.get("BLESS"):
            expected.write_text(printed)
        elif not expected.exists() or expected.read_text() != printed:
            (pathlib.Path(scratch) / "got.txt").write_text(printed)
            diff = subprocess.run(["diff", "-u", expected, f"{scratch}/got.txt"], capture_output=True, text=True)
            bad.append(f"{folder.name}: the output differs from expected.txt (BLESS=1 rewrites it)\n{diff.stdout or diff.stderr}")
print("\n".join(bad) if bad else f"examples: {ran} ran, checksums of {looked_at} outputs checked, {skipped} not (no tshark)")
sys.exit(1 if bad or not ran else 0)
