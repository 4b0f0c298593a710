// Whole objects through parse(): the golden listings of tests/objects, the rules of map definitions, damage.
#include "skep/object/parse.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "skep/base/file.h"
#include "skep/object/core.h"
#include "skep/object/print.h"
#include "skep/uapi/flags.h"
#include "tests/support/objects.h"

namespace skep::object {
namespace {

Buffer object_bytes(const std::string& name) { return test_support::read_object(SKEP_SOURCE_DIR, name); }

Result<ObjectSpec> parse_file(const std::string& name, OpenOptions options = {}) {
  Diagnostics warnings;
  if (options.name.empty()) options.name = object_name(name);
  return parse(object_bytes(name), options, warnings);
}

TEST(Parse, GoldenListings) {
  const bool bless = std::getenv("BLESS") != nullptr;
  auto objects = test_support::read_objects(SKEP_SOURCE_DIR);
  ASSERT_GT(objects.size(), 30u);
  for (const auto& object : objects) {
    Diagnostics warnings;
    Result<ObjectSpec> spec = parse(object.bytes, {.name = object_name(object.name)}, warnings);
    std::string text = warnings.print();
    text += spec ? print(*spec) : fmt::format("error: {}\n", spec.error().message);
    std::string path = fmt::format("{}/tests/golden/object/{}.txt", SKEP_SOURCE_DIR, object.name);
    if (bless) std::ofstream(path, std::ios::binary) << text;
    auto stored = base::read_file(path);
    ASSERT_TRUE(stored) << stored.error().message;
    EXPECT_EQ(base::as_text(*stored), text) << "run the test with BLESS=1 to write " << path;
  }
}

// Each function behind the first that calls it, an exception callback last; hidden ones are static for the
// kernel.
TEST(Parse, FunctionsOfAProgram) {
  auto spec = parse_file("functions.clang19-v3.o");
  ASSERT_TRUE(spec) << spec.error().message;
  auto names = [&](const char* program) {
    std::string out;
    for (const Function& function : spec->find_program(program)->functions) out += function.name + " ";
    return out;
  };
  EXPECT_EQ(names("entry"), "entry first deep second handler ");
  EXPECT_EQ(names("twice"), "twice ");  // two callbacks: the verifier says what is wrong
  auto linkage = [&](const char* name) {
    return spec->btf->type(*spec->btf->find(name, btf::Kind::func)).func_linkage();
  };
  EXPECT_EQ(linkage("second"), btf::linkage::static_);
  EXPECT_EQ(linkage("first"), btf::linkage::global);
}

// Every compiler and byte order must say the same about the same source.
TEST(Parse, MapsAgreeOverCompilers) {
  for (const char* name : {"maps.clang14-v1.o", "maps.clang14-v2.o", "maps.clang19-v1.o", "maps.clang19-v3.o",
                           "maps.clang19-v4.o", "maps.clang19-v3.eb.o"}) {
    SCOPED_TRACE(name);
    auto spec = parse_file(name);
    ASSERT_TRUE(spec) << spec.error().message;
    EXPECT_EQ(std::count_if(spec->maps.begin(), spec->maps.end(),
                            [](const MapSpec& m) { return !m.is_internal(); }),
              8);
    const MapSpec* flows = spec->find_map("flows");
    ASSERT_NE(flows, nullptr);
    EXPECT_EQ(flows->type, uapi::MapType::hash);
    EXPECT_EQ(flows->max_entries, 1024u);
    EXPECT_EQ(flows->flags, uapi::map_no_prealloc | uapi::map_numa_node);
    EXPECT_EQ(flows->key_size, 16u);
    EXPECT_EQ(flows->value_size, 16u);
    EXPECT_EQ(flows->pinning, Pinning::by_name);
    EXPECT_EQ(spec->find_map("bloom")->map_extra, 3u);

    const MapSpec* outer = spec->find_map("outer");
    ASSERT_EQ(outer->inner.size(), 1u);
    EXPECT_EQ(outer->inner[0].type, uapi::MapType::array);
    EXPECT_EQ(outer->inner[0].name, "outer.inner");
    EXPECT_EQ(outer->value_size, 4u);
    ASSERT_EQ(outer->initial.size(), 2u);
    EXPECT_EQ(outer->initial[0].key, 0u);
    EXPECT_EQ(spec->maps[outer->initial[0].index].name, "inner_a");
    EXPECT_EQ(outer->initial[1].key, 2u);
    EXPECT_EQ(spec->maps[outer->initial[1].index].name, "inner_b");
    EXPECT_EQ(spec->find_map("outer_anonymous")->inner[0].type, uapi::MapType::lru_hash);

    const MapSpec* jumps = spec->find_map("jumps");
    ASSERT_EQ(jumps->initial.size(), 1u);
    EXPECT_TRUE(jumps->initial[0].is_program);
    EXPECT_EQ(jumps->initial[0].key, 1u);
    EXPECT_EQ(spec->programs[jumps->initial[0].index].name, "tail_one");

    const ProgramSpec* count = spec->find_program("count");
    ASSERT_NE(count, nullptr);
    EXPECT_EQ(count->license, "GPL");
    EXPECT_FALSE(count->relocs.empty());
    for (const Reloc& reloc : count->relocs) {
      if (reloc.kind == RelocKind::map_value) continue;  // constants in .rodata
      EXPECT_EQ(reloc.kind, RelocKind::map);
      EXPECT_EQ(spec->maps[reloc.index].name, reloc.symbol);
      EXPECT_EQ(count->insns[reloc.slot].opcode, 0x18);
    }
  }
}

TEST(Parse, SubprogramsAreLinkedOnceEach) {
  for (const char* name : {"globals.clang14-v1.o", "globals.clang19-v3.o", "globals.clang19-v3.eb.o",
                           "globals.clang19-v4.o", "globals.gcc12.o"}) {
    SCOPED_TRACE(name);
    auto spec = parse_file(name);
    ASSERT_TRUE(spec) << spec.error().message;
    const ProgramSpec* classify = spec->find_program("classify");
    ASSERT_NE(classify, nullptr);
    EXPECT_EQ(classify->type, uapi::ProgType::sched_cls);
    ASSERT_EQ(classify->functions.size(), 4u);
    EXPECT_EQ(classify->functions[0].name, "classify");
    Slot end = 0;
    for (const Function& f : classify->functions) {
      EXPECT_EQ(f.first, end);
      end += f.count;
    }
    EXPECT_EQ(end, classify->insns.size());
    // Each local call lands on the first instruction of a function; each function is reached.
    std::vector<int> reached(classify->functions.size());
    for (Slot slot = 0; slot < classify->insns.size(); slot++) {
      const Insn& insn = classify->insns[slot];
      if (insn.opcode != 0x85 || insn.src() != isa::pseudo::call) continue;
      bool found = false;
      for (std::size_t i = 0; i < classify->functions.size(); i++)
        if (classify->functions[i].first == slot + 1 + static_cast<Slot>(insn.imm)) {
          found = true;
          reached[i]++;
        }
      EXPECT_TRUE(found) << "slot " << slot;
    }
    for (std::size_t i = 1; i < reached.size(); i++) EXPECT_GT(reached[i], 0) << classify->functions[i].name;
    // One record for each function, at its first slot, of the function's own name.
    if (spec->btf && !classify->func_info.empty()) {
      ASSERT_EQ(classify->func_info.size(), classify->functions.size());
      for (std::size_t i = 0; i < classify->functions.size(); i++) {
        EXPECT_EQ(classify->func_info[i].slot, classify->functions[i].first);
        EXPECT_EQ(spec->btf->name(classify->func_info[i].type_id), classify->functions[i].name);
      }
    }
    const ProgramSpec* second = spec->find_program("second");
    ASSERT_NE(second, nullptr);
    EXPECT_FALSE(second->autoload);
    EXPECT_EQ(second->type, uapi::ProgType::socket_filter);
    EXPECT_EQ(second->functions.size(), 2u);
  }
}

TEST(Parse, DataSectionsBecomeMaps) {
  auto spec = parse_file("globals.clang19-v3.o");
  ASSERT_TRUE(spec) << spec.error().message;
  const MapSpec* data = spec->find_map(".data");
  ASSERT_NE(data, nullptr);
  EXPECT_EQ(data->name, "globals.data");
  EXPECT_EQ(data->flags, uapi::map_mmapable);
  EXPECT_EQ(data->contents.size(), data->value_size);
  const MapSpec* rodata = spec->find_map("globals.rodata");
  ASSERT_NE(rodata, nullptr);
  EXPECT_TRUE(rodata->freeze);
  EXPECT_EQ(rodata->flags, uapi::map_mmapable | uapi::map_rdonly_prog);
  EXPECT_NE(spec->find_map(".data.tuned"), nullptr);
  EXPECT_EQ(spec->find_map(".data.tuned")->name, ".data.tuned");
  EXPECT_TRUE(spec->find_map(".bss")->contents.empty());

  // A variable's bytes are where BTF says.
  btf::Type datasec = spec->btf->type(data->value_type_id);
  bool found = false;
  for (btf::VarSecinfo info : datasec.vars())
    if (spec->btf->name(info.type) == "counter") {
      found = true;
      EXPECT_EQ(base::load<std::uint32_t>(data->contents.data() + info.offset, std::endian::little), 7u);
    }
  EXPECT_TRUE(found);
}

TEST(Parse, Externs) {
  auto spec = parse_file("globals.clang19-v3.o");
  ASSERT_TRUE(spec) << spec.error().message;
  const MapSpec* kconfig = spec->find_map(".kconfig");
  ASSERT_NE(kconfig, nullptr);
  EXPECT_EQ(kconfig->name, "globals.kconfig");
  EXPECT_EQ(kconfig->value_size, 24u);  // int, enum, char[16]
  auto ext = [&](std::string_view name) -> const ExternSpec& {
    for (const ExternSpec& e : spec->externs)
      if (e.name == name) return e;
    ADD_FAILURE() << name;
    return spec->externs[0];
  };
  EXPECT_EQ(ext("LINUX_KERNEL_VERSION").kconfig_type, KconfigType::integer);
  EXPECT_FALSE(ext("LINUX_KERNEL_VERSION").weak);
  EXPECT_EQ(ext("CONFIG_BPF_SYSCALL").kconfig_type, KconfigType::tristate);
  EXPECT_EQ(ext("CONFIG_DEFAULT_HOSTNAME").kconfig_type, KconfigType::char_array);
  EXPECT_EQ(ext("bpf_prog_put").kind, ExternKind::ksym_typeless);
  EXPECT_EQ(ext("bpf_prog_active").kind, ExternKind::ksym_typed);
  EXPECT_EQ(ext("bpf_rcu_read_lock").kind, ExternKind::kfunc);
  EXPECT_TRUE(ext("bpf_rcu_read_lock").weak);
}

TEST(Parse, LegacyMaps) {
  for (const char* name : {"legacy.clang19-v3.o", "legacy.clang14-v2.o", "legacy.gcc12.o"}) {
    SCOPED_TRACE(name);
    Diagnostics warnings;
    auto spec = parse(object_bytes(name), {.name = "legacy"}, warnings);
    ASSERT_TRUE(spec) << spec.error().message;
    ASSERT_NE(spec->find_map("acl"), nullptr);
    EXPECT_EQ(spec->find_map("acl")->origin, MapOrigin::legacy);
    EXPECT_EQ(spec->find_map("acl")->key_size, 4u);
    EXPECT_EQ(spec->find_map("acl")->max_entries, 16u);
    EXPECT_EQ(spec->find_map("acl")->flags, uapi::map_no_prealloc);
    EXPECT_EQ(spec->find_map("stats")->type, uapi::MapType::array);
    EXPECT_NE(warnings.print().find("legacy map definitions"), std::string::npos);

    auto refused = parse_file(name, {.strict = true});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ENOTSUP);
    EXPECT_EQ(refused.error().message,
              "legacy map definitions in 'maps' section are not supported by libbpf v1.0+");
  }
  auto spec = parse_file("legacy_iproute2.clang19-v2.o");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->find_map("acl")->pin_path, "/sys/fs/bpf/tc/globals/acl");
  EXPECT_EQ(spec->find_map("stats")->pin_path, "");
}

TEST(Parse, StructOps) {
  auto spec = parse_file("struct_ops.clang19-v3.o");
  ASSERT_TRUE(spec) << spec.error().message;
  const MapSpec* tiny = spec->find_map("tiny");
  ASSERT_NE(tiny, nullptr);
  EXPECT_EQ(tiny->origin, MapOrigin::struct_ops);
  ASSERT_EQ(tiny->initial.size(), 3u);
  EXPECT_EQ(spec->programs[tiny->initial[0].index].name, "tiny_init");
  EXPECT_EQ(spec->programs[tiny->initial[2].index].name, "tiny_ssthresh");
  EXPECT_EQ(spec->find_map("tiny_link")->flags, uapi::map_link);
}

TEST(Parse, ObjectName) {
  EXPECT_EQ(object_name("/tmp/firewall.bpf.o"), "firewall");
  EXPECT_EQ(object_name("a-b.o"), "a_b");
  EXPECT_EQ(object_name(""), "");
}

TEST(Parse, Flavours) {
  EXPECT_EQ(without_flavour("task_struct___old"), "task_struct");
  EXPECT_EQ(without_flavour("task___a___b"), "task___a");
  EXPECT_EQ(without_flavour("___old"), "___old");
  EXPECT_EQ(without_flavour("a____b"), "a____b");
  EXPECT_EQ(without_flavour("plain"), "plain");
  EXPECT_EQ(without_flavour("end___"), "end___");
}

// Damaged objects give a result or an error, never a crash, and the listing survives what parse() accepts.
TEST(Parse, DamagedObjects) {
  auto objects = test_support::read_objects(SKEP_SOURCE_DIR);
  test_support::Mutator mutator(20261122);
  std::size_t accepted = 0, refused = 0;
  for (const auto& object : objects)
    for (int i = 0; i < 60; i++) {
      Buffer damaged = mutator.mutate(object.bytes);
      Diagnostics warnings;
      auto spec = parse(damaged, {.name = "damaged"}, warnings);
      if (spec) {
        accepted++;
        EXPECT_FALSE(print(*spec).empty());
      } else {
        refused++;
        EXPECT_FALSE(spec.error().message.empty());
        EXPECT_GT(spec.error().code, 0);
      }
    }
  EXPECT_GT(accepted, 100u);
  EXPECT_GT(refused, 100u);
}

TEST(Parse, TruncatedObjects) {
  Buffer bytes = object_bytes("maps.clang19-v3.o");
  ASSERT_FALSE(bytes.empty());
  for (std::size_t length = 0; length < bytes.size(); length += 61) {
    Diagnostics warnings;
    auto spec = parse(Bytes(bytes).first(length), {.name = "cut"}, warnings);
    EXPECT_FALSE(spec) << length;
  }
}

}  // namespace
}  // namespace skep::object
