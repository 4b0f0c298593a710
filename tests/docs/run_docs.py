#!/usr/bin/env python3
"""Runs every `skep ...` line of the sh blocks in README.md and docs/*.md in a folder that holds the files they name, and
   those of examples/*/README.md in a copy of their own folder.
   usage: run_docs.py SOURCE_DIR SKEP      exit 77: no clang to compile the example with"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

root, skep = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
clang = next((c for c in (os.environ.get("SKEP_CLANG"), "clang-19", "clang", "clang-14") if c and shutil.which(c)), None)
if not clang:
    print("skipped: no clang")
    sys.exit(77)


def may_bpf():
    """Whether this process may load programs into the kernel: asks with an empty object."""
    return os.geteuid() == 0 and subprocess.run(
        [skep, "run", "firewall.bpf.o", "--pcap", "in.pcap", "--kernel", "--count", "1"], capture_output=True).returncode == 0


bad, ran, skipped = [], 0, 0
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    firewall = root / "examples/firewall"
    for name, source in {"firewall.bpf.c": "firewall.bpf.c", "traffic.pcap": "traffic.pcap", "in.pcap": "traffic.pcap",
                         "block.batch": "blocklist.batch"}.items():
        shutil.copy(firewall / source, name)
    for other in sorted((root / "examples").glob("*/*.bpf.c")):
        if not pathlib.Path(other.name).exists():
            shutil.copy(other, other.name)
    for source in sorted(pathlib.Path(".").glob("*.bpf.c")):
        # every example stands there as an object too
        subprocess.run([clang, "-O2", "-g", "-target", "bpf", "-mcpu=v3", "-idirafter", f"/usr/include/{os.uname().machine}-linux-gnu",
                        "-I", root / "skep", "-c", source, "-o", source.with_suffix(".o")], check=True)
    shutil.copytree(root / "examples", "examples")
    privileged = may_bpf()
    env = dict(os.environ, PATH=f"{skep.parent}:{os.environ['PATH']}")
    for page in [root / "README.md", *sorted((root / "docs").glob("*.md")), *sorted((root / "examples").glob("*/README.md"))]:
        own = page.parent.parent.name == "examples"
        for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.S | re.M):
            for line in block.splitlines():
                command = line.removeprefix("sudo ").removeprefix("$ ")
                if not command.startswith("skep "):
                    continue
                if command.startswith("skep run") and "--kernel" in command and not privileged:
                    skipped += 1
                    continue
                done = subprocess.run(["bash", "-c", command], env=env, capture_output=True, text=True,
                                      cwd=pathlib.Path("examples") / page.parent.name if own else ".",
                                      stdin=subprocess.DEVNULL if "<" not in command else None, timeout=60)
                ran += 1
                expected = re.search(r"# exits with (\d+)", line)
                if done.returncode != int(expected[1] if expected else 0):
                    bad.append(f"{page.name}: {command}\n  exit {done.returncode}: {done.stderr.strip()[:400]}")
print("\n".join(bad) if bad else f"docs: {ran} commands ran, {skipped} skipped (they need the kernel's privileges)")
sys.exit(1 if bad or not ran else 0)
