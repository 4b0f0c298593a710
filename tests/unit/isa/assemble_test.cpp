// The assembler: every row's text back to its bytes, symbols and sections, and what it says about mistakes.
#include "skep/isa/assemble.h"

#include <gtest/gtest.h>

#include "golden.h"

namespace skep::isa {
namespace {

// The same instruction, printed and assembled.
void round_trip(const GoldenLine& line, const std::string& text, Dialect dialect) {
  auto insns = assemble_insns(text, {.dialect = dialect});
  ASSERT_TRUE(insns.has_value()) << "line " << line.number << ": " << insns.error().message;
  EXPECT_EQ(write_insns(*insns), line.bytes) << "line " << line.number << ": " << text;
}

TEST(assemble, what_is_printed_exactly_gives_the_same_bytes) {
  std::size_t lines = 0;
  for (const GoldenLine& line : read_golden("print_kernel.txt")) {
    Decoded decoded = decode(parse_insns(line.bytes).value(), 0).value();
    round_trip(line, print(decoded, {.exact = true}), Dialect::kernel);
    round_trip(line, print(decoded, {.dialect = Dialect::gnu, .exact = true}), Dialect::gnu);
    ++lines;
  }
  EXPECT_GT(lines, 600u);
}

// The usual syntax, where it says everything.
TEST(assemble, what_other_disassemblers_print_gives_the_same_bytes) {
  for (const GoldenLine& line : read_golden("print_kernel.txt")) {
    Decoded decoded = decode(parse_insns(line.bytes).value(), 0).value();
    if (decoded.row().syntax->exact_kernel.empty()) round_trip(line, line.text, Dialect::kernel);
  }
  for (const GoldenLine& line : read_golden("print_gnu.txt")) {
    Decoded decoded = decode(parse_insns(line.bytes).value(), 0).value();
    if (decoded.row().syntax->exact_gnu.empty()) round_trip(line, line.text, Dialect::gnu);
  }
  for (const GoldenLine& line : read_golden("print_log.txt")) {
    Decoded decoded = decode(parse_insns(line.bytes).value(), 0).value();
    Class action = decoded.row().action;
    if (action == Class::load_imm64 || action == Class::call) continue;  // the log keeps src quiet
    if (action == Class::packet_indirect && decoded.imm < 0) continue;
    round_trip(line, line.text, Dialect::kernel);
  }
}

std::vector<Insn> good(std::string_view text, Dialect dialect = Dialect::kernel) {
  auto insns = assemble_insns(text, {.dialect = dialect});
  EXPECT_TRUE(insns.has_value()) << (insns.has_value() ? "" : insns.error().message);
  return insns.has_value() ? *insns : std::vector<Insn>{};
}

TEST(assemble, labels) {
  auto insns = good(R"(
    start: if r1 == 0 goto done   # forwards
    1: r1 += -1; if r1 != 0 goto 1b
       if w1 > 5 goto 1f
       r2 = 5 ll                  /* two
       slots */
    1: goto start
       gotol start
    done: exit)");
  ASSERT_EQ(insns.size(), 9u);
  EXPECT_EQ(insns[0].off, 7);
  EXPECT_EQ(insns[2].off, -2);
  EXPECT_EQ(insns[3].off, 2);
  EXPECT_EQ(insns[6].off, -7);
  EXPECT_EQ(insns[7].imm, -8);
}

TEST(assemble, calls) {
  auto insns = good("call f; call local f; call 7; call pc+0; exit; f: exit");
  ASSERT_EQ(insns.size(), 6u);
  EXPECT_EQ(insns[0], (Insn{.opcode = 0x85, .regs = 0x10, .imm = 4}));
  EXPECT_EQ(insns[1], (Insn{.opcode = 0x85, .regs = 0x10, .imm = 3}));
  EXPECT_EQ(insns[2], (Insn{.opcode = 0x85, .imm = 7}));
  EXPECT_EQ(insns[3], (Insn{.opcode = 0x85, .regs = 0x10, .imm = 0}));
  AssembleOptions named{.helper_id = [](std::string_view name) -> std::optional<std::uint32_t> {
    if (name == "bpf_ktime_get_ns") return 5;
    return std::nullopt;
  }};
  EXPECT_EQ(assemble_insns("call bpf_ktime_get_ns; exit", named).value()[0].imm, 5);
}

TEST(assemble, spellings) {
  EXPECT_EQ(good("r1=*(u8*)(r2)"), good("w1 = *(u8 *)(r2 + 0x0)"));
  EXPECT_EQ(good("r1 = *(u32 *)(r2 +4)"), good("w1 = *(u32 *)(r2 + 2*2)"));
  EXPECT_EQ(good("r1 = w2"), good("w1 = w2"));
  EXPECT_EQ(good("r1 = (8 << 2 | 1) & ~1"), good("r1 = 32"));
  EXPECT_EQ(good(".file 0 \"/\" \"x.c\" md5 0x8f29de3d70a0ac94c2f9b22f6d98011d; exit; .cfi_endproc"),
            good("exit"));
  EXPECT_EQ(good("size = 12\n r1 = size + -4 - 2"), good("r1 = 6"));
  EXPECT_EQ(good(".byte 0xe5, 0; .short (1f - . + 2 - 8) / 8; .long 0; exit; 1: exit"),
            good("may_goto +1; exit; exit"));
  EXPECT_EQ(good("mov %r1,-1; ldxdw %r2,[%r10-8]; le16 %r3; lock add32 [%fp+-4],%r1", Dialect::gnu),
            good("r1 = -1; r2 = *(u64 *)(r10 - 8); r3 = le16 r3; lock *(u32 *)(r10 - 4) += w1"));
  EXPECT_EQ(
      good("lock fetch add [%r1+0],%r2; swap32 %r1; movsx1632 %r1,%r2; call %r3; jal +1", Dialect::gnu),
      good("r2 = atomic_fetch_add((u64 *)(r1 + 0), r2); r1 = bswap32 r1; w1 = (s16)w2; callx r3; gotol +1"));
}

// One object with everything, held against the bytes and relocations of clang's integrated assembler.
TEST(assemble, sections_symbols_relocations) {
  Diagnostics diagnostics;
  auto assembly = assemble(R"(
        .globl  prog
        .section xdp,"ax",@progbits
        .type prog,@function
prog:   r1 = counts ll
        call helper_fn
        call ext
        exit
        r1 = tab+8 ll
        r1 = .Ltab ll
.Lend:  .size prog, .Lend-prog
        .text
helper_fn: exit
        .section .maps,"aw"
        .globl counts
        .type counts,@object
        .p2align 3
counts: .zero 32
        .size counts, 32
        .data
tab:    .quad helper_fn, prog + 16
.Ltab:  .long 5, 6+2*3, ~0
        .long tab
        .byte 1,2,-1
        .ascii "ab\n\x41"
        .asciz "z"
        .section license,"aw"
_license: .asciz "GPL")",
                           {}, diagnostics);
  ASSERT_TRUE(assembly.has_value()) << diagnostics.print();
  ASSERT_EQ(assembly->sections.size(), 5u);
  const AsmSection& xdp = *assembly->find_section("xdp");
  EXPECT_TRUE(xdp.executable);
  const Buffer code = parse_hex(
      "18010000000000000000000000000000"
      "85100000ffffffff"
      "85100000ffffffff"
      "9500000000000000"
      "18010000080000000000000000000000"
      "18010000100000000000000000000000");
  EXPECT_EQ(xdp.bytes, code);
  auto reloc = [&](const AsmSection& section, std::size_t index) {
    const AsmRelocation& r = section.relocations.at(index);
    return fmt::format("{:#x} {} {}", r.offset, static_cast<unsigned>(r.type),
                       assembly->symbols.at(r.symbol).name);
  };
  ASSERT_EQ(xdp.relocations.size(), 5u);
  EXPECT_EQ(reloc(xdp, 0), "0x0 1 counts");
  EXPECT_EQ(reloc(xdp, 1), "0x10 10 .text");
  EXPECT_EQ(reloc(xdp, 2), "0x18 10 ext");
  EXPECT_EQ(reloc(xdp, 3), "0x28 1 .data");
  EXPECT_EQ(reloc(xdp, 4), "0x38 1 .data");
  EXPECT_EQ(xdp.lines.size(), 6u);
  EXPECT_EQ(xdp.lines[1].offset, 16u);
  EXPECT_EQ(xdp.lines[1].line, 6u);

  const AsmSection& data = *assembly->find_section(".data");
  EXPECT_EQ(data.bytes, parse_hex("0000000000000000"
                                  "1000000000000000"
                                  "05000000"
                                  "0c000000"
                                  "ffffffff"
                                  "00000000"
                                  "0102ff"
                                  "61620a41"
                                  "7a00"));
  ASSERT_EQ(data.relocations.size(), 3u);
  EXPECT_EQ(reloc(data, 1), "0x8 2 prog");
  EXPECT_EQ(reloc(data, 2), "0x1c 4 .data");

  const AsmSymbol& prog = *assembly->find_symbol("prog");
  EXPECT_EQ(prog.size, 72u);
  EXPECT_EQ(prog.kind, SymbolKind::function);
  EXPECT_EQ(prog.binding, Binding::global);
  EXPECT_EQ(assembly->find_symbol("ext")->section, AsmSymbol::undefined);
  EXPECT_EQ(assembly->find_symbol("ext")->binding, Binding::global);
  EXPECT_EQ(assembly->find_symbol(".Ltab"), nullptr);
  EXPECT_EQ(assembly->find_section(".maps")->alignment, 8u);
}

// What clang -S writes, to the bytes that clang -c writes.
TEST(assemble, compiler_output) {
  Buffer file = base::read_file(std::string(SKEP_SOURCE_DIR) + "/tests/golden/isa/clang_v4.s").value();
  Diagnostics diagnostics;
  auto assembly = assemble(base::as_text(file), {}, diagnostics);
  ASSERT_TRUE(assembly.has_value()) << diagnostics.print();
  std::size_t compared = 0;
  for (std::string_view line : split_lines(base::as_text(file))) {
    if (!line.starts_with("#= ")) continue;
    line.remove_prefix(3);
    std::size_t space = line.find(' ');
    const AsmSection* section = assembly->find_section(line.substr(0, space));
    ASSERT_NE(section, nullptr) << line;
    EXPECT_EQ(section->bytes, parse_hex(line.substr(space))) << section->name;
    ++compared;
  }
  EXPECT_GE(compared, 6u);
}

TEST(assemble, big_endian) {
  auto insns = assemble_insns("r1 = 5", {.order = std::endian::big});
  EXPECT_EQ(insns.value(), good("r1 = 5"));
  Diagnostics diagnostics;
  Assembly assembly = assemble("r1 = 0x11223344\n.quad 1", {.order = std::endian::big}, diagnostics).value();
  EXPECT_EQ(assembly.sections[0].bytes, parse_hex("b710000011223344"
                                                  "0000000000000001"));
}

std::string complaint(std::string_view text, Dialect dialect = Dialect::kernel) {
  auto insns = assemble_insns(text, {.dialect = dialect, .file = "f.s"});
  return insns.has_value() ? "accepted" : insns.error().message;
}

TEST(assemble, says_what_is_wrong_and_where) {
  EXPECT_EQ(complaint("\n  r1 = r12"),
            "f.s:2:8: error: unknown register 'r12', there are r0 to r10\n"
            "     2 |   r1 = r12\n"
            "       |        ^~~\n");
  EXPECT_EQ(complaint("mov r0,1", Dialect::gnu),
            "f.s:1:5: error: unknown register 'r0', there are %r0 to %r10 and %fp\n"
            "     1 | mov r0,1\n"
            "       |     ^~\n");
  EXPECT_EQ(complaint("w1 = r2").substr(0, 38), "f.s:1:6: error: 'r2' cannot stand here");
  EXPECT_EQ(complaint("goto nowhere"),
            "f.s:1:6: error: label 'nowhere' is not defined\n"
            "     1 | goto nowhere\n"
            "       |      ^~~~~~~\n");
  EXPECT_EQ(complaint("frobnicate %r1", Dialect::gnu),
            "f.s:1:1: error: unknown instruction 'frobnicate'\n"
            "     1 | frobnicate %r1\n"
            "       | ^~~~~~~~~~\n");
  EXPECT_EQ(complaint("add %r1 5", Dialect::gnu),
            "f.s:1:9: error: unexpected '5', expected ','\n"
            "     1 | add %r1 5\n"
            "       |         ^\n");
  EXPECT_EQ(complaint("callx"),
            "f.s:1:6: error: the statement ends too early, expected a register (r0 to r10)\n"
            "     1 | callx\n"
            "       |      ^\n");
  auto first_line = [](const std::string& text) { return text.substr(0, text.find('\n')); };
  auto gnu = Dialect::gnu;
  EXPECT_EQ(first_line(complaint("r1 = 0x100000000")),
            "f.s:1:6: error: immediate 4294967296 does not fit, must be -2147483648 to 4294967295");
  EXPECT_EQ(first_line(complaint("r1 = *(u8 *)(r2 + 0x8000)")),
            "f.s:1:17: error: offset 32768 does not fit, must be -32768 to 32767");
  EXPECT_EQ(first_line(complaint("ja 1b", gnu)), "f.s:1:4: error: no label '1:' before this line");
  EXPECT_EQ(first_line(complaint("a: a: exit")), "f.s:1:4: error: symbol 'a' is already defined");
  EXPECT_EQ(first_line(complaint("r1 = 18446744073709551616 ll")),
            "f.s:1:6: error: number does not fit 64 bits: '18446744073709551616'");
  EXPECT_EQ(first_line(complaint("r1 = 5 / 0")), "f.s:1:8: error: division by 0");
  EXPECT_EQ(first_line(complaint(".frob 1")), "f.s:1:1: error: unknown directive '.frob'");
  EXPECT_EQ(first_line(complaint(".byte 256")), "f.s:1:7: error: 256 does not fit 8 bits");
  EXPECT_EQ(first_line(complaint(".byte 1 2")), "f.s:1:9: error: unexpected '2'");
  EXPECT_EQ(first_line(complaint(".byte 1; exit")),
            "f.s:1:10: error: instruction at offset 0x1, which is not a multiple of 8");
  EXPECT_EQ(first_line(complaint("goto 1f; .zero 300000; 1: exit")),
            "f.s:1:6: error: 37500 slots away, at most 32767 fit; 'gotol' reaches further");
  EXPECT_EQ(first_line(complaint(".zero 99999999999")),
            "f.s:1:7: error: the sections would be larger than 268435456 bytes");
  EXPECT_EQ(first_line(complaint(".align 3")),
            "f.s:1:8: error: alignment 3 must be a power of two up to 65536 bytes");
  EXPECT_EQ(first_line(complaint(".ascii \"a")), "f.s:1:8: error: string has no end: '\"a'");
  EXPECT_EQ(first_line(complaint("x = y + 1")), "f.s:1:5: error: symbol 'y' is not defined before this line");
  EXPECT_EQ(
      first_line(complaint("r0 = a * 2\na: exit")),
      "f.s:1:8: error: addresses can only be subtracted from addresses in the same section, or moved by a "
      "number");
  EXPECT_EQ(first_line(complaint(".quad 1<<200")), "f.s:1:8: error: shift by 200, must be 0 to 63");
  EXPECT_EQ(first_line(complaint("r1 = (1 >> -1) ll")), "f.s:1:9: error: shift by -1, must be 0 to 63");
  EXPECT_EQ(complaint("call elsewhere"), "f.s:1: 'elsewhere' is not defined here");
  EXPECT_EQ(complaint("# nothing"), "f.s: no instructions");
}

TEST(assemble, shifts_to_the_last_bit) {
  Diagnostics diagnostics;
  auto assembly = assemble(".quad 1<<63, 1<<63>>63", {}, diagnostics);
  ASSERT_TRUE(assembly.has_value()) << diagnostics.print();
  EXPECT_EQ(assembly->sections[0].bytes, parse_hex("0000000000000080"
                                                   "0100000000000000"));
}

TEST(assemble, says_what_an_expression_lacks) {
  EXPECT_EQ(
      complaint("r0 = ("),
      "f.s:1:7: error: the statement ends too early, expected 's16', 's32', 's8' or a number or symbol\n"
      "     1 | r0 = (\n"
      "       |       ^\n");
  auto first_line = [](const std::string& text) { return text.substr(0, text.find('\n')); };
  auto gnu = Dialect::gnu;
  const std::string early = "error: the statement ends too early, expected ";
  EXPECT_EQ(first_line(complaint("r0 = (1")), "f.s:1:8: " + early + "')'");
  EXPECT_EQ(first_line(complaint("r0 = (1 +")), "f.s:1:10: " + early + "a number or symbol");
  EXPECT_EQ(first_line(complaint("r0 = ((1) 2")), "f.s:1:11: error: unexpected '2', expected ')'");
  EXPECT_EQ(first_line(complaint("r0 = 1 <<")), "f.s:1:10: " + early + "a number or symbol");
  EXPECT_EQ(first_line(complaint("r0 = *(u8 *)(r1 +")), "f.s:1:18: " + early + "a number or symbol");
  EXPECT_EQ(first_line(complaint("mov %r0,(1", gnu)), "f.s:1:11: " + early + "')'");
  EXPECT_EQ(first_line(complaint("r0 += -r1")),
            "f.s:1:8: error: 'r1' cannot stand here, expected a number or symbol");
}

TEST(assemble, names_the_dialect_that_has_the_instruction) {
  EXPECT_EQ(complaint("mov %r0,1"),
            "f.s:1:1: error: unknown instruction 'mov'; the GNU dialect has it (--dialect gnu)\n"
            "     1 | mov %r0,1\n"
            "       | ^~~\n");
  auto first_line = [](const std::string& text) { return text.substr(0, text.find('\n')); };
  EXPECT_EQ(first_line(complaint("goto +1", Dialect::gnu)),
            "f.s:1:1: error: unknown instruction 'goto'; the kernel's dialect has it (--dialect kernel)");
}

TEST(assemble, collects_errors_and_stops) {
  Diagnostics diagnostics;
  EXPECT_EQ(assemble("r1 = \nr2 =\nexit", {.file = "f.s"}, diagnostics).error().message, "f.s: 2 errors");
  Diagnostics many;
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "nonsense\n";
  EXPECT_FALSE(assemble(text, {}, many).has_value());
  EXPECT_EQ(many.errors(), 50u);
}

TEST(assemble, warns_where_64_bits_differ_from_what_is_written) {
  Diagnostics diagnostics;
  ASSERT_TRUE(assemble("r1 = 0xffffffff\nw1 = 0xffffffff", {.file = "f.s"}, diagnostics).has_value());
  ASSERT_EQ(diagnostics.all().size(), 1u);
  EXPECT_EQ(diagnostics.all()[0].message,
            "0xffffffff becomes 0xffffffffffffffff when it is extended to 64 bits");
}

// Hostile text: anything is an error or a program, never a crash; sizes and nesting are bounded.
TEST(assemble, hostile_text) {
  std::string deep(100'000, '(');
  EXPECT_NE(complaint("r1 = " + deep + "1"), "accepted");
  EXPECT_NE(complaint(".byte " + deep + "1"), "accepted");
  EXPECT_EQ(complaint("r1 = " + std::string(100'000, '-') + "1"), "accepted");
  std::uint64_t state = 1;
  const std::string_view pieces[] = {
      "r1",  "w2", "=",  "*(u32 *)", "(",    ")",        "r10 - 8", "5",  "ll",   "goto",
      "if",  "1b", ":",  ".byte",    ",",    ".section", "\"a\\",   "\"", "x",    "s>",
      ">>=", "&",  "\n", ";",        "lock", "%r1",      "[",       "]",  "\xff", ".zero",
      "-",   "+",  "~",  "call",     "/*",   "1:",       ".set",    "."};
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (unsigned i = 0; i < 12; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      text += pieces[(state >> 33) % std::size(pieces)];
      if ((state >> 62) != 0) text += ' ';
    }
    for (Dialect dialect : {Dialect::kernel, Dialect::gnu}) {
      Diagnostics diagnostics;
      auto assembly = assemble(text, {.dialect = dialect}, diagnostics);
      ASSERT_EQ(assembly.has_value(), !diagnostics.has_errors()) << text;
    }
  }
}

}  // namespace
}  // namespace skep::isa
