#!/usr/bin/env python3
"""Holds every #include "skep/<module>/..." against layers.txt (one include root hides nothing)."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
may = {}
for line in (root / "layers.txt").read_text().splitlines():
    m = re.match(r"([a-z]+):\s*(.*)", line)
    if m:
        may[m[1]] = set(m[2].split()) | {m[1]}
for module, used in may.items():
    unknown = used - may.keys()
    if unknown:
        sys.exit(f"layers.txt: '{module}' names unknown modules {sorted(unknown)}")

bad, files = [], 0
folders = [(d.name, d) for d in (root / "skep").iterdir() if d.is_dir() and d.name != "bpf"] + [("cli", root / "cli")]
for module, folder in folders:
    if module not in may:
        bad.append(f"{folder.relative_to(root)}: not in layers.txt")
        continue
    for path in sorted(folder.rglob("*")):
        if path.suffix not in {".h", ".cpp"}:
            continue
        files += 1
        for number, line in enumerate(path.read_text().splitlines(), 1):
            m = re.match(r'\s*#\s*include\s*"skep/([a-z]+)/', line)
            if m and m[1] not in may[module]:
                bad.append(f"{path.relative_to(root)}:{number}: '{module}' may not include '{m[1]}'")
print("\n".join(bad) if bad else f"layers: {files} files keep the order of layers.txt")
sys.exit(1 if bad or not files else 0)
