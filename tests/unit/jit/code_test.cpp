// The code as an object: its memory, its maps of places, its constants.
#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>

#include "engines.h"

namespace skep::jit::testing {
namespace {

std::unique_ptr<image::Image> sample() {
  auto image =
      lower({make("mov64_reg", 6, 1), make("lddw", 0, 0, 0, 0x1122'3344'5566'7788),
             make("add64_imm", 0, 0, 0, 0x1234'567), make("call_local", 0, 0, 0, 1), make("exit"),
             make("mov64_imm", 0, 0, 0, 0x7654'321), make("xor64_imm", 0, 0, 0, -0x1111'111), make("exit")});
  image->trusted = true;
  return image;
}

// Lines of /proc/self/maps: address range and rights.
std::string rights_of(const void* at) {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line)) {
    std::istringstream text(line);
    std::uint64_t from = 0, to = 0;
    char dash = 0;
    std::string rights;
    text >> std::hex >> from >> dash >> to >> rights;
    const auto address = reinterpret_cast<std::uint64_t>(at);
    if (address >= from && address < to) return rights;
  }
  return "none";
}

TEST(Memory, no_page_is_writable_and_executable) {
  auto image = sample();
  auto code = compile(*image);
  ASSERT_TRUE(code);
  std::ifstream maps("/proc/self/maps");
  std::string line;
  int executable = 0;
  while (std::getline(maps, line)) {
    const std::string rights = line.substr(line.find(' ') + 1, 4);
    executable += rights[2] == 'x';
    EXPECT_FALSE(rights[1] == 'w' && rights[2] == 'x') << line;
  }
  EXPECT_GT(executable, 1);
  const Bytes bytes = code->bytes();
  EXPECT_EQ(rights_of(bytes.data()).substr(0, 3), "r-x");
  EXPECT_EQ(rights_of(bytes.data() - 1).substr(0, 3), "---");
  EXPECT_EQ(rights_of(bytes.data() + (bytes.size() + 4095) / 4096 * 4096).substr(0, 3), "---");
}

TEST(Memory, code_moves_and_is_given_back) {
  auto image = sample();
  const void* at = nullptr;
  {
    Code code = *compile(*image);
    at = code.bytes().data();
    Code moved = std::move(code);
    EXPECT_EQ(moved.bytes().data(), at);
    Machine machine;
    image::RunContext ctx;
    std::uint64_t r0 = 0;
    EXPECT_TRUE(machine.run(moved, ctx, &r0));
    EXPECT_EQ(r0, std::uint64_t{0x7654'321} ^ static_cast<std::uint64_t>(-0x1111'111));
  }
  EXPECT_NE(rights_of(at).substr(0, 3), "r-x");
}

TEST(Places, native_code_and_instructions_know_each_other) {
  auto image = sample();
  auto code = compile(*image);
  ASSERT_TRUE(code);
  std::uint32_t last = 0;
  for (std::uint32_t i = 0; i < image->insts.size(); i++) {
    const std::uint32_t offset = code->native_of(i);
    EXPECT_GE(offset, last);
    last = offset;
    EXPECT_LE(code->inst_of(offset), i);
    EXPECT_EQ(code->native_of(code->inst_of(offset)), offset);
  }
  EXPECT_EQ(code->inst_of(0), image::Image::no_inst);
  EXPECT_EQ(code->slot_of(code->native_of(2)), isa::Slot{3});
  EXPECT_FALSE(code->slot_of(0));
  EXPECT_EQ(code->native_of(5), code->entry(1) == code->native_of(5) ? code->entry(1) : code->native_of(5));
  auto symbols = code->symbols();
  ASSERT_EQ(symbols.size(), 2u);
  EXPECT_EQ(symbols[0].name, "bpf_prog_test");
  EXPECT_EQ(symbols[1].name, "bpf_prog_test_f1");
  EXPECT_EQ(symbols[1].at, code->bytes().data() + code->entry(1));
  EXPECT_EQ(static_cast<const std::uint8_t*>(symbols[0].at) + symbols[0].size, symbols[1].at);
}

bool contains(Bytes code, std::uint64_t value, std::size_t size) {
  std::uint8_t bytes[8];
  std::memcpy(bytes, &value, 8);
  return std::search(code.begin(), code.end(), bytes, bytes + size) != code.end();
}

TEST(Blinding, no_constant_of_the_program_is_in_the_code) {
  const std::uint32_t marker = 0x13579bdf;
  for (const isa::Op& row : isa::ops()) {
    const bool shift = row.operation == isa::Operation::lsh || row.operation == isa::Operation::rsh ||
                       row.operation == isa::Operation::arsh;
    Program p{make("mov64_reg", 6, 1), make("mov64_imm", 0)};
    if ((row.action == isa::Class::alu && row.source == isa::Source::imm && !shift) ||
        (row.action == isa::Class::load_imm64 && row.operation == isa::Operation::imm64)) {
      p.push_back(
          make(row.name, 0, 0, 0, row.slots == 2 ? std::int64_t{0x13579bdf'13579bdf} : std::int64_t{marker}));
    } else if (row.action == isa::Class::store_imm && row.width >= 32) {
      p.push_back(make(row.name, 10, 0, -8, marker));
    } else if (row.action == isa::Class::jump_if && row.source == isa::Source::imm) {
      p.push_back(make(row.name, 0, 0, 0, marker));
    } else if (row.action == isa::Class::packet_absolute || row.action == isa::Class::packet_indirect) {
      p.push_back(make(row.name, 0, 0, 0, marker));
    } else {
      continue;
    }
    p.push_back(make("exit"));
    auto image = lower(p);
    image->trusted = true;
    Options options;
    options.blind_constants = true;
    for (std::uint64_t seed : {1, 2, 3}) {
      options.blind_seed = seed;
      auto code = compile(*image, options);
      ASSERT_TRUE(code);
      EXPECT_FALSE(contains(code->bytes(), marker, 4)) << row.name;
    }
    options.blind_constants = false;
    const bool division = row.operation == isa::Operation::div || row.operation == isa::Operation::sdiv ||
                          row.operation == isa::Operation::mod || row.operation == isa::Operation::smod;
    if (!division && host_features().bmi2) {
      EXPECT_TRUE(contains(compile(*image, options)->bytes(), marker, 4)) << row.name;
    }
  }
}

TEST(Blinding, seeds_give_different_code) {
  auto image = sample();
  Options options;
  options.blind_constants = true;
  options.blind_seed = 1;
  auto one = compile(*image, options);
  options.blind_seed = 2;
  auto two = compile(*image, options);
  ASSERT_TRUE(one && two);
  EXPECT_FALSE(
      std::equal(one->bytes().begin(), one->bytes().end(), two->bytes().begin(), two->bytes().end()));
}

TEST(Targets, other_machines_code_is_made_but_not_run) {
  auto image = sample();
  Options options;
  options.target = Target::x86_64;
  auto code = compile(*image, options);
  ASSERT_TRUE(code);
  EXPECT_EQ(code->target(), Target::x86_64);
  EXPECT_GT(code->bytes().size(), 0u);
}

}  // namespace
}  // namespace skep::jit::testing
