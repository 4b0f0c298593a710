// .BTF and .BTF.ext of the test objects: golden listings, records, and damage of every kind.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "skep/base/file.h"
#include "skep/btf/btf.h"
#include "skep/btf/ext.h"
#include "skep/btf/print.h"
#include "skep/btf/value.h"
#include "skep/elf/file.h"
#include "tests/support/objects.h"
#include "tests/unit/btf/build.h"

namespace skep::btf {
namespace {

using test_support::Mutator;
using test_support::read_object;
using test_support::read_objects;

Bytes section_of(Bytes object, std::string_view name) {
  auto file = elf::File::parse(object);
  if (!file) return {};
  const elf::Section* section = file->find_section(name);
  return section ? section->bytes : Bytes();
}

// Compares with tests/golden/btf/<name>.txt; BLESS=1 in the environment rewrites it.
void expect_golden(const std::string& name, const std::string& text) {
  std::string path = std::string(SKEP_SOURCE_DIR) + "/tests/golden/btf/" + name + ".txt";
  if (std::getenv("BLESS")) {
    ASSERT_TRUE(base::write_file(path, base::as_bytes(text)).has_value()) << path;
    return;
  }
  auto golden = base::read_file(path);
  ASSERT_TRUE(golden.has_value()) << golden.error().message;
  EXPECT_EQ(text, base::as_text(*golden)) << path;
}

TEST(Objects, listings) {
  for (const char* name :
       {"maps.clang19-v3.o", "globals.clang14-v2.o", "core.clang19-v3.eb.o", "maps.gcc12.o"}) {
    Buffer object = read_object(SKEP_SOURCE_DIR, name);
    auto btf = Btf::parse(section_of(object, ".BTF"));
    ASSERT_TRUE(btf.has_value()) << name << ": " << btf.error().message;
    expect_golden(std::string(name) + ".list", print_types(*btf));
  }
}

TEST(Objects, every_object_parses_whatever_the_compiler) {
  std::map<std::string, std::size_t> with;
  for (const auto& object : read_objects(SKEP_SOURCE_DIR)) {
    Bytes types = section_of(object.bytes, ".BTF");
    if (types.empty()) continue;
    auto btf = Btf::parse(types);
    ASSERT_TRUE(btf.has_value()) << object.name << ": " << btf.error().message;
    auto ext = BtfExt::parse(section_of(object.bytes, ".BTF.ext"), *btf);
    ASSERT_TRUE(ext.has_value()) << object.name << ": " << ext.error().message;
    with["objects"]++;
    with["funcs"] += !ext->funcs.empty();
    with["lines"] += !ext->lines.empty();
    with["relocations"] += !ext->relocations.empty();
    for (const auto& block : ext->funcs)
      for (const FuncInfo& info : block.records) EXPECT_EQ(btf->type(info.type_id).kind, Kind::func);
    for (const auto& block : ext->lines)
      for (const LineInfo& info : block.records) EXPECT_LT(info.line(), 200U);
  }
  EXPECT_GE(with["objects"], 30U);
  EXPECT_GE(with["funcs"], 25U);
  EXPECT_GE(with["lines"], 25U);
  EXPECT_GE(with["relocations"], 3U);
}

TEST(Ext, records_of_one_object) {
  for (const char* name : {"core.clang19-v3.o", "core.clang19-v3.eb.o"}) {
    SCOPED_TRACE(name);
    Buffer object = read_object(SKEP_SOURCE_DIR, name);
    auto btf = Btf::parse(section_of(object, ".BTF"));
    ASSERT_TRUE(btf.has_value());
    auto ext = BtfExt::parse(section_of(object, ".BTF.ext"), *btf);
    ASSERT_TRUE(ext.has_value()) << ext.error().message;
    ASSERT_EQ(ext->funcs.size(), 1U);
    EXPECT_EQ(ext->funcs[0].section, "raw_tp/sched_switch");
    EXPECT_EQ(btf->name(ext->funcs[0].records.at(0).type_id), "walk");
    const auto& lines = ext->lines.at(0).records;
    EXPECT_EQ(btf->string(lines.at(0).file_name_off), "./core.c");
    EXPECT_TRUE(std::ranges::any_of(lines, [&](const LineInfo& info) {
      std::string_view text = btf->string(info.line_off);
      return info.line() == 43 && text.find("get_current_task()") != text.npos;
    }));
    const auto& relocations = ext->relocations.at(0).records;
    std::set<CoreRelo> kinds;
    for (const CoreRelocation& each : relocations) kinds.insert(each.kind);
    EXPECT_EQ(kinds.size(), 13U) << "every kind";
    EXPECT_EQ(relocations[2].slot(), relocations[2].insn_off / 8);
    EXPECT_EQ(btf->string(relocations[2].access_str_off), "0:7:1:1");
    EXPECT_EQ(btf->name(relocations[2].type_id), "task_struct");
    EXPECT_EQ(core_relo_name(relocations[2].kind), "field_byte_offset");
  }
}

// .BTF.ext by hand: one func_info record of `size` bytes.
Buffer ext_bytes(std::uint32_t size, std::uint32_t insn_off, TypeId type, std::uint32_t name_off,
                 std::uint32_t count) {
  base::Writer out;
  out.u16(0xeb9f);
  out.u8(1);
  out.u8(0);
  for (std::uint32_t word : {24U, 0U, 12 + size, 0U, 0U, size, name_off, count, insn_off, type})
    out.u32(word);
  for (std::uint32_t i = 8; i < size; i++) out.u8(0xaa);
  return out.take();
}

TEST(Ext, larger_records_are_read_and_wrong_ones_refused) {
  Build build;
  build.integer("int", 4);
  Buffer types = build.bytes();
  auto btf = Btf::parse(types);
  ASSERT_TRUE(btf.has_value());
  auto error = [&](const Buffer& bytes) {
    auto ext = BtfExt::parse(bytes, *btf);
    return ext ? std::string("accepted") : ext.error().message;
  };
  auto larger = BtfExt::parse(ext_bytes(20, 16, 1, 1, 1), *btf);
  ASSERT_TRUE(larger.has_value()) << larger.error().message;
  EXPECT_EQ(larger->funcs.at(0).records.at(0).slot(), 2U);
  EXPECT_EQ(larger->funcs.at(0).section, "int");

  EXPECT_EQ(error(ext_bytes(4, 0, 1, 1, 1)),
            ".BTF.ext func_info: records take 4 bytes, must be a multiple of 4 of at least 8");
  EXPECT_EQ(error(ext_bytes(8, 4, 1, 1, 1)),
            ".BTF.ext func_info: record at offset 12: instruction offset 4 is not a multiple of 8");
  EXPECT_EQ(error(ext_bytes(8, 8, 2, 1, 1)),
            ".BTF.ext func_info: offset 16: type is 2, but there are 2 types");
  EXPECT_EQ(
      error(ext_bytes(8, 8, 1, 99, 1)),
      ".BTF.ext func_info: offset 4: the section's name is at string offset 99, but the strings end at 5");
  EXPECT_EQ(error(ext_bytes(8, 8, 1, 1, 0xffffffff)),
            ".BTF.ext func_info: 4294967295 records of 8 bytes for section 'int' at offset 4 lie beyond its "
            "end (20 "
            "bytes)");
  Buffer magic = ext_bytes(8, 8, 1, 1, 1);
  magic[0] = 0;
  EXPECT_EQ(error(magic), ".BTF.ext: magic is 0xeb00, must be 0xeb9f");
  EXPECT_EQ(error({}), ".BTF.ext header: ends at byte 0, but 2 bytes are needed at offset 0");
}

// Everything that can be asked of a Btf that was accepted.
void use(const Btf& btf, Bytes bytes) {
  std::string text = print_types(btf);
  (void)print_c(btf);
  for (TypeId id = 0; id < btf.type_count(); id++) {
    (void)btf.size_of(id);
    (void)btf.align_of(id);
    (void)btf.find(btf.name(id));
    (void)print_value(btf, id, bytes, text);
  }
  ASSERT_EQ(text.empty(), btf.type_count() == 1);
}

TEST(Hostile, btf_cut_everywhere) {
  for (const char* name : {"globals.clang19-v3.o", "core.clang19-v3.eb.o", "maps.gcc12.o"}) {
    Buffer object = read_object(SKEP_SOURCE_DIR, name);
    Bytes types = section_of(object, ".BTF"), more = section_of(object, ".BTF.ext");
    for (std::size_t length = 0; length < types.size(); length++) {
      Buffer cut(types.begin(), types.begin() + static_cast<std::ptrdiff_t>(length));
      auto btf = Btf::parse(cut);
      ASSERT_FALSE(btf.has_value()) << name << " cut at " << length;
    }
    auto btf = Btf::parse(types);
    ASSERT_TRUE(btf.has_value());
    if (more.size() < 40) continue;  // bpf-gcc 12 writes no records
    for (std::size_t length = 0; length < more.size(); length++) {
      Buffer cut(more.begin(), more.begin() + static_cast<std::ptrdiff_t>(length));
      ASSERT_FALSE(BtfExt::parse(cut, *btf).has_value()) << name << " cut at " << length;
    }
  }
}

TEST(Hostile, damaged_btf_gives_errors_or_usable_types) {
  Mutator mutator(0xb7f);
  std::size_t accepted = 0, refused = 0, ext_refused = 0;
  for (const char* name : {"maps.clang19-v3.o", "core.clang19-v3.eb.o", "tiny.gcc12.o"}) {
    Buffer object = read_object(SKEP_SOURCE_DIR, name);
    Bytes types = section_of(object, ".BTF"), more = section_of(object, ".BTF.ext");
    auto whole = Btf::parse(types);
    ASSERT_TRUE(whole.has_value());
    for (int round = 0; round < 1500; round++) {
      Buffer bytes = mutator.mutate(types);
      if (round % 2 == 0) {
        // Half of the damage goes to the records rather than the strings.
        bytes.assign(types.begin(), types.end());
        Buffer records = mutator.mutate(types.first(types.size() / 2));
        std::copy(records.begin(), records.end(), bytes.begin());
      }
      auto btf = Btf::parse(bytes);
      if (btf) {
        accepted++;
        use(*btf, Bytes(bytes).first(64));
      } else {
        refused++;
        ASSERT_FALSE(btf.error().message.empty());
        ASSERT_EQ(btf.error().message.find("inconsistent"), std::string::npos)
            << "the culprit is always found";
      }
      Buffer damaged = mutator.mutate(more);
      ext_refused += !BtfExt::parse(damaged, *whole);
    }
  }
  EXPECT_GT(accepted, 500U);
  EXPECT_GT(refused, 500U);
  EXPECT_GT(ext_refused, 500U);
}

}  // namespace
}  // namespace skep::btf
