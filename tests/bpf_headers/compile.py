#!/usr/bin/env python3
"""compile.py SOURCE_DIR COMPILER: compiles programs/*.bpf.c against skep/bpf, warnings being errors.

Optimised programs must compile for each architecture, byte order and instruction set version that the compiler knows.
Unoptimised code must call helpers directly (opcode 0x85, the number in imm) and never through a register (0x8d).
What must not compile is tried too. Exit code 77: the compiler is not there."""
import concurrent.futures
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

root, compiler = pathlib.Path(sys.argv[1]), sys.argv[2]
if not shutil.which(compiler):
    print(f"{compiler} is not installed")
    sys.exit(77)

gcc = compiler == "bpf-gcc"
programs = root / "tests/bpf_headers/programs"
multiarch = next((p for p in pathlib.Path("/usr/include").glob("*-linux-gnu*") if (p / "asm").is_dir()), None)
common = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", f"-I{root}/skep"]
for folder in [multiarch, "/usr/include" if gcc else None]:
    if folder:
        common += ["-idirafter", str(folder)]
common = ([compiler] if gcc else [compiler, "-g"]) + common

ARCHITECTURES = ["x86", "arm64", "arm", "s390", "powerpc", "mips", "riscv", "sparc", "loongarch", "arc"]


def jobs():
    """(what, flags, program, text that the compiler's refusal must contain)"""
    if gcc:
        # GCC 12 knows neither type tags nor the CO-RE questions about types
        for program in ("calls", "old", "packet"):
            yield program, ["-O2", "-gbtf"], program, None
        return
    for version in ("v1", "v2", "v3") + (("v4",) if compiler >= "clang-18" else ()):
        for program in ("calls", "old", "packet", "tracing"):
            if program == "tracing" and version == "v1" and compiler < "clang-19":
                continue
            yield f"{program} {version}", ["--target=bpfel", "-O2", f"-mcpu={version}", "-D__TARGET_ARCH_x86"], program, None
    yield "C++", ["--target=bpfel", "-O2", "-xc++", "-std=gnu++20", "-fno-exceptions", "-fno-rtti"], "cplusplus", None
    for program in ("packet", "tracing"):
        yield f"{program} big-endian", ["--target=bpfeb", "-O2", "-D__TARGET_ARCH_x86"], program, None
    for arch in ARCHITECTURES:
        yield f"registers {arch}", ["--target=bpfel", "-O2", f"-D__TARGET_ARCH_{arch}"], "registers", None
    yield "registers of no architecture", ["--target=bpfel", "-O2"], "registers", "say -D__TARGET_ARCH_x86"
    yield "ksym that is not weak", ["--target=bpfel", "-O2"], "not_weak", "must be __weak"


def sections(data):
    """name -> bytes of a 64-bit little-endian ELF file"""
    offset, = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", data, offset + size * i) for i in range(count)]
    strings = headers[names][4]
    return {data[strings + h[0]:data.index(b"\0", strings + h[0])].decode(): data[h[4]:h[4] + h[5]] for h in headers if h[1] == 1}


def run(what, flags, program, refusal, folder):
    output = folder / (what.replace(" ", "_") + ".o")
    done = subprocess.run(common + flags + ["-c", str(programs / f"{program}.bpf.c"), "-o", str(output)],
                          capture_output=True, text=True)
    if refusal is None:
        return f"{what}: {done.stderr}" if done.returncode else None
    if done.returncode == 0:
        return f"{what}: compiled, but should not"
    return None if refusal in done.stderr else f"{what}: refused, but not with '{refusal}': {done.stderr}"


def direct_calls(folder):
    output = folder / "direct.o"
    target = [] if gcc else ["--target=bpfel"]
    done = subprocess.run(common + target + ["-O0", "-c", str(programs / "calls.bpf.c"), "-o", str(output)],
                          capture_output=True, text=True)
    if done.returncode:
        return f"calls -O0: {done.stderr}"
    code = sections(output.read_bytes())["xdp"]
    insns = [struct.unpack_from("<BBhi", code, at) for at in range(0, len(code), 8)]
    numbers = [imm for opcode, registers, _, imm in insns if opcode == 0x85 and registers >> 4 == 0]
    indirect = sum(opcode == 0x8D for opcode, *_ in insns)
    want = [5, 7, 8, 44, 188]
    return None if numbers == want and not indirect else f"calls -O0: helpers {numbers}, {indirect} indirect, want {want}"


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        running = [pool.submit(run, *job, folder) for job in jobs()] + [pool.submit(direct_calls, folder)]
        bad = [text for text in (job.result() for job in running) if text]
print("\n".join(bad) if bad else f"{compiler}: {len(running)} compilations as they should be")
sys.exit(1 if bad else 0)
