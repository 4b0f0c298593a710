#!/usr/bin/env python3
"""Bad input at the command line: each is a one-line error that names the place and exit code 1 (2 for wrong usage), and
what came before the bad place is still processed and reported.   usage: hostile.py SOURCE_DIR SKEP"""
import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

root, skep = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
objects = root / "tests/objects"
bad = []


def run(*words, stdin=None):
    return subprocess.run([skep, *map(str, words)], capture_output=True, input=stdin, timeout=60)


def expect(name, done, code, pattern, stdout=None):
    error = done.stderr.decode(errors="replace").strip()
    last = error.splitlines()[-1] if error else ""
    if done.returncode != code:
        bad.append(f"{name}: exit code {done.returncode}, expected {code}: {error[:300]}")
    elif not re.search(pattern, last):
        bad.append(f"{name}: '{last}' does not match '{pattern}'")
    elif stdout and not re.search(stdout, done.stdout.decode()):
        bad.append(f"{name}: standard output lacks '{stdout}': {done.stdout.decode()[:300]}")
    else:
        print(f"{name}: {last}")


def tests_twice(folder):
    """An object with two sections of one name."""
    (folder / "twice.s").write_text('.section s,"ax"\nexit\n.section t,"ax"\nexit\n')
    run("asm", folder / "twice.s", "-o", folder / "twice.o")
    data = bytearray((folder / "twice.o").read_bytes())
    table, = struct.unpack_from("<Q", data, 40)
    data[table + 64 * 4:table + 64 * 4 + 4] = data[table + 64 * 3:table + 64 * 3 + 4]
    (folder / "twice.o").write_bytes(data)
    return folder / "twice.o"


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    program = objects / "tiny.clang19-v3.o"
    traffic = root / "examples/firewall/traffic.pcap"
    whole = program.read_bytes()

    (folder / "cut.o").write_bytes(whole[: len(whole) // 2])
    expect("truncated object", run("run", folder / "cut.o", "--pcap", traffic), 1, r"cut\.o: .*(offset|byte) ")
    other = bytearray(whole)
    other[18:20] = struct.pack("<H", 62)
    (folder / "x86.o").write_bytes(other)
    expect("object of another machine", run("run", folder / "x86.o", "--pcap", traffic), 1, r"x86\.o: .*machine 62")
    expect("not an object", run("run", traffic, "--pcap", traffic), 1, r"traffic\.pcap: .*ELF")
    expect("missing object", run("run", folder / "none.o", "--pcap", traffic), 1, r"none\.o: No such file")

    capture = traffic.read_bytes()
    (folder / "cut.pcap").write_bytes(capture[:100_000])
    done = run("run", program, "--pcap", folder / "cut.pcap", "--json")
    expect("capture cut in a packet", done, 1, r"cut\.pcap: packet \d+ at byte \d+: ")
    if done.stdout and json.loads(done.stdout)["packets"] < 100:
        bad.append("capture cut in a packet: the packets before the cut were not reported")
    done = run("run", program, "--pcap", folder / "cut.pcap")
    expect("capture cut in a packet (text)", done, 1, r"cut\.pcap: packet \d+ at byte", r"packets/s")

    huge = capture[:24] + struct.pack("<IIII", 0, 0, 0xFFFFFFFF, 0xFFFFFFFF) + capture[40:]
    (folder / "huge.pcap").write_bytes(huge)
    expect("4 GiB length field", run("run", program, "--pcap", folder / "huge.pcap"), 1,
           r"huge\.pcap: packet 1 at byte 24: .*4294967295")
    expect("no capture", run("run", program, "--pcap", program), 1, r"\.o: ")
    expect("empty standard input", run("run", program, "--pcap", "-", stdin=b""), 1, r".+")
    done = run("run", program, "--pcap", "-", stdin=capture)
    expect("capture from standard input", done, 0, r"", r"1,500 packets")

    (folder / "bad.batch").write_text("map update name blocklist key 1 value 999\n")
    expect("bad batch file", run("run", program, "--pcap", traffic, "--batch", folder / "bad.batch"), 1, r".+")

    expect("no command", run("fly"), 2, r"unknown command 'fly'")
    expect("no capture given", run("run", program), 2, r"needs --pcap")
    expect("bad number", run("run", program, "--pcap", traffic, "--repeat", "0"), 2, r"--repeat is '0'")
    def program_of(name, *lines):
        """An XDP program as an object."""
        source = folder / f"{name}.s"
        source.write_text("\n".join(['.section xdp,"ax"', ".globl prog", "prog:", *lines, '.section license,"aw"', '.asciz "GPL"', ""]))
        expect(f"assembling {name}", run("asm", source, "-o", folder / f"{name}.o"), 0, "")
        return folder / f"{name}.o"

    unchecked = program_of("unchecked", "r2 = *(u32 *)(r1 + 0)", "r0 = *(u8 *)(r2 + 0)", "exit")
    expect("program that the verifier rejects", run("run", unchecked, "--pcap", traffic), 1,
           r"unchecked\.o: program 'prog': Permission denied.*: insn 1: R2 offset is outside of the packet.*"
           r"'skep verify \S*unchecked\.o --prog prog'.*--no-verify")
    expect("rejected program, not verified", run("run", unchecked, "--pcap", traffic, "--no-verify"), 0, "",
           r"1,500 packets, .*checked interpreter")
    expect("rejected program's log", run("verify", unchecked, "--log", "1"), 1, "", r"R2 offset is outside of the packet")
    endless = program_of("endless", "r0 = 0", "goto -2")
    expect("endless program", run("run", endless, "--pcap", traffic), 1, r"endless\.o: program 'prog': .*insn")
    expect("endless program, not verified", run("run", endless, "--pcap", traffic, "--no-verify", "--budget", "1000", "--count", "3"), 1,
           r"3 of 3 runs faulted", r"\(fault\)")
    expect("budget of a verified program", run("run", program, "--pcap", traffic, "--budget", "5"), 2, r"--budget .*--no-verify")
    expect("time limit of an unverified one", run("run", program, "--pcap", traffic, "--no-verify", "--time-limit", "5"), 2, r"--budget")
    expect("verifier of the kernel", run("run", program, "--pcap", traffic, "--kernel", "--no-verify"), 2, r"cannot be combined")
    expect("interpreted", run("run", program, "--pcap", traffic, "--interpret"), 0, "", r"\(user space, interpreter\)")
    expect("sort by nothing", run("run", program, "--pcap", traffic, "--sort", "flows"), 2, r"--sort is 'flows', must be MAP=FIELD")
    expect("sort of no map", run("run", program, "--pcap", traffic, "--sort", "flows=bytes"), 1, r"no map 'flows'")
    expect("generate a number that is none", run("generate", "--count", "12x", folder / "g.pcap"), 2, r"--count is '12x'")
    expect("generate to nowhere", run("generate", folder / "no/where.pcap"), 1, r"where\.pcap: No such file")
    expect("generate to a full disk", run("generate", "--count", "10000", "/dev/full"), 1, r"/dev/full: No space left")
    expect("cannot write", run("run", program, "--pcap", traffic, "--write", folder / "no/where.pcap"), 1, r"No such file")

    unknown = root / "tests/cli/unknown_map.o"
    expect("unknown map type", run("run", unknown, "--pcap", traffic), 1, r"unknown_map\.o: map 'odd'.*777")

    (folder / "bad.s").write_text("r0 = 1\nr0 += r11\ngoto nowhere\n.quad 1 +\n")
    done = run("asm", folder / "bad.s", "-o", folder / "bad.o")
    expect("errors in assembly", done, 1, r"bad\.s: 1 error")
    if b"bad.s:2:7: error: unknown register 'r11'" not in done.stderr or b"      ^~~" not in done.stderr:
        bad.append(f"errors in assembly: no place or caret: {done.stderr.decode()[:300]}")
    if (folder / "bad.o").exists():
        bad.append("errors in assembly: an object was written all the same")
    (folder / "many.s").write_text("r11 = 1\n" * 80)
    expect("assembly with 80 errors", run("asm", folder / "many.s", "-o", folder / "x.o"), 1, r"many\.s: 50 errors, given up")
    expect("assembly without output", run("asm", folder / "bad.s"), 2, r"needs -o OBJECT")
    expect("assembly in an unknown dialect", run("asm", folder / "bad.s", "-o", "x.o", "--dialect", "att"), 2, r"--dialect is 'att'")
    expect("assembly of nothing", run("asm", folder / "none.s", "-o", folder / "x.o"), 1, r"none\.s: No such file")
    (folder / "zero.s").write_bytes(b".section \"a\\000b\"\n.ascii \"\xff\x00\"\n.zero 1 << 60\n")
    expect("assembly with NUL in a name and 2^60 bytes", run("asm", folder / "zero.s", "-o", folder / "x.o"), 1, r"zero\.s: \d errors?")
    (folder / "good.s").write_text("r0 = 0\nexit\n")
    expect("object to nowhere", run("asm", folder / "good.s", "-o", folder / "no/where.o"), 1, r"where\.o: No such file")

    expect("truncated object to disassemble", run("disasm", folder / "cut.o"), 1, r"cut\.o: .*(offset|byte) ")
    expect("other machine to disassemble", run("disasm", folder / "x86.o"), 1, r"x86\.o: .*machine 62")
    expect("no section of that name", run("disasm", program, "--section", "tc"), 1, r"no section 'tc'")
    expect("no function of that name", run("disasm", program, "--function", "main"), 1, r"no function 'main'")
    expect("two forms", run("disasm", "--cfg", "--json", program), 2, r"--cfg and --json cannot be combined")
    expect("part of an exact copy", run("disasm", "--exact", "-j", "xdp", program), 2, r"--exact and --section cannot")
    (folder / "wide.s").write_text('.section s,"ax"\nr0 = 0\n.zero 0xfff0\nexit\n')
    run("asm", folder / "wide.s", "-o", folder / "wide.o")
    expect("columns of binutils", run("disasm", "--dialect", "gnu", folder / "wide.o"), 0, r"",
           r"\n       0:\tmov %r0,0\n(.*\n)*    fff8:\texit\n$")
    (folder / "wider.s").write_text('.section s,"ax"\nr0 = 0\n.zero 0xffe0\nexit\n')
    run("asm", folder / "wider.s", "-o", folder / "wider.o")
    expect("columns of binutils below 64 KiB", run("disasm", "--dialect", "gnu", folder / "wider.o"), 0, r"",
           r"\n   0:\tmov %r0,0\n(.*\n)*ffe8:\texit\n$")
    expect("verifier's unknown kernel", run("verify", program, "--kernel", "4.19"), 2,
           r"--kernel is '4\.19', must be a version from 5\.0 to 6\.18")
    expect("explaining what is no log", run("verify", "--log", program), 1, r"has no line that says why")
    expect("verifier's unknown log level", run("verify", program, "--log", "8"), 2, r"--log is '8', must be a number from 1 to 7")
    expect("no kernel types", run("verify", program, "--btf", folder / "good.s"), 1, r"good\.s: BTF: ends at")
    expect("graph of no program", run("disasm", "--cfg", program, "--section", ".BTF"), 1, r"section '\.BTF': ")
    types = whole.find(b"\x9f\xeb\x01\x00")
    damaged = bytearray(whole)
    damaged[types + 12:types + 16] = b"\xff\xff\xff\x7f"
    (folder / "types.o").write_bytes(damaged)
    expect("damaged .BTF", run("disasm", "-S", folder / "types.o"), 0, r"warning: .*types\.o: BTF", r"exit")
    named = b"p\x1b[m\0".join(whole.rsplit(b"pass\0", 1))  # in .strtab
    (folder / "escape.o").write_bytes(named)
    expect("escape sequence in a name", run("disasm", folder / "escape.o"), 0, r"", r"<p\\x1b\[m>")
    expect("section twice", run("disasm", "--exact", tests_twice(folder)), 1, r"section 4 's': source cannot tell")

print("\n".join(bad) if bad else "hostile: all refused as they should be")
sys.exit(1 if bad else 0)
