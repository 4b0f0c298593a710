#!/usr/bin/env python3
"""Heavy headers appear only in .cpp files of the folders listed here; no iostream, regex or filesystem in headers."""
import pathlib
import re
import sys

OWNERS = {  # header pattern -> folders whose .cpp files may include it
    r"nlohmann/": {"cli", "tests"},
    r"asmjit/": {"skep/jit"},
    r"Zydis/": {"skep/kernel", "cli"},
    r"pcap(/pcap)?\.h|pcap\.h": {"skep/net", "bench"},
    r"zlib\.h": {"skep/kernel", "tests"},
    r"zstd\.h": {"skep/net", "tests"},
    r"lzma\.h": {"skep/btf", "tests"},
}
NEVER_IN_HEADERS = {"iostream", "regex", "filesystem", "functional"}

root = pathlib.Path(sys.argv[1])
bad, files = [], 0
for top in ("skep", "cli", "tests", "bench", "fuzz"):
    for path in sorted((root / top).rglob("*")):
        if path.suffix not in {".h", ".cpp"} or "skep/bpf/" in path.as_posix():
            continue
        files += 1
        where = path.relative_to(root)
        for number, line in enumerate(path.read_text().splitlines(), 1):
            m = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
            if not m:
                continue
            if path.suffix == ".h" and m[1] in NEVER_IN_HEADERS:
                bad.append(f"{where}:{number}: <{m[1]}> is too heavy for a header")
            for pattern, owners in OWNERS.items():
                if re.match(pattern, m[1]):
                    mine = any(where.as_posix().startswith(o + "/") for o in owners)
                    if path.suffix == ".h" or not mine:
                        bad.append(f"{where}:{number}: <{m[1]}> belongs in .cpp files of {', '.join(sorted(owners))}")
print("\n".join(bad) if bad else f"heavy_headers: {files} files are light")
sys.exit(1 if bad or not files else 0)
