// Disassembly: listings as other tools print them, source that gives the same object back, JSON, graphs,
// damaged files.
#include "skep/object/disassemble.h"

#include <gtest/gtest.h>

#include <map>

#include "skep/base/file.h"
#include "skep/object/assembled.h"
#include "skep/object/core_text.h"
#include "tests/support/objects.h"

namespace skep::object {
namespace {

using test_support::Mutator;
using test_support::read_object;
using test_support::read_objects;

std::string golden(const std::string& name) {
  Buffer text = base::read_file(std::string(SKEP_SOURCE_DIR) + "/tests/golden/disasm/" + name).value();
  return std::string(base::as_text(text));
}

TEST(disassemble, as_llvm_objdump_prints) {
  for (std::string name : {"core.clang19-v3.o", "maps.clang19-v3.eb.o", "maps.gcc12.o"}) {
    Buffer bytes = read_object(SKEP_SOURCE_DIR, name);
    elf::File file = elf::File::parse(bytes).value();
    auto text = disassemble(
        file, {.name = "tests/objects/" + name, .raw = true, .source = true, .relocations = true});
    EXPECT_EQ(text.value(), golden(name + ".llvm.txt")) << name;
  }
}

TEST(disassemble, as_binutils_prints) {
  for (std::string name : {"core.clang19-v3.o", "maps.gcc12.eb.o"}) {
    Buffer bytes = read_object(SKEP_SOURCE_DIR, name);
    elf::File file = elf::File::parse(bytes).value();
    auto text =
        disassemble(file, {.name = "tests/objects/" + name, .dialect = isa::Dialect::gnu, .raw = true});
    EXPECT_EQ(text.value(), golden(name + ".binutils.txt")) << name;
  }
}

// What an object holds, whatever the order of its tables.
std::multimap<std::string, std::string> contents(const elf::File& file) {
  std::multimap<std::string, std::string> all;
  auto symbol_text = [&](const elf::Symbol& s) {
    std::string place = s.place == elf::Place::section ? std::string(file.section(s.section).name)
                                                       : fmt::format("{}", static_cast<int>(s.place));
    return fmt::format("{} {} {} {} {}", place, s.value, s.type, s.binding, s.visibility);
  };
  for (const elf::Section& section : file.sections()) {
    if (section.type <= elf::sht::null || section.type == elf::sht::symtab ||
        section.type == elf::sht::strtab || section.type == elf::sht::rel ||
        section.type == elf::sht::llvm_addrsig || (section.name == ".text" && section.size == 0))
      continue;
    std::string key = "section " + std::string(section.name);
    all.emplace(key, fmt::format("{} {} {} {}", section.type, section.flags, section.align, section.size));
    all.emplace(key + " bytes", std::string(base::as_text(section.bytes)));
    for (const elf::Relocation& r : file.relocations(section.index))
      all.emplace(key + " relocations",
                  fmt::format("{} {} {} {}", r.offset, r.type, file.describe_symbol(r.symbol),
                              symbol_text(file.symbol(r.symbol))));
  }
  for (const elf::Symbol& symbol : file.symbols())
    if (symbol.type != elf::stt::section && !symbol.name.empty())
      all.emplace("symbol " + std::string(symbol.name),
                  symbol_text(symbol) + fmt::format(" {}", symbol.size));
  return all;
}

Result<Buffer> assemble_again(const elf::File& file, isa::Dialect dialect, std::string& text) {
  text = TRY(print_source(file, {.name = "it", .dialect = dialect}));
  Diagnostics diagnostics;
  isa::AssembleOptions options{.dialect = dialect, .file = "it.s", .order = file.order()};
  auto assembly = isa::assemble(text, options, diagnostics);
  if (!assembly) return fail(EINVAL, "{}", diagnostics.print());
  return elf::write(new_file(std::move(*assembly), file.order()));
}

TEST(print_source, assembles_to_the_same_object) {
  for (const auto& object : read_objects(SKEP_SOURCE_DIR))
    for (isa::Dialect dialect : {isa::Dialect::kernel, isa::Dialect::gnu}) {
      elf::File file = elf::File::parse(object.bytes).value();
      std::string text;
      auto made = assemble_again(file, dialect, text);
      ASSERT_TRUE(made.has_value()) << object.name << ": " << made.error().message;
      EXPECT_EQ(contents(elf::File::parse(*made).value()), contents(file)) << object.name;
    }
}

// Things that compilers do not make: odd names, labels in the middle of instructions, objects among them,
// bytes that are no instructions, symbols without a place.
constexpr std::string_view odd_source = R"(
    .file "odd.c"
number = 0x1234
    .comm shared, 24, 8
    .weak perhaps
    .section "a b/c-d","ax",@progbits
    .globl r1
    .type r1,@object
"odd name":
    r0 = 0x1122334455667788 ll
    .byte 1,2,3
inside:
    .byte 4,5,6,7,8
    "r1" = "odd name" + 8
    goto +1
    goto -300
    .type table,@object
table:
    .quad "odd name", perhaps + 16, 0, 0x9500000000000000
    if w3 s< -1 goto +2
    call "odd name"
    call perhaps
    r2 = shared + 8 ll
    r2 = .Lsomewhere ll
    exit
    .section .rodata.str,"aMS",@progbits,1
    .asciz "abc"
.Lsomewhere: .asciz "d"
    .section .note.other,"e",@0x7fff0001
    .long table, inside - table
    .reloc 0, R_BPF_NONE, number
    .bss
    .protected counter
counter: .zero 100
)";

TEST(print_source, odd_objects) {
  Diagnostics diagnostics;
  auto assembly = isa::assemble(odd_source, {}, diagnostics);
  ASSERT_TRUE(assembly.has_value()) << diagnostics.print();
  Buffer bytes = elf::write(new_file(std::move(*assembly), std::endian::little)).value();
  elf::File file = elf::File::parse(bytes).value();
  for (isa::Dialect dialect : {isa::Dialect::kernel, isa::Dialect::gnu}) {
    std::string text;
    auto made = assemble_again(file, dialect, text);
    ASSERT_TRUE(made.has_value()) << text << made.error().message;
    EXPECT_EQ(contents(elf::File::parse(*made).value()), contents(file)) << text;
  }
}

TEST(disassemble, chooses_sections_and_functions) {
  Buffer bytes = read_object(SKEP_SOURCE_DIR, "maps.clang19-v3.o");
  elf::File file = elf::File::parse(bytes).value();
  std::string all = disassemble(file, {.name = "x"}).value();
  EXPECT_NE(all.find("<tail_one>:"), all.npos);
  std::string some = disassemble(file, {.name = "x", .functions = {"count"}}).value();
  EXPECT_EQ(some.find("<tail_one>:"), some.npos);
  EXPECT_NE(some.find("Disassembly of section xdp/count:\n\n0000000000000000 <count>:"), some.npos);
  EXPECT_EQ(disassemble(file, {.sections = {"xdp/count"}, .functions = {"tail_one"}}).error().message,
            "there is no function 'tail_one'");
  EXPECT_EQ(disassemble(file, {.sections = {"nowhere"}}).error().message, "there is no section 'nowhere'");
}

TEST(draw_cfg, names_what_relocations_name) {
  Buffer bytes = read_object(SKEP_SOURCE_DIR, "maps.clang19-v3.o");
  elf::File file = elf::File::parse(bytes).value();
  std::string dot = draw_cfg(file, {.functions = {"count"}}).value();
  EXPECT_TRUE(dot.starts_with("digraph \"count\" {"));
  EXPECT_NE(dot.find("r1 = flows ll"), dot.npos);
  EXPECT_NE(dot.find("label=\"count\""), dot.npos);
  Buffer calls = read_object(SKEP_SOURCE_DIR, "globals.clang19-v3.o");
  elf::File other = elf::File::parse(calls).value();
  EXPECT_NE(draw_cfg(other, {}).value().find("call global_sub"), std::string::npos);
}

TEST(disassemble_json, has_every_instruction) {
  Buffer bytes = read_object(SKEP_SOURCE_DIR, "core.clang19-v3.o");
  elf::File file = elf::File::parse(bytes).value();
  std::string json = disassemble_json(file, {.name = "x"}).value();
  std::string text = disassemble(file, {.name = "x"}).value();
  auto count = [](std::string_view in, std::string_view what) {
    std::size_t found = 0;
    for (std::size_t at = in.find(what); at != in.npos; at = in.find(what, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count(json, "\"slot\":"), count(text, ":\t") - 1);  // the heading has one, too
  EXPECT_NE(json.find("<byte_off> [5] struct task_struct::group_leader (0:3)"), json.npos);
}

// Whatever is in the file: an error or text, and source that assembles.
TEST(disassemble, damaged_objects) {
  Mutator mutator(4);
  std::size_t printed = 0;
  for (const auto& object : read_objects(SKEP_SOURCE_DIR))
    for (int round = 0; round < 12; ++round) {
      Buffer bytes = mutator.mutate(object.bytes);
      auto file = elf::File::parse(bytes);
      if (!file) continue;
      std::string warning;
      DisassembleOptions options{.name = "x", .source = true, .relocations = true, .warning = &warning};
      printed += disassemble(*file, options).has_value();
      printed += disassemble_json(*file, options).has_value();
      (void)draw_cfg(*file, options);
      std::string text;
      auto made = assemble_again(*file, isa::Dialect::kernel, text);
      if (!made && !text.empty())
        ADD_FAILURE() << object.name << " " << round << ": " << made.error().message;
    }
  EXPECT_GT(printed, 200u);
}

TEST(disassemble, sections_that_share_their_bytes) {
  elf::NewFile made;
  for (int i = 0; i < 100; i++)
    made.sections.push_back(
        {.name = "s", .flags = elf::shf::execinstr, .bytes = Buffer(i == 0 ? 80000 : 8, 0x95)});
  Buffer bytes = elf::write(made).value();
  // Every section gets the first one's place and size.
  std::uint64_t table = base::load<std::uint64_t>(&bytes[40], std::endian::little);
  for (std::uint64_t i = 3; i < 102; i++)
    std::copy_n(&bytes[table + 2 * 64 + 24], 16, &bytes[table + i * 64 + 24]);
  elf::File file = elf::File::parse(bytes).value();
  EXPECT_EQ(disassemble(file, {}).error().message, "section 3 's': overlaps other sections");
  EXPECT_EQ(print_source(file, {}).error().message.find("section 3 's': "), 0u);
}

}  // namespace
}  // namespace skep::object
