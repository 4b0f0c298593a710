// Objects that the writer makes, read back.
#include "skep/elf/write.h"

#include <gtest/gtest.h>

namespace skep::elf {
namespace {

NewFile sample(std::endian order) {
  NewFile file{.order = order, .flags = 3};
  file.sections = {
      {.name = "xdp",
       .flags = shf::alloc | shf::execinstr,
       .align = 8,
       .bytes = Buffer(24, 0x95),
       .relocations = {{.offset = 0, .type = r_bpf::r64_64, .symbol = 3},
                       {.offset = 16, .type = r_bpf::r64_32, .symbol = 1}}},
      {.name = ".bss", .type = sht::nobits, .flags = shf::alloc | shf::write, .align = 16, .size = 40},
  };
  file.symbols = {
      {.name = "prog", .size = 24, .type = stt::func, .binding = stb::global, .place = Place::section},
      {.name = "", .type = stt::section, .place = Place::section, .section = 0},
      {.name = "a.c", .type = stt::file, .place = Place::absolute},
      {.name = "og", .binding = stb::weak, .visibility = stv::hidden},
      {.name = "c",
       .value = 8,
       .size = 4,
       .type = stt::object,
       .binding = stb::global,
       .place = Place::common},
  };
  return file;
}

TEST(elf_write, what_is_written_is_read_back) {
  for (std::endian order : {std::endian::little, std::endian::big}) {
    Buffer bytes = write(sample(order)).value();
    File file = File::parse(bytes).value();
    EXPECT_EQ(file.order(), order);
    EXPECT_EQ(file.machine(), em_bpf);
    EXPECT_EQ(file.flags(), 3u);
    const Section& xdp = *file.find_section("xdp");
    EXPECT_EQ(Buffer(xdp.bytes.begin(), xdp.bytes.end()), Buffer(24, 0x95));
    EXPECT_EQ(xdp.offset % 8, 0u);
    EXPECT_TRUE(xdp.executable());
    EXPECT_EQ(file.find_section(".bss")->size, 40u);
    EXPECT_EQ(file.find_section(".bss")->align, 16u);
    ASSERT_EQ(file.relocations(xdp.index).size(), 2u);
    EXPECT_EQ(file.describe_symbol(file.relocations(xdp.index)[0].symbol), "'og'");
    EXPECT_EQ(file.describe_symbol(file.relocations(xdp.index)[1].symbol), "section 'xdp'");
    // files, locals, others
    ASSERT_EQ(file.symbols().size(), 6u);
    EXPECT_EQ(file.symbol(1).name, "a.c");
    EXPECT_EQ(file.symbol(1).place, Place::absolute);
    EXPECT_EQ(file.symbol(2).type, stt::section);
    EXPECT_EQ(file.symbol(3).name, "prog");
    EXPECT_EQ(file.symbol(4).visibility, stv::hidden);
    EXPECT_EQ(file.symbol(4).place, Place::undefined);
    EXPECT_EQ(file.symbol(5).place, Place::common);
    EXPECT_EQ(file.find_section(".symtab")->info, 3u);
    // "og" lies inside "prog"
    EXPECT_EQ(file.symbol(4).name.data(), file.symbol(3).name.data() + 2);
  }
}

TEST(elf_write, significant_addresses) {
  NewFile file = sample(std::endian::little);
  file.address_significant = {0, 4};
  Buffer bytes = write(file).value();
  File parsed = File::parse(bytes).value();
  const Section& section = *parsed.find_section(".llvm_addrsig");
  EXPECT_EQ(Buffer(section.bytes.begin(), section.bytes.end()), (Buffer{3, 5}));
  EXPECT_EQ(section.type, sht::llvm_addrsig);
}

TEST(elf_write, empty_file) {
  Buffer bytes = write({}).value();
  File file = File::parse(bytes).value();
  EXPECT_EQ(file.sections().size(), 3u);
  EXPECT_EQ(file.symbols().size(), 1u);
}

// More sections than the header can count and symbols can name.
TEST(elf_write, seventy_thousand_sections) {
  NewFile file;
  for (int i = 0; i < 70000; i++) file.sections.push_back({.name = "s", .bytes = {1}});
  file.symbols.push_back({.name = "last", .place = Place::section, .section = 69999});
  file.symbols.push_back({.name = "first", .place = Place::section, .section = 0});
  Buffer bytes = write(file).value();
  File read = File::parse(bytes).value();
  EXPECT_EQ(read.sections().size(), 70004u);
  EXPECT_EQ(read.find_symbol("last")->section, 70001u);
  EXPECT_EQ(read.find_symbol("first")->section, 2u);
}

TEST(elf_write, names_what_is_wrong) {
  auto message = [](const NewFile& file) { return write(file).error().message; };
  NewFile file = sample(std::endian::little);
  file.sections[0].relocations[0].symbol = 9;
  EXPECT_EQ(message(file), "section 'xdp': a relocation names symbol 9, but there are 5 symbols");
  file = sample(std::endian::little);
  file.sections[0].relocations[0].offset = 24;
  EXPECT_EQ(message(file), "section 'xdp': a relocation is at offset 24, but the section has 24 bytes");
  file = sample(std::endian::little);
  file.sections[1].align = 0;
  EXPECT_EQ(message(file), "section '.bss': alignment 0 is no power of two");
  file = sample(std::endian::little);
  file.symbols[0].section = 2;
  EXPECT_EQ(message(file), "symbol 'prog': lies in section 2, but there are 2 sections");
  file = sample(std::endian::little);
  file.address_significant = {5};
  EXPECT_EQ(message(file), "symbol 5 has a significant address, but there are 5 symbols");
}

}  // namespace
}  // namespace skep::elf
