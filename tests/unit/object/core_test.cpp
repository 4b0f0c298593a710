// CO-RE: laws that hold for every object, and a kernel's types where the reference data has them.
#include "skep/object/core.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "skep/object/parse.h"
#include "tests/support/objects.h"
#include "tests/support/xz.h"

namespace skep::object {
namespace {

ObjectSpec core_object(const std::string& name) {
  Diagnostics warnings;
  auto spec = parse(test_support::read_object(SKEP_SOURCE_DIR, name), {.name = "core"}, warnings);
  EXPECT_TRUE(spec) << spec.error().message;
  return spec ? std::move(*spec) : ObjectSpec{};
}

bool poisoned(const ProgramSpec& program, Slot slot) {
  return program.insns[slot].opcode == 0x85 && program.insns[slot].imm == core_poison;
}

// A program adapted to the types that it was compiled with is the program itself.
TEST(Core, OwnTypesChangeNothing) {
  for (const char* name : {"core.clang14-v2.o", "core.clang19-v3.o"}) {
    SCOPED_TRACE(name);
    ObjectSpec spec = core_object(name);
    ASSERT_EQ(spec.programs.size(), 1u);
    ProgramSpec program = spec.programs[0];
    ASSERT_FALSE(program.core_relos.empty());
    std::vector<std::string> notes;
    const btf::Btf* targets[] = {spec.btf.get()};
    auto applied = apply_core(program, *spec.btf, targets, notes);
    ASSERT_TRUE(applied) << applied.error().message;
    EXPECT_TRUE(notes.empty()) << notes[0];
    for (const CoreRelo& relo : program.core_relos) {
      EXPECT_FALSE(poisoned(program, relo.slot));
      // Compilers leave the local answer in place (for bitfields each its own choice of load).
      if (relo.kind == btf::CoreRelo::field_byte_offset || relo.kind == btf::CoreRelo::field_exists ||
          relo.kind == btf::CoreRelo::field_signed) {
        EXPECT_EQ(program.insns[relo.slot], spec.programs[0].insns[relo.slot])
            << btf::core_relo_name(relo.kind) << " at " << relo.slot;
      }
    }
  }
}

// Without any type to adapt to, questions of existence answer 0 and the rest is poison with a note.
TEST(Core, NothingThere) {
  ObjectSpec spec = core_object("core.clang19-v3.o");
  ProgramSpec program = spec.programs[0];
  std::vector<std::string> notes;
  ASSERT_TRUE(apply_core(program, *spec.btf, {}, notes));
  std::size_t poison = 0;
  for (const CoreRelo& relo : program.core_relos) {
    bool known = relo.kind == btf::CoreRelo::field_exists || relo.kind == btf::CoreRelo::type_exists ||
                 relo.kind == btf::CoreRelo::type_matches || relo.kind == btf::CoreRelo::type_size ||
                 relo.kind == btf::CoreRelo::type_id_target || relo.kind == btf::CoreRelo::enumval_exists;
    if (relo.kind == btf::CoreRelo::type_id_local) continue;
    EXPECT_EQ(poisoned(program, relo.slot), !known) << btf::core_relo_name(relo.kind);
    poison += poisoned(program, relo.slot);
    if (known) {
      EXPECT_EQ(program.insns[relo.slot].imm, 0) << btf::core_relo_name(relo.kind);
    }
  }
  EXPECT_GT(poison, 0u);
  EXPECT_EQ(notes.size(), poison);
}

TEST(Core, KernelTypes) {
  auto bytes = test_support::read_xz(SKEP_DATA_DIR "/btf/linux-6.12.btf.xz");
  if (!bytes) GTEST_SKIP() << "no reference BTF: " << bytes.error().message;
  auto kernel = btf::Btf::parse(*bytes);
  ASSERT_TRUE(kernel) << kernel.error().message;
  btf::Type task = kernel->type(*kernel->find("task_struct", btf::Kind::struct_));
  std::uint32_t tgid = 0, leader = 0;
  for (btf::Member member : task.members()) {
    if (member.name == "tgid") tgid = member.bit_offset / 8;
    if (member.name == "group_leader") leader = member.bit_offset / 8;
  }
  ASSERT_GT(tgid, 0u);

  ObjectSpec spec = core_object("core.clang19-v3.o");
  ProgramSpec program = spec.programs[0];
  std::vector<std::string> notes;
  const btf::Btf* targets[] = {&*kernel};
  auto applied = apply_core(program, *spec.btf, targets, notes);
  ASSERT_TRUE(applied) << applied.error().message;
  int seen = 0;
  for (const CoreRelo& relo : program.core_relos) {
    if (spec.btf->name(relo.type_id) != "task_struct") continue;
    const Insn& insn = program.insns[relo.slot];
    if (relo.kind == btf::CoreRelo::field_byte_offset && relo.access == "0:1") {
      EXPECT_EQ(insn.imm, static_cast<std::int32_t>(tgid));
      seen++;
    }
    if (relo.kind == btf::CoreRelo::field_byte_offset && relo.access == "0:3") {
      EXPECT_EQ(insn.imm, static_cast<std::int32_t>(leader));
      seen++;
    }
    if (relo.kind == btf::CoreRelo::type_exists) {
      EXPECT_EQ(insn.imm, 1);
      seen++;
    }
  }
  EXPECT_GE(seen, 3);
}

TEST(Core, MalformedRecords) {
  ObjectSpec spec = core_object("core.clang19-v3.o");
  const btf::Btf* targets[] = {spec.btf.get()};
  for (const char* access : {"", ":", "0:", "0:x", "99999999999", "0:77777", "-1", "0::1"}) {
    ProgramSpec program = spec.programs[0];
    CoreRelo relo = program.core_relos[0];
    relo.access = access;
    program.core_relos = {relo};
    std::vector<std::string> notes;
    auto applied = apply_core(program, *spec.btf, targets, notes);
    ASSERT_FALSE(applied) << access;
    EXPECT_EQ(applied.error().code, EINVAL);
  }
}

}  // namespace
}  // namespace skep::object
