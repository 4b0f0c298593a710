// Reading of the test objects: what each compiler wrote, and what damaged objects answer.
#include "skep/elf/file.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "skep/base/endian.h"
#include "tests/support/objects.h"

namespace skep::elf {
namespace {

using test_support::Mutator;
using test_support::read_object;
using test_support::read_objects;

std::string error_of(Bytes bytes) {
  auto file = File::parse(bytes);
  return file ? "accepted" : file.error().message;
}

TEST(File, every_test_object_parses) {
  std::map<std::uint32_t, std::size_t> types;
  auto objects = read_objects(SKEP_SOURCE_DIR);
  ASSERT_GT(objects.size(), 30U);
  for (const auto& object : objects) {
    auto file = File::parse(object.bytes);
    ASSERT_TRUE(file.has_value()) << object.name << ": " << file.error().message;
    EXPECT_EQ(file->machine(), em_bpf) << object.name;
    bool big = object.name.find(".eb.o") != object.name.npos;
    EXPECT_EQ(file->order(), big ? std::endian::big : std::endian::little) << object.name;
    const Section* license = file->find_section("license");
    ASSERT_NE(license, nullptr) << object.name;
    EXPECT_GE(license->bytes.size(), 4U) << object.name;
    for (const Section& section : file->sections())
      for (const Relocation& relocation : file->relocations(section.index)) {
        types[relocation.type]++;
        EXPECT_LT(relocation.offset, section.bytes.size());
      }
  }
  // All that clang writes; bpf-gcc's old numbers 11 and 12 became ABS32 and ABS64.
  std::set<std::uint32_t> seen;
  for (auto [type, count] : types) seen.insert(type);
  EXPECT_EQ(seen, (std::set<std::uint32_t>{r_bpf::r64_64, r_bpf::r64_abs64, r_bpf::r64_abs32,
                                           r_bpf::r64_nodyld32, r_bpf::r64_32}));
}

TEST(File, sections_symbols_and_relocations_of_one_object) {
  for (const char* name :
       {"maps.clang19-v3.o", "maps.clang19-v3.eb.o", "maps.clang14-v1.o", "maps.gcc12.o"}) {
    SCOPED_TRACE(name);
    Buffer bytes = read_object(SKEP_SOURCE_DIR, name);
    auto file = File::parse(bytes);
    ASSERT_TRUE(file.has_value()) << file.error().message;
    const Section* program = file->find_section("xdp/count");
    ASSERT_NE(program, nullptr);
    EXPECT_TRUE(program->executable());
    EXPECT_EQ(program->bytes.size() % 8, 0U);
    EXPECT_EQ(file->section(program->index).name, "xdp/count");

    std::set<std::string> maps;
    for (const Relocation& relocation : file->relocations(program->index)) {
      EXPECT_EQ(relocation.type, r_bpf::r64_64);
      EXPECT_EQ(program->bytes[relocation.offset], 0x18) << "lddw";
      const Symbol& symbol = file->symbol(relocation.symbol);
      EXPECT_EQ(file->section(symbol.section).name, ".maps");
      maps.insert(std::string(symbol.name));
    }
    EXPECT_EQ(maps, (std::set<std::string>{"flows", "jumps", "outer", "outer_anonymous"}));

    const Section* definitions = file->find_section(".maps");
    ASSERT_NE(definitions, nullptr);
    std::multiset<std::string> initial;
    for (const Relocation& relocation : file->relocations(definitions->index)) {
      EXPECT_EQ(relocation.type, r_bpf::r64_abs64);
      initial.insert(std::string(file->symbol(relocation.symbol).name));
    }
    EXPECT_EQ(initial, (std::multiset<std::string>{"inner_a", "inner_b", "tail_one"}));

    const Symbol* count = file->find_symbol("count");
    ASSERT_NE(count, nullptr);
    EXPECT_EQ(count->type, stt::func);
    EXPECT_EQ(count->binding, stb::global);
    EXPECT_EQ(count->place, Place::section);
    EXPECT_EQ(count->section, program->index);
    EXPECT_EQ(count->size, program->bytes.size());
    EXPECT_EQ(file->find_symbol("no such symbol"), nullptr);
    EXPECT_EQ(file->find_section("no such section"), nullptr);
  }
}

TEST(File, calls_weak_symbols_externs_and_nobits) {
  Buffer bytes = read_object(SKEP_SOURCE_DIR, "globals.clang19-v3.o");
  auto file = File::parse(bytes);
  ASSERT_TRUE(file.has_value()) << file.error().message;
  EXPECT_EQ(file->find_symbol("weak_sub")->binding, stb::weak);
  EXPECT_EQ(file->find_symbol("LINUX_KERNEL_VERSION")->place, Place::undefined);
  EXPECT_EQ(file->find_symbol("bpf_prog_put")->binding, stb::weak);
  const Section* bss = file->find_section(".bss");
  ASSERT_NE(bss, nullptr);
  EXPECT_TRUE(bss->nobits());
  EXPECT_EQ(bss->size, 16U);
  EXPECT_TRUE(bss->bytes.empty());
  std::size_t calls = 0;
  const Section* tc = file->find_section("tc");
  for (const Relocation& relocation : file->relocations(tc->index)) {
    if (relocation.type != r_bpf::r64_32) continue;
    EXPECT_EQ(tc->bytes[relocation.offset], 0x85) << "call";
    calls++;
  }
  EXPECT_GE(calls, 3U);
  EXPECT_EQ(relocation_type_name(r_bpf::r64_32), "R_BPF_64_32");
  EXPECT_EQ(relocation_type_name(77), "relocation type 77");
}

class Damaged : public testing::Test {
 protected:
  void SetUp() override {
    bytes_ = read_object(SKEP_SOURCE_DIR, "tiny.clang19-v3.o");
    ASSERT_GT(bytes_.size(), 64U);
    auto file = File::parse(bytes_);
    ASSERT_TRUE(file.has_value());
    for (const Section& section : file->sections()) {
      if (section.type == sht::symtab) symtab_ = section;
      if (section.type == sht::rel) rel_ = section;
      if (section.name == "xdp") xdp_ = section;
    }
    headers_ = base::load<std::uint64_t>(&bytes_[40], std::endian::little);
  }
  // Overwrites a field of a section header.
  template <class T>
  void set_header(const Section& section, std::size_t field, T value) {
    base::store(&bytes_[headers_ + section.index * 64 + field], value, std::endian::little);
  }
  template <class T>
  void set(std::size_t at, T value) {
    base::store(&bytes_[at], value, std::endian::little);
  }
  Buffer bytes_;
  Section symtab_, rel_, xdp_;
  std::uint64_t headers_ = 0;
};

TEST_F(Damaged, other_machines_are_named) {
  set<std::uint16_t>(18, 62);
  EXPECT_EQ(error_of(bytes_), "is for machine 62 (x86-64), must be 247 (BPF)");
  EXPECT_EQ(File::parse(bytes_).error().code, ENOEXEC);
  set<std::uint16_t>(18, 4711);
  EXPECT_EQ(error_of(bytes_), "is for machine 4711, must be 247 (BPF)");
}

TEST_F(Damaged, machine_none_of_early_llvm_is_accepted) {
  set<std::uint16_t>(18, 0);
  EXPECT_EQ(error_of(bytes_), "accepted");
}

TEST_F(Damaged, other_files_are_refused) {
  EXPECT_EQ(error_of({}), "not an ELF file: does not begin with 7f 45 4c 46");
  EXPECT_EQ(error_of(base::as_bytes("#!/bin/sh\n")), "not an ELF file: does not begin with 7f 45 4c 46");
  EXPECT_EQ(error_of(Bytes(bytes_).first(40)),
            "ELF header: the file ends at byte 40, but the header takes 64");
  Buffer other = bytes_;
  other[4] = 1;
  EXPECT_EQ(error_of(other), "ELF header: class is 1, must be 2 (64-bit)");
  other = bytes_;
  other[5] = 3;
  EXPECT_EQ(error_of(other), "ELF header: byte order is 3, must be 1 (little endian) or 2 (big endian)");
  set<std::uint16_t>(16, 3);
  EXPECT_EQ(error_of(bytes_), "ELF header: type is 3 (a shared object), must be 1 (a relocatable object)");
}

TEST_F(Damaged, sections_outside_of_the_file_are_named) {
  set_header<std::uint64_t>(xdp_, 32, 0x1'0000'0000);
  EXPECT_EQ(error_of(bytes_),
            "section 3 'xdp': 4294967296 bytes at offset 64 lie outside the file (1824 bytes)");
  set_header<std::uint64_t>(xdp_, 32, 8);
  set_header<std::uint64_t>(xdp_, 24, UINT64_MAX);
  EXPECT_EQ(error_of(bytes_),
            "section 3 'xdp': 8 bytes at offset 18446744073709551615 lie outside the file (1824 bytes)");
}

TEST_F(Damaged, section_headers_outside_of_the_file) {
  set<std::uint64_t>(40, UINT64_MAX - 10);
  EXPECT_NE(error_of(bytes_).find("section header 0: 64 bytes at offset 18446744073709551605"),
            std::string::npos)
      << error_of(bytes_);
  set<std::uint64_t>(40, headers_);
  set<std::uint16_t>(60, 0xfeff);
  EXPECT_EQ(error_of(bytes_), "section headers: 65279 at offset " + std::to_string(headers_) +
                                  " lie outside the file (1824 bytes)");
  // Extended numbering: the count stands in header 0, 4 GiB of them.
  set<std::uint16_t>(60, 0);
  set<std::uint64_t>(headers_ + 32, 0x1'0000'0000);
  EXPECT_NE(error_of(bytes_).find("section headers: 4294967296 at"), std::string::npos) << error_of(bytes_);
}

TEST_F(Damaged, names_outside_of_their_table_and_without_end) {
  set_header<std::uint32_t>(xdp_, 0, 0xffffffff);
  EXPECT_NE(error_of(bytes_).find("section 3: section header: name at offset 4294967295 lies outside"),
            std::string::npos)
      << error_of(bytes_);
  SetUp();
  auto file = File::parse(bytes_);
  const Section& strings = file->section(symtab_.link);
  bytes_[strings.offset + strings.size - 1] = 'x';
  EXPECT_NE(error_of(bytes_).find("of the string table never ends"), std::string::npos) << error_of(bytes_);
}

TEST_F(Damaged, symbols_and_relocations_that_point_nowhere) {
  std::size_t symbol = symtab_.offset + 24;
  set<std::uint16_t>(symbol + 6, 200);
  EXPECT_NE(error_of(bytes_).find("lies in section 200, but there are"), std::string::npos)
      << error_of(bytes_);
  SetUp();
  set<std::uint32_t>(rel_.offset + 12, 0x00ffffff);
  EXPECT_NE(error_of(bytes_).find("names symbol 16777215, but there are"), std::string::npos)
      << error_of(bytes_);
  SetUp();
  set<std::uint64_t>(rel_.offset, 0x1'0000'0000);
  EXPECT_NE(error_of(bytes_).find("relocation 0 is at offset 4294967296, but section"), std::string::npos)
      << error_of(bytes_);
  SetUp();
  set_header<std::uint32_t>(rel_, 4, sht::rela);
  EXPECT_EQ(File::parse(bytes_).error().code, EOPNOTSUPP);
  EXPECT_NE(error_of(bytes_).find("RELA relocations"), std::string::npos) << error_of(bytes_);
  SetUp();
  set_header<std::uint64_t>(symtab_, 32, symtab_.size - 1);
  EXPECT_NE(error_of(bytes_).find("is not a multiple of 24"), std::string::npos) << error_of(bytes_);
}

TEST(Hostile, objects_cut_at_every_seventh_byte) {
  for (const auto& object : read_objects(SKEP_SOURCE_DIR)) {
    for (std::size_t length = 0; length < object.bytes.size(); length += 7) {
      // A copy of exact size, so that a sanitizer sees what is read behind it.
      Buffer cut(object.bytes.begin(), object.bytes.begin() + static_cast<std::ptrdiff_t>(length));
      auto file = File::parse(cut);
      ASSERT_FALSE(file.has_value()) << object.name << " cut at " << length;
      ASSERT_FALSE(file.error().message.empty());
    }
  }
}

TEST(Hostile, damaged_objects_give_errors_or_consistent_tables) {
  Mutator mutator(0x5eed);
  std::size_t accepted = 0, refused = 0;
  for (const auto& object : read_objects(SKEP_SOURCE_DIR)) {
    for (int round = 0; round < 300; round++) {
      Buffer bytes = mutator.mutate(object.bytes);
      auto file = File::parse(bytes);
      if (!file) {
        refused++;
        ASSERT_FALSE(file.error().message.empty());
        continue;
      }
      accepted++;
      for (const Symbol& symbol : file->symbols())
        if (symbol.place == Place::section) {
          ASSERT_LT(symbol.section, file->sections().size());
        }
      for (const Section& section : file->sections())
        for (const Relocation& relocation : file->relocations(section.index)) {
          ASSERT_LT(relocation.symbol, file->symbols().size());
          ASSERT_LT(relocation.offset, section.bytes.size());
          ASSERT_FALSE(file->describe_symbol(relocation.symbol).empty());
        }
    }
  }
  EXPECT_GT(accepted, 1000U);
  EXPECT_GT(refused, 1000U);
}

// Damage where it hurts most: ELF header and section headers.
TEST(Hostile, damaged_headers) {
  Mutator mutator(0xe1f);
  Buffer object = read_object(SKEP_SOURCE_DIR, "maps.clang19-v3.o");
  auto headers = base::load<std::uint64_t>(&object[40], std::endian::little);
  std::size_t refused = 0;
  for (int round = 0; round < 5000; round++) {
    Buffer bytes = object;
    bool front = mutator.below(4) == 0;
    std::size_t begin = front ? 16 : headers, end = front ? 64 : object.size();
    Buffer part = mutator.mutate(Bytes(object).subspan(begin, end - begin));
    std::copy(part.begin(), part.end(), bytes.begin() + static_cast<std::ptrdiff_t>(begin));
    auto file = File::parse(bytes);
    refused += !file;
  }
  EXPECT_GT(refused, 1000U);
}

}  // namespace
}  // namespace skep::elf
