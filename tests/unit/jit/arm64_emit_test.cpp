// Every AArch64 emitter against the words that llvm-mc gives for the same text:
// tests/golden/jit/arm64_words.txt (lines `assembly | word`; BLESS=1 writes it anew through llvm-mc-19).
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <string>

#include <fmt/format.h>

#include "skep/jit/arm64_emit.h"

namespace skep::jit::arm64 {
namespace {

std::uint32_t word_at(const std::vector<std::uint8_t>& code, std::size_t at) {
  std::uint32_t word;
  std::memcpy(&word, &code[at], 4);
  return word;
}

std::string name(Size size, Reg reg) {
  if (reg == Reg::sp) return size == Size::x ? "sp" : "wsp";
  if (reg == Reg::zr) return size == Size::x ? "xzr" : "wzr";
  return (size == Size::x ? "x" : "w") + std::to_string(static_cast<unsigned>(reg));
}

// What is emitted: assembly -> word.
struct Words {
  std::map<std::string, std::uint32_t> all;

  template <class Emit>
  void add(const std::string& text, Emit emit) {
    Emitter emitter(false);
    emit(emitter);
    auto code = emitter.finish();
    ASSERT_TRUE(code.has_value()) << text << ": " << code.error().message;
    ASSERT_EQ(code->size(), 4u) << text;
    const auto [at, fresh] = all.emplace(text, word_at(*code, 0));
    EXPECT_TRUE(fresh || at->second == word_at(*code, 0)) << text;
  }
};

constexpr Size sizes[] = {Size::w, Size::x};
constexpr const char* alu_names[] = {"add", "sub", "adds", "subs", "and", "orr",  "eor", "ands",
                                     "orn", "lsl", "lsr",  "asr",  "mul", "udiv", "sdiv"};
constexpr const char* cond_names[] = {"eq", "ne", "hs", "lo", "mi", "pl", "vs",
                                      "vc", "hi", "ls", "ge", "lt", "gt", "le"};

struct Three {
  Reg d, n, m;
};
constexpr Three threes[] = {{Reg::x0, Reg::x1, Reg::x2},
                            {Reg::x7, Reg::x7, Reg::x22},
                            {Reg::x30, Reg::x29, Reg::x28},
                            {Reg::x16, Reg::zr, Reg::x9},
                            {Reg::zr, Reg::x15, Reg::zr}};

void arithmetic(Words& words) {
  for (unsigned op = 0; op < std::size(alu_names); op++)
    for (Size size : sizes)
      for (const Three& r : threes) {
        const auto alu = static_cast<Alu>(op);
        const std::string regs = fmt::format("{}, {}, {}", name(size, r.d), name(size, r.n), name(size, r.m));
        words.add(fmt::format("{} {}", alu_names[op], regs),
                  [&](Emitter& e) { e.alu(alu, size, r.d, r.n, r.m); });
        if (alu > Alu::ands) continue;
        for (unsigned shift : {1U, 3U, 31U})
          words.add(fmt::format("{} {}, lsl #{}", alu_names[op], regs, shift),
                    [&](Emitter& e) { e.alu_shifted(alu, size, r.d, r.n, r.m, shift); });
      }
  for (Size size : sizes) {
    for (std::uint64_t value : {0ULL, 1ULL, 8ULL, 512ULL, 4095ULL, 4096ULL, 0xfff000ULL}) {
      EXPECT_TRUE(fits_add(value));
      for (Alu alu : {Alu::add, Alu::sub, Alu::adds, Alu::subs}) {
        const Reg d = alu >= Alu::adds ? Reg::zr : Reg::x5;
        words.add(fmt::format("{} {}, {}, #{}", alu_names[static_cast<unsigned>(alu)], name(size, d),
                              name(size, Reg::x17), value),
                  [&](Emitter& e) { e.alu_imm(alu, size, d, Reg::x17, value); });
      }
    }
    for (std::uint64_t value : {1ULL, 0xffULL, 0xff00ULL, 0x7fffffffULL, 0x80000001ULL, 0x55555555ULL,
                                0xfffffffeULL, 0xfffffffffffffff0ULL, 0x8000000000000000ULL,
                                0xaaaaaaaaaaaaaaaaULL, 0xffffffffULL, 0x00ff00ff00ff00ffULL})
      for (Alu alu : {Alu::and_, Alu::orr, Alu::eor, Alu::ands}) {
        if (!fits_logical(size, value) || (size == Size::w && value >> 32)) continue;
        words.add(fmt::format("{} {}, {}, #{:#x}", alu_names[static_cast<unsigned>(alu)], name(size, Reg::x3),
                              name(size, Reg::x26), value),
                  [&](Emitter& e) { e.alu_imm(alu, size, Reg::x3, Reg::x26, value); });
      }
    for (Alu alu : {Alu::lsl, Alu::lsr, Alu::asr})
      for (unsigned shift : {0U, 1U, 7U, 31U, 63U}) {
        if (size == Size::w && shift > 31) continue;
        words.add(fmt::format("{} {}, {}, #{}", alu_names[static_cast<unsigned>(alu)], name(size, Reg::x4),
                              name(size, Reg::x19), shift),
                  [&](Emitter& e) { e.alu_imm(alu, size, Reg::x4, Reg::x19, shift); });
      }
    const std::string four = fmt::format("{}, {}, {}, {}", name(size, Reg::x1), name(size, Reg::x2),
                                         name(size, Reg::x20), name(size, Reg::x30));
    words.add("madd " + four, [&](Emitter& e) { e.madd(size, Reg::x1, Reg::x2, Reg::x20, Reg::x30); });
    words.add("msub " + four, [&](Emitter& e) { e.msub(size, Reg::x1, Reg::x2, Reg::x20, Reg::x30); });
    words.add(fmt::format("mov {}, {}", name(size, Reg::x9), name(size, Reg::x21)),
              [&](Emitter& e) { e.mov(size, Reg::x9, Reg::x21); });
    words.add(fmt::format("mov {}, {}", name(size, Reg::x7), name(size, Reg::zr)),
              [&](Emitter& e) { e.mov(size, Reg::x7, Reg::zr); });
    for (unsigned shift = 0; shift < (size == Size::x ? 64 : 32); shift += 16) {
      const std::string rest = fmt::format("{}, #{}, lsl #{}", name(size, Reg::x11), 0xbeef, shift);
      words.add("movz " + rest, [&](Emitter& e) { e.movz(size, Reg::x11, 0xbeef, shift); });
      words.add("movn " + rest, [&](Emitter& e) { e.movn(size, Reg::x11, 0xbeef, shift); });
      words.add("movk " + rest, [&](Emitter& e) { e.movk(size, Reg::x11, 0xbeef, shift); });
    }
    words.add(fmt::format("sxtb {}, w6", name(size, Reg::x8)),
              [&](Emitter& e) { e.extend(Extend::sxtb, size, Reg::x8, Reg::x6); });
    words.add(fmt::format("sxth {}, w6", name(size, Reg::x8)),
              [&](Emitter& e) { e.extend(Extend::sxth, size, Reg::x8, Reg::x6); });
    for (unsigned cond = 0; cond < std::size(cond_names); cond++) {
      words.add(fmt::format("csel {}, {}, {}, {}", name(size, Reg::x1), name(size, Reg::zr),
                            name(size, Reg::x10), cond_names[cond]),
                [&](Emitter& e) { e.csel(size, Reg::x1, Reg::zr, Reg::x10, static_cast<Cond>(cond)); });
      words.add(fmt::format("cset {}, {}", name(size, Reg::x12), cond_names[cond]),
                [&](Emitter& e) { e.cset(size, Reg::x12, static_cast<Cond>(cond)); });
    }
  }
  words.add("add sp, x1, #16", [](Emitter& e) { e.alu_imm(Alu::add, Size::x, Reg::sp, Reg::x1, 16); });
  words.add("sub sp, sp, #512", [](Emitter& e) { e.alu_imm(Alu::sub, Size::x, Reg::sp, Reg::sp, 512); });
  words.add("add x29, sp, #0", [](Emitter& e) { e.alu_imm(Alu::add, Size::x, Reg::x29, Reg::sp, 0); });
  words.add("add x9, x9, w3, uxtw", [](Emitter& e) { e.alu_extended(Reg::x9, Reg::x9, Reg::x3); });
  words.add("umaddl x9, w10, w11, x12", [](Emitter& e) { e.umaddl(Reg::x9, Reg::x10, Reg::x11, Reg::x12); });
  words.add("sxtw x7, w0", [](Emitter& e) { e.extend(Extend::sxtw, Size::x, Reg::x7, Reg::x0); });
  words.add("uxtb w7, w0", [](Emitter& e) { e.extend(Extend::uxtb, Size::w, Reg::x7, Reg::x0); });
  words.add("uxth w7, w0", [](Emitter& e) { e.extend(Extend::uxth, Size::w, Reg::x7, Reg::x0); });
  words.add("rev16 w22, w4", [](Emitter& e) { e.swap(Swap::rev16, Reg::x22, Reg::x4); });
  words.add("rev w22, w4", [](Emitter& e) { e.swap(Swap::rev32, Reg::x22, Reg::x4); });
  words.add("rev x22, x4", [](Emitter& e) { e.swap(Swap::rev64, Reg::x22, Reg::x4); });
}

void memory(Words& words) {
  constexpr const char* suffixes[] = {"b", "h", "", "", "sb", "sh", "sw"};
  for (unsigned i = 0; i < std::size(suffixes); i++) {
    const auto mem = static_cast<Mem>(i);
    const Size size = i < 3 ? Size::w : Size::x;
    const std::int64_t bytes = bytes_of(mem);
    for (Reg base : {Reg::x25, Reg::sp})
      for (std::int64_t offset :
           {std::int64_t{0}, std::int64_t{-1}, std::int64_t{-256}, std::int64_t{255}, bytes, 4095 * bytes}) {
        EXPECT_TRUE(fits_offset(mem, offset));
        const bool scaled = offset >= 0 && offset % bytes == 0;
        const std::string rest =
            fmt::format("{} {}, [{}, #{}]", suffixes[i], name(size, Reg::x2), name(Size::x, base), offset);
        words.add((scaled ? "ldr" : "ldur") + rest, [&](Emitter& e) { e.load(mem, Reg::x2, base, offset); });
        if (mem <= Mem::x)
          words.add((scaled ? "str" : "stur") + rest,
                    [&](Emitter& e) { e.store(mem, Reg::x2, base, offset); });
      }
    const std::string t = name(size, Reg::x21);
    words.add(fmt::format("ldr{} {}, [x3, x9]", suffixes[i], t),
              [&](Emitter& e) { e.load_indexed(mem, Reg::x21, Reg::x3, Reg::x9); });
    if (bytes > 1)
      words.add(fmt::format("ldr{} {}, [x3, x9, lsl #{}]", suffixes[i], t, std::countr_zero(bytes_of(mem))),
                [&](Emitter& e) { e.load_scaled(mem, Reg::x21, Reg::x3, Reg::x9); });
    if (mem > Mem::x) continue;
    words.add(fmt::format("str{} {}, [x3, x9]", suffixes[i], t),
              [&](Emitter& e) { e.store_indexed(mem, Reg::x21, Reg::x3, Reg::x9); });
    words.add(fmt::format("str{} {}, [x7, #0]", suffixes[i], name(size, Reg::zr)),
              [&](Emitter& e) { e.store(mem, Reg::zr, Reg::x7, 0); });
    words.add(fmt::format("ldar{} {}, [x20]", suffixes[i], t),
              [&](Emitter& e) { e.load_acquire(mem, Reg::x21, Reg::x20); });
    words.add(fmt::format("stlr{} {}, [x20]", suffixes[i], t),
              [&](Emitter& e) { e.store_release(mem, Reg::x21, Reg::x20); });
    words.add(fmt::format("stlr{} {}, [sp]", suffixes[i], name(size, Reg::zr)),
              [&](Emitter& e) { e.store_release(mem, Reg::zr, Reg::sp); });
  }
  for (int offset : {0, 16, -512, 504}) {
    words.add(fmt::format("ldp x29, x30, [sp, #{}]", offset),
              [&](Emitter& e) { e.load_pair(Reg::x29, Reg::x30, Reg::sp, offset); });
    words.add(fmt::format("stp x19, x20, [x29, #{}]", offset),
              [&](Emitter& e) { e.store_pair(Reg::x19, Reg::x20, Reg::x29, offset); });
    if (offset == 0) continue;  // no such form: asmjit writes the plain one
    words.add(fmt::format("ldp x0, x1, [sp], #{}", offset),
              [&](Emitter& e) { e.load_pair_post(Reg::x0, Reg::x1, Reg::sp, offset); });
    words.add(fmt::format("stp x29, x30, [sp, #{}]!", offset),
              [&](Emitter& e) { e.store_pair_pre(Reg::x29, Reg::x30, Reg::sp, offset); });
  }
}

void atomics(Words& words) {
  constexpr const char* fetch_names[] = {"ldadd", "ldclr", "ldset", "ldeor", "swp"};
  for (Size size : sizes) {
    for (unsigned i = 0; i < std::size(fetch_names); i++) {
      const auto op = static_cast<Fetch>(i);
      words.add(fmt::format("{}al {}, {}, [x9]", fetch_names[i], name(size, Reg::x1), name(size, Reg::x22)),
                [&](Emitter& e) { e.fetch(op, size, Reg::x1, Reg::x22, Reg::x9); });
      words.add(fmt::format("{}al {}, {}, [sp]", fetch_names[i], name(size, Reg::x30), name(size, Reg::x0)),
                [&](Emitter& e) { e.fetch(op, size, Reg::x30, Reg::x0, Reg::sp); });
      words.add(fmt::format("{} {}, {}, [x19]", fetch_names[i], name(size, Reg::x11), name(size, Reg::zr)),
                [&](Emitter& e) { e.fetch_plain(op, size, Reg::x11, Reg::zr, Reg::x19); });
    }
    words.add(fmt::format("casal {}, {}, [x10]", name(size, Reg::x7), name(size, Reg::x2)),
              [&](Emitter& e) { e.cas(size, Reg::x7, Reg::x2, Reg::x10); });
    words.add(fmt::format("ldaxr {}, [x10]", name(size, Reg::x12)),
              [&](Emitter& e) { e.load_exclusive(size, Reg::x12, Reg::x10); });
    words.add(fmt::format("stlxr w17, {}, [x10]", name(size, Reg::x12)),
              [&](Emitter& e) { e.store_exclusive(size, Reg::x17, Reg::x12, Reg::x10); });
  }
  words.add("dmb ish", [](Emitter& e) { e.barrier(); });
}

// Branches over `away` bytes, which llvm-mc takes as an immediate.
void branches(Words& words) {
  auto forward = [](Emitter& e, auto emit) {
    Label to = e.label();
    e.bind(to);
    emit(e, to);
  };
  words.add("b #0", [&](Emitter& e) { forward(e, [](Emitter& at, Label to) { at.b(to); }); });
  words.add("bl #0", [&](Emitter& e) { forward(e, [](Emitter& at, Label to) { at.bl(to); }); });
  words.add("adr x13, #0",
            [&](Emitter& e) { forward(e, [](Emitter& at, Label to) { at.adr(Reg::x13, to, Reg::x14); }); });
  for (unsigned cond = 0; cond < std::size(cond_names); cond++)
    words.add(fmt::format("b.{} #0", cond_names[cond]), [&](Emitter& e) {
      forward(e, [&](Emitter& at, Label to) { at.b(static_cast<Cond>(cond), to); });
    });
  for (Size size : sizes) {
    words.add(fmt::format("cbz {}, #0", name(size, Reg::x23)),
              [&](Emitter& e) { forward(e, [&](Emitter& at, Label to) { at.cbz(size, Reg::x23, to); }); });
    words.add(fmt::format("cbnz {}, #0", name(size, Reg::x23)),
              [&](Emitter& e) { forward(e, [&](Emitter& at, Label to) { at.cbnz(size, Reg::x23, to); }); });
  }
  words.add("blr x16", [](Emitter& e) { e.blr(Reg::x16); });
  words.add("br x16", [](Emitter& e) { e.br(Reg::x16); });
  words.add("ret", [](Emitter& e) { e.ret(); });
  words.add("brk #0x1234", [](Emitter& e) { e.brk(0x1234); });
}

// The words of longer pieces: name -> what they must be, as assembly.
struct Piece {
  std::string code;  // lines
  std::vector<std::uint8_t> bytes;
};

std::vector<Piece> pieces() {
  std::vector<Piece> all;
  auto add = [&](const std::string& code, bool far, auto emit) {
    Emitter emitter(far);
    emit(emitter);
    auto bytes = emitter.finish();
    ASSERT_TRUE(bytes.has_value()) << bytes.error().message;
    all.push_back({code, *bytes});
  };
  auto around = [](Emitter& e, auto emit) {  // a branch back over 8 bytes and one forward over 12
    Label back = e.label(), forth = e.label();
    e.bind(back);
    e.barrier();
    e.barrier();
    emit(back);
    emit(forth);
    e.barrier();
    e.barrier();
    e.bind(forth);
    e.ret();
  };
  auto text = [](const std::string& back, const std::string& forth) {
    return "dmb ish\ndmb ish\n" + back + "\n" + forth + "\ndmb ish\ndmb ish\nret\n";
  };
  add(text("b #-8", "b #12"), false, [&](Emitter& e) { around(e, [&](Label to) { e.b(to); }); });
  add(text("bl #-8", "bl #12"), false, [&](Emitter& e) { around(e, [&](Label to) { e.bl(to); }); });
  add(text("b.lt #-8", "b.lt #12"), false,
      [&](Emitter& e) { around(e, [&](Label to) { e.b(Cond::lt, to); }); });
  add(text("cbz x3, #-8", "cbz x3, #12"), false,
      [&](Emitter& e) { around(e, [&](Label to) { e.cbz(Size::x, Reg::x3, to); }); });
  add(text("cbnz w3, #-8", "cbnz w3, #12"), false,
      [&](Emitter& e) { around(e, [&](Label to) { e.cbnz(Size::w, Reg::x3, to); }); });
  add(text("adr x3, #-8", "adr x3, #12"), false,
      [&](Emitter& e) { around(e, [&](Label to) { e.adr(Reg::x3, to, Reg::x4); }); });
  // far: known places are near, the others lie behind a jump
  add(text("b.lt #-8", "b.ge #8\nb #12"), true,
      [&](Emitter& e) { around(e, [&](Label to) { e.b(Cond::lt, to); }); });
  add(text("cbz x3, #-8", "cbnz x3, #8\nb #12"), true,
      [&](Emitter& e) { around(e, [&](Label to) { e.cbz(Size::x, Reg::x3, to); }); });
  add(text("cbnz w3, #-8", "cbz w3, #8\nb #12"), true,
      [&](Emitter& e) { around(e, [&](Label to) { e.cbnz(Size::w, Reg::x3, to); }); });
  add(text("adr x3, #0\nmovz w4, #65528\nmovk w4, #65535, lsl #16\nadd x3, x3, w4, sxtw",
           "adr x3, #0\nmovz w4, #24\nmovk w4, #0, lsl #16\nadd x3, x3, w4, sxtw"),
      true, [&](Emitter& e) { around(e, [&](Label to) { e.adr(Reg::x3, to, Reg::x4); }); });
  return all;
}

// The words that llvm-mc gives for lines of assembly; empty if it is not there.
std::vector<std::uint32_t> ask_llvm(const std::vector<std::string>& lines) {
  if (std::system("command -v llvm-mc-19 >/dev/null 2>&1") != 0) return {};
  const std::string path = ::testing::TempDir() + "skep_arm64_words.s";
  {
    std::ofstream file(path);
    for (const std::string& line : lines) file << line << '\n';
  }
  std::vector<std::uint32_t> words;
  std::FILE* pipe = popen(
      ("llvm-mc-19 --triple=aarch64 -mattr=+lse,+rcpc --show-encoding '" + path + "' 2>&1").c_str(), "r");
  if (!pipe) return {};
  char line[512];
  while (std::fgets(line, sizeof line, pipe)) {
    const char* at = std::strstr(line, "encoding: [");
    unsigned b[4];
    if (at && std::sscanf(at, "encoding: [0x%x,0x%x,0x%x,0x%x]", &b[0], &b[1], &b[2], &b[3]) == 4)
      words.push_back(b[0] | b[1] << 8 | b[2] << 16 | b[3] << 24);
    else if (std::strstr(line, "error:"))
      ADD_FAILURE() << line;
  }
  pclose(pipe);
  std::remove(path.c_str());
  return words;
}

struct Golden {
  std::vector<std::string> lines;
  std::vector<std::uint32_t> words;
};

const std::string golden_path = std::string(SKEP_SOURCE_DIR) + "/tests/golden/jit/arm64_words.txt";

Golden read_golden() {
  Golden golden;
  std::ifstream file(golden_path);
  std::string line;
  while (std::getline(file, line)) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t bar = line.find(" | ");
    if (bar == std::string::npos) {
      ADD_FAILURE() << "no bar in: " << line;
      continue;
    }
    golden.lines.push_back(line.substr(0, bar));
    golden.words.push_back(static_cast<std::uint32_t>(std::stoul(line.substr(bar + 3), nullptr, 16)));
  }
  return golden;
}

Words emitted() {
  Words words;
  arithmetic(words);
  memory(words);
  atomics(words);
  branches(words);
  return words;
}

// All lines with their words: single instructions, then the pieces line by line.
Golden emitted_lines() {
  Golden all;
  for (const auto& [text, word] : emitted().all) {
    all.lines.push_back(text);
    all.words.push_back(word);
  }
  for (const Piece& piece : pieces()) {
    std::size_t at = 0, word = 0;
    while (at < piece.code.size()) {
      const std::size_t end = piece.code.find('\n', at);
      all.lines.push_back(piece.code.substr(at, end - at));
      if (word + 4 <= piece.bytes.size()) all.words.push_back(word_at(piece.bytes, word));
      word += 4;
      at = end + 1;
    }
    EXPECT_EQ(word, piece.bytes.size()) << piece.code;
  }
  EXPECT_EQ(all.lines.size(), all.words.size());
  return all;
}

TEST(Arm64Emit, words_are_the_golden_ones) {
  const Golden ours = emitted_lines();
  if (std::getenv("BLESS")) {
    const std::vector<std::uint32_t> words = ask_llvm(ours.lines);
    ASSERT_EQ(words.size(), ours.lines.size());
    std::ofstream file(golden_path);
    file << "# AArch64 instructions and the words that llvm-mc 19 gives for them: what the emitters are held "
            "against.\n";
    for (std::size_t i = 0; i < words.size(); i++)
      file << fmt::format("{} | {:08x}\n", ours.lines[i], words[i]);
  }
  const Golden golden = read_golden();
  ASSERT_EQ(golden.lines, ours.lines);
  for (std::size_t i = 0; i < ours.words.size(); i++)
    EXPECT_EQ(fmt::format("{:08x}", ours.words[i]), fmt::format("{:08x}", golden.words[i])) << ours.lines[i];
}

TEST(Arm64Emit, golden_words_are_those_of_llvm_mc) {
  const Golden golden = read_golden();
  const std::vector<std::uint32_t> words = ask_llvm(golden.lines);
  if (words.empty()) GTEST_SKIP() << "llvm-mc-19 is not there: the golden words are taken on trust";
  ASSERT_EQ(words.size(), golden.words.size());
  for (std::size_t i = 0; i < words.size(); i++) EXPECT_EQ(words[i], golden.words[i]) << golden.lines[i];
}

// What a sequence of movz, movn, movk and orr leaves in the register.
std::uint64_t run_moves(const std::vector<std::uint8_t>& code) {
  std::uint64_t value = 0;
  for (std::size_t at = 0; at < code.size(); at += 4) {
    const std::uint32_t word = word_at(code, at);
    const bool wide = word >> 31;
    const std::uint64_t imm = word >> 5 & 0xffff;
    const unsigned shift = (word >> 21 & 3) * 16;
    switch (word >> 23 & 0x3f) {
      case 0x25:  // movz, movn, movk by bits 30:29
        if ((word >> 29 & 3) == 2) value = imm << shift;
        if ((word >> 29 & 3) == 0) value = ~(imm << shift);
        if ((word >> 29 & 3) == 3) value = (value & ~(std::uint64_t{0xffff} << shift)) | imm << shift;
        break;
      case 0x24: {  // orr immediate: the inverse of the encoding
        const unsigned n = word >> 22 & 1, r = word >> 16 & 63, s = word >> 10 & 63;
        const auto length = static_cast<unsigned>(31 - std::countl_zero(n << 6 | (~s & 63)));
        const unsigned size = 1U << length, levels = size - 1;
        const unsigned ones = (s & levels) + 1, turn = r & levels;
        std::uint64_t element = ones == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << ones) - 1;
        if (turn) element = element >> turn | element << (size - turn);
        if (size < 64) element &= (std::uint64_t{1} << size) - 1;
        value = 0;
        for (unsigned i = 0; i < 64; i += size) value |= element << i;
        break;
      }
      default: ADD_FAILURE() << fmt::format("unexpected word {:08x}", word);
    }
    if (!wide) value &= 0xffff'ffff;
  }
  return value;
}

TEST(Arm64Emit, mov_imm_gives_the_value) {
  std::vector<std::pair<std::uint64_t, std::size_t>> known = {{0, 1},
                                                              {1, 1},
                                                              {0xffff, 1},
                                                              {0x10000, 1},
                                                              {0x12345678, 2},
                                                              {~0ULL, 1},
                                                              {~1ULL, 1},
                                                              {0xffffffff, 1},
                                                              {0xfffffffe, 1},
                                                              {0xffffffffffff1234, 1},
                                                              {0x5555555555555555, 1},
                                                              {0x00ff00ff00ff00ff, 1},
                                                              {0x7ffff7a01234, 3},
                                                              {0x123456789abcdef0, 4},
                                                              {0x8000000000000000, 1},
                                                              {0xffffffff80000000, 1},
                                                              {0xffffffff12345678, 2},
                                                              {0xffff0000ffff0000, 1}};
  std::uint64_t random = 88172645463325252ULL;
  for (unsigned i = 0; i < 20000; i++) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    std::uint64_t value = random;
    for (unsigned half = 0; half < 4; half++) {  // many halves of zeros and ones
      if (random >> (half * 2) & 1) continue;
      const std::uint64_t mask = std::uint64_t{0xffff} << 16 * half;
      value = random >> (half * 2 + 1) & 1 ? value | mask : value & ~mask;
    }
    known.push_back({value, 0});
  }
  for (const auto& [value, length] : known) {
    Emitter emitter(false);
    emitter.mov_imm(Reg::x10, value);
    auto code = emitter.finish();
    ASSERT_TRUE(code.has_value());
    EXPECT_EQ(run_moves(*code), value) << fmt::format("{:#x}", value);
    EXPECT_LE(code->size(), 16u);
    if (length != 0) {
      EXPECT_EQ(code->size(), length * 4) << fmt::format("{:#x}", value);
    }
  }
}

TEST(Arm64Emit, short_branches_that_do_not_reach_are_refused_and_far_ones_do) {
  for (bool far : {false, true}) {
    Emitter emitter(far);
    Label back = emitter.label(), forth = emitter.label();
    emitter.bind(back);
    emitter.cbz(Size::x, Reg::x1, forth);
    for (unsigned i = 0; i < 300000; i++) emitter.word(0xd503201f);
    emitter.cbz(Size::x, Reg::x1, back);  // its place is known: far forms where needed
    emitter.bind(forth);
    auto code = emitter.finish();
    if (!far) {
      ASSERT_FALSE(code.has_value());
      EXPECT_EQ(code.error().code, ERANGE);
      continue;
    }
    ASSERT_TRUE(code.has_value()) << code.error().message;
    EXPECT_EQ(word_at(*code, 0), 0xb5000041u);                                     // cbnz x1, #8
    EXPECT_EQ(word_at(*code, 4), 0x14000000u + (300000 + 3));                      // b
    EXPECT_EQ(word_at(*code, 300002 * 4), 0xb5000041u);                            // cbnz x1, #8
    EXPECT_EQ(word_at(*code, 300003 * 4), 0x14000000u | (0x3ffffffu & -300003u));  // b
  }
}

}  // namespace
}  // namespace skep::jit::arm64
