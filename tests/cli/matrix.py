#!/usr/bin/env python3
"""skep verify --kernel A,B,...: tests/cli/matrix.bpf.c says before each program from which version on it loads and what
the version before lacks; and the command's forms.   usage: matrix.py SOURCE_DIR SKEP      exit 77: no clang, no BTF"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

root, skep = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
btf = pathlib.Path("/sys/kernel/btf/vmlinux")
clang = next((c for c in (os.environ.get("SKEP_CLANG"), "clang-19") if c and shutil.which(c)), None)
if not clang or not btf.exists():
    print("skipped: no clang-19" if not clang else "skipped: no kernel BTF")
    sys.exit(77)
bad = []
versions = [f"5.{n}" for n in range(20)] + [f"6.{n}" for n in range(19)]
source = root / "tests/cli/matrix.bpf.c"


def run(*words):
    return subprocess.run([skep, "verify", *map(str, words)], capture_output=True, text=True, timeout=300)


def expect(what, found, wanted):
    if found != wanted:
        bad.append(f"{what}: {found!r}, expected {wanted!r}")


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    subprocess.run([clang, "-O2", "-g", "-target", "bpf", "-mcpu=v3", "-c", source, "-o", "matrix.o"], check=True)
    done = run("matrix.o", "--kernel", ",".join(versions), "--json")
    expect("exit code with cells that do not load", done.returncode, 1)
    data = json.loads(done.stdout)
    expect("versions", [k["version"] for k in data["kernels"]], versions)
    expect("judged", [k["version"] for k in data["kernels"] if k["judged"]], ["6.1", "6.12", "6.18"])
    programs = {p["name"]: {c["kernel"]: c for c in p["cells"]} for p in data["programs"]}

    rules = re.findall(r"^// (?:before (\S+): (.*?); )?(?:loads from (\S+)|never: (.*))\n(?:SEC\(.*?\)) .*?(\w+)\(", source.read_text(),
                       re.M)
    expect("programs without a rule", sorted(set(programs) - {r[4] for r in rules}), [])
    for before, words, loads, never, name in rules:
        cells = programs[name]
        if never:
            expect(f"{name}, every version", {c.get("words") for c in cells.values()}, {never})
            continue
        for version in versions[versions.index(loads):]:
            expect(f"{name}, {version}", (cells[version]["loads"], cells[version].get("reason")), (True, None))
        if before:
            cell = cells[versions[versions.index(before) - 1]]
            expect(f"{name}, before {before}", (cell["loads"], cell.get("words")), (False, words))
            if "since" in cell and before == loads and name != "guarded":  # what its dead branch calls is newer
                expect(f"{name}, before {before}: since", cell["since"], before)

    # What cannot be told by loading, the text, and the exit codes.
    note = programs["many_hooks"]
    expect("note", note["5.17"].get("note"), "loads, but cannot be attached: attach type trace_kprobe_multi is of 5.18")
    expect("no note", note["5.18"].get("note"), None)
    text = run("matrix.o", "--kernel", "5.7,6.18", "--prog", "ring_buffer", "--prog", "helper")
    expect("exit code", text.returncode, 1)
    if not re.match(r"program +5\.7\* +6\.18\n", text.stdout):
        bad.append(f"head of the table: {text.stdout}")
    for line in ["* by table, not judged: ", "types of 5.7, 6.18: /sys/kernel/btf/vmlinux\n",
                 "helper, 5.7: invalid func unknown#125 (helper ktime_get_boot_ns is of 5.8), at ", "ring_buffer, 5.7: map 'ring': "]:
        if line not in text.stdout:
            bad.append(f"the text lacks {line!r}: {text.stdout}")
    expect("all load", run("matrix.o", "--kernel", "5.8,6.18", "--prog", "helper").returncode, 0)
    one = run("matrix.o", "--kernel", "5.7", "--prog", "helper")
    expect("one version", (one.returncode, one.stderr.strip()), (1, "note: 5.7 is by table, not judged: no verdicts of that kernel "
                                                                 "are recorded"))
    # Types by version: a file, and a directory of files named like the version.
    pathlib.Path("types").mkdir()
    shutil.copy(btf, "types/linux-6.1.btf")
    found = json.loads(run("matrix.o", "--kernel", "6.1,6.6,6.18", "--prog", "helper", "--json", "--btf", "types", "--btf",
                           f"6.6={btf}").stdout)["kernels"]
    expect("types", [k["btf"] for k in found], ["types/linux-6.1.btf", str(btf), str(btf)])
    for words, message in {
            ("--kernel", "4.19"): "--kernel is '4.19', must be a version from 5.0 to 6.18",
            ("--kernel", "6.1,6.18"): None, ("--kernel", "6.18,"): "--kernel is '', must be a version from 5.0 to 6.18",
            ("--kernel", "6.1,6.18", "--log", "1"): "--log is of one version: give one --kernel",
            ("--kernel", "6.1,6.18", "--btf", "7.9=x"): "--btf is '7.9=x': before the '=' stands no version from 5.0 to 6.18",
            ("--kernel", "6.1,6.18", "--btf", "absent"): "absent: "}.items():
        done = run("matrix.o", "--prog", "helper", *words)
        if message is None:
            expect(f"{words}", done.returncode, 0)
        elif done.returncode == 0 or message not in done.stderr:
            bad.append(f"{words}: exit {done.returncode}: {done.stderr}")
print("\n".join(bad) if bad else f"matrix: {len(rules)} programs, {len(versions)} versions")
sys.exit(1 if bad else 0)
