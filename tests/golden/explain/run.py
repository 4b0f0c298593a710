#!/usr/bin/env python3
"""Explanations of real mistakes: `skep verify` of each NAME.bpf.c and NAME.s here prints NAME.txt, and --json names the
   category that the file's head names. BLESS=1 rewrites the .txt files: read what they say before you commit them.

   usage: run.py SKEP DATA_DIR [--kernel ASK_KERNEL] [NAME...]

   With --kernel nothing is compared with the .txt files: each program is loaded into the running kernel by ASK_KERNEL, and
   the reason that skep gives must be a line of what the kernel says.
   Exit 77: no clang-19, no recorded kernel BTF in DATA_DIR, or (with --kernel) no privileges.

   The head of a case, in comments:
     category: ID            as docs/verify.md lists them
     mistake: SENTENCE       what the author did wrong
     options: ...            more options for skep verify
     kernel: not loadable here, WHY     what the running kernel cannot judge"""
import concurrent.futures
import difflib
import json
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

here = pathlib.Path(__file__).resolve().parent
arguments = sys.argv[1:]
ask = None
if "--kernel" in arguments:
    at = arguments.index("--kernel")
    ask = pathlib.Path(arguments[at + 1]).resolve()
    del arguments[at:at + 2]
skep, data, only = pathlib.Path(arguments[0]).resolve(), pathlib.Path(arguments[1]), set(arguments[2:])
bless = os.environ.get("BLESS") == "1"
kernel = "6.18"


class Case:
    def __init__(self, path, folder):
        self.path, self.name = path, path.name.split(".")[0]
        self.object = folder / (self.name + ".o")
        self.golden = here / (self.name + ".txt")
        head = dict(re.findall(r"^(?://|#) (category|mistake|options|kernel): (.*)$", path.read_text(), re.M))
        self.category, self.options = head.get("category"), head.get("options", "").split()
        self.judged_by_kernel = "kernel" not in head
        self.problems = [] if self.category and head.get("mistake") else ["its head names no category or no mistake"]

    def build(self):
        if self.path.suffix == ".s":
            command = [skep, "asm", self.path.name, "-o", self.object]
        else:
            command = ["clang-19", "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Werror", "-I", here.parents[2] / "skep",
                       "-idirafter", f"/usr/include/{os.uname().machine}-linux-gnu", "-c", self.path.name, "-o", self.object]
        done = subprocess.run(command, cwd=here, capture_output=True, text=True)
        if done.returncode:
            self.problems.append("cannot be built: " + done.stderr)
        return done.returncode == 0

    def verify(self, btf, *more):
        return subprocess.run([skep, "verify", self.object, "--kernel", kernel, "--btf", btf, *self.options, *more], cwd=self.object.parent,
                              capture_output=True, text=True, timeout=120)

    def rejections(self, btf):
        done = self.verify(btf, "--json")
        try:
            found = [p for p in json.loads(done.stdout)["programs"] if p["verdict"] == "rejected"]
        except (ValueError, KeyError):
            self.problems.append(f"--json failed: {done.stderr or done.stdout[:500]}")
            return []
        if not found:
            self.problems.append("skep does not reject it")
        return found

    def compare(self, btf):
        """With the golden file."""
        if not self.build():
            return
        for program in self.rejections(btf):
            found = program.get("explanation", {}).get("category")
            if found != self.category:
                self.problems.append(f"category is {found}, should be {self.category}")
        done = self.verify(btf)
        if done.returncode != 1:
            self.problems.append(f"exit code is {done.returncode}: {done.stderr}")
        # The object's name and clang's working folder are this run's.
        text = done.stdout.replace(f"{here}/", "").replace(str(self.object), self.object.name)
        expected = self.golden.read_text() if self.golden.exists() else ""
        if bless and text and text != expected:
            self.golden.write_text(text)
        elif text != expected:
            self.problems.append("".join(difflib.unified_diff(expected.splitlines(True), text.splitlines(True), self.golden.name, "found")))


def ask_the_kernel(cases, btf):
    """Returns how many programs it judged; None: it judges none."""
    judged = {c.name: c for c in cases if c.judged_by_kernel}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        ready = [c for c, built in zip(judged.values(), pool.map(Case.build, judged.values())) if built]
        ours = dict(zip((c.name for c in ready), pool.map(lambda c: c.rejections(btf), ready)))
    done = subprocess.run([ask, *(c.object for c in ready)], capture_output=True, text=True)
    if done.returncode == 77:
        return None
    if done.returncode:
        sys.exit(f"{ask}: {done.stderr}")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    for answer in answers:
        case = judged[pathlib.Path(answer["object"]).stem]
        reason = next((p["reason"] for p in ours[case.name] if p["name"] == answer["program"]), None)
        if reason is None:
            continue
        # The kernel forgets the end of a line in places.
        lines = [re.sub(r"(?<=.)(verification time \d|processed \d+ insns).*", "", line) for line in answer["log"].splitlines()]
        if reason not in lines:
            told = [line for line in lines if not line.startswith(("processed ", "verification time", "stack depth"))]
            case.problems.append(f"skep says '{reason}', the kernel {answer['verdict']}: {told[-1] if told else answer['error']}")
    return len(answers)


def main():
    btf_file = data / f"btf/linux-{kernel}.btf.xz"
    for missing, what in ((not shutil.which("clang-19"), "no clang-19"), (not btf_file.exists(), f"no {btf_file}")):
        if missing:
            print(f"skipped: {what}")
            return 77
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        btf = folder / "vmlinux"
        btf.write_bytes(lzma.decompress(btf_file.read_bytes()))
        cases = [Case(p, folder) for p in sorted(here.iterdir()) if p.suffix in (".c", ".s")]
        known = {c.name for c in cases}
        if len(known) != len(cases) or only - known:
            sys.exit(f"no such case, or two of a name: {only - known or sorted(c.name for c in cases)}")
        cases = [c for c in cases if not only or c.name in only]
        if ask:
            count = ask_the_kernel(cases, btf)
            if count is None:
                print("skipped: the kernel lets this process load no programs")
                return 77
            summary = f"{count} programs: the kernel gives the same reasons"
        else:
            with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
                list(pool.map(lambda c: c.compare(btf), cases))
            summary = f"{len(cases)} explanations"
            for stray in sorted(p.name for p in here.glob("*.txt") if p.stem not in known):
                cases[0].problems.append(f"{stray} belongs to no case")
    bad = [f"{c.name}: {problem}" for c in cases for problem in c.problems]
    print("\n".join(bad) if bad else summary)
    return 1 if bad or not cases else 0


sys.exit(main())
