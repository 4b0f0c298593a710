#!/usr/bin/env python3
"""TRY initialises one variable or stands alone, never inside braces: GCC 12 leaks the temporaries of a
half-built aggregate when a statement expression inside its initialiser returns."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
allowed = re.compile(r"""^\s*(?:\}?\s*(?:else\s+)?(?:if\s*\(.*\)|for\s*\(.*\)|case\s.*:)\s*)?   # a guard on the same line
    (?:(?:const\s+)?[\w:<>,&*\[\]\s\.\->\(\)"+]*=\s*)?TRY\(|return\s+TRY\(|^\s*\#define\s+TRY""", re.X)
bad, seen = [], 0
for folder in ("skep", "cli", "tests", "bench", "fuzz"):
    for path in sorted((root / folder).rglob("*")):
        if path.suffix not in {".h", ".cpp"}:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            code = line.split("//")[0]
            if "TRY(" not in code or "#define" in code:
                continue
            seen += 1
            before = code[: code.index("TRY(")]
            if re.search(r"[{,]\s*(\.\w+\s*=\s*)?$", before.rstrip(" ")) and not re.search(r"\)\s*\{\s*$", before):
                bad.append(f"{path.relative_to(root)}:{number}: TRY inside braces or an argument list: {line.strip()}")
print("\n".join(bad) if bad else f"result_braces: {seen} uses of TRY stand alone")
sys.exit(1 if bad or not seen else 0)
