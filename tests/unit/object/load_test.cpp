// load() against a side that only takes notes: what is asked of it, in which order, with which numbers.
#include "skep/object/load.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "skep/object/btf_for_load.h"
#include "skep/object/parse.h"
#include "skep/uapi/attr.h"
#include "tests/support/objects.h"
#include "tests/support/xz.h"

namespace skep::object {
namespace {

// A bpf(2) that accepts everything and remembers it. `refuse` fails one command with a log.
class Notes final : public uapi::Sys {
 public:
  struct Loaded {
    std::string name;
    std::vector<Insn> insns;
    std::uint32_t func_infos = 0, type = 0, attach_btf_id = 0, attach_type = 0;
  };
  std::vector<std::string> lines;
  std::map<int, std::string> map_names;  // by descriptor
  std::map<std::string, Buffer> values;  // of key 0
  std::map<std::string, std::uint32_t> vmlinux_types;
  std::vector<Loaded> programs;
  std::set<int> open;
  std::string refused_program, log;
  bool refuse_btf = false;

  std::string_view side() const override { return "notes"; }
  long bpf(uapi::Command command, void* attr, std::uint32_t) override {
    switch (command) {
      case uapi::Command::map_create: {
        auto* a = static_cast<uapi::MapCreateAttr*>(attr);
        int fd = give();
        map_names[fd] = a->map_name;
        vmlinux_types[a->map_name] = a->btf_vmlinux_value_type_id;
        sizes_[fd] = a->value_size;
        lines.push_back(fmt::format("create {}", a->map_name));
        return fd;
      }
      case uapi::Command::map_update_elem: {
        auto* a = static_cast<uapi::MapElemAttr*>(attr);
        auto fd = static_cast<int>(a->map_fd);
        auto* value = reinterpret_cast<const std::uint8_t*>(a->value);
        auto key = base::load<std::uint32_t>(reinterpret_cast<const void*>(a->key));
        values[map_names[fd]] = Buffer(value, value + sizes_[fd]);
        lines.push_back(fmt::format("update {} [{}]", map_names[fd], key));
        return 0;
      }
      case uapi::Command::map_freeze:
        lines.push_back(fmt::format(
            "freeze {}", map_names[static_cast<int>(static_cast<uapi::MapElemAttr*>(attr)->map_fd)]));
        return 0;
      case uapi::Command::btf_load: return refuse_btf ? -EINVAL : give();
      case uapi::Command::prog_load: {
        auto* a = static_cast<uapi::ProgLoadAttr*>(attr);
        if (refused_program == a->prog_name) {
          if (a->log_buf != 0 && a->log_size > log.size())
            std::memcpy(reinterpret_cast<void*>(a->log_buf), log.c_str(), log.size() + 1);
          return -EACCES;
        }
        auto* insns = reinterpret_cast<const Insn*>(a->insns);
        programs.push_back({a->prog_name,
                            {insns, insns + a->insn_cnt},
                            a->func_info_cnt,
                            a->prog_type,
                            a->attach_btf_id,
                            a->expected_attach_type});
        lines.push_back(fmt::format("load {}", a->prog_name));
        return give();
      }
      case uapi::Command::obj_get: return -ENOENT;
      case uapi::Command::obj_pin:
        lines.push_back(fmt::format(
            "pin {}", reinterpret_cast<const char*>(static_cast<uapi::ObjAttr*>(attr)->pathname)));
        return 0;
      default: return -EINVAL;
    }
  }
  long close(int fd) override { return open.erase(fd) ? 0 : -EBADF; }
  long dup(int) override { return -EINVAL; }
  long read(int, MutableBytes) override { return -EINVAL; }
  long map(int, std::uint64_t, std::size_t, bool, void**) override { return -EINVAL; }
  long unmap(void*, std::size_t) override { return -EINVAL; }
  long wait(std::span<uapi::WaitItem>, int) override { return -EINVAL; }
  Result<std::vector<uapi::BpffsEntry>> bpffs_list(const std::string&) override {
    return fail(ENOENT, "none");
  }
  long bpffs_mkdir(const std::string&) override { return 0; }
  long bpffs_unlink(const std::string&) override { return 0; }
  Result<Buffer> kernel_btf(std::string_view) override {
    if (btf.empty()) return fail(ENOENT, "no kernel BTF");
    return btf;
  }
  Result<std::string> kallsyms() override { return std::string("ffffffff81234567 T bpf_prog_put\n"); }
  Result<std::string> kconfig() override {
    return std::string("# comment\nCONFIG_BPF_SYSCALL=y\nCONFIG_DEFAULT_HOSTNAME=\"(none)\"\n");
  }
  uapi::KernelVersion kernel_version() override { return {6, 12, 5}; }
  std::uint32_t possible_cpus() override { return 4; }
  Buffer btf;

 private:
  int give() {
    open.insert(next_);
    return next_++;
  }
  int next_ = 100;
  std::map<int, std::uint32_t> sizes_;
};

ObjectSpec spec_of(const std::string& name) {
  Diagnostics warnings;
  auto spec = parse(test_support::read_object(SKEP_SOURCE_DIR, name), {.name = object_name(name)}, warnings);
  EXPECT_TRUE(spec) << spec.error().message;
  return spec ? std::move(*spec) : ObjectSpec{};
}

TEST(Load, MapsBeforeProgramsBeforeTheirSlots) {
  Notes sys;
  {
    ObjectSpec spec = spec_of("maps.clang19-v3.o");
    spec.find_program("count")->type = uapi::ProgType::xdp;  // "xdp/count" is no SEC() name
    auto object = load(sys, spec);
    ASSERT_TRUE(object) << object.error().message;
    auto at = [&](std::string_view line) {
      return std::find(sys.lines.begin(), sys.lines.end(), line) - sys.lines.begin();
    };
    EXPECT_LT(at("create flows"), at("load count"));
    EXPECT_LT(at("create inner_a"), at("update outer [0]"));
    EXPECT_LT(at("update outer [2]"), at("load count"));
    EXPECT_LT(at("load tail_one"), at("update jumps [1]"));
    EXPECT_LT(at("update jumps [1]"), std::ssize(sys.lines));
    EXPECT_LT(at("pin /sys/fs/bpf/flows"), at("load count"));

    // Each lddw of a map carries the descriptor of the map that the spec names.
    const Program* count = object->program("count");
    ASSERT_NE(count, nullptr);
    EXPECT_GE(count->fd(), 100);
    for (const Reloc& reloc : count->spec().relocs)
      EXPECT_EQ(count->spec().insns[reloc.slot].imm, object->maps()[reloc.index].fd());
    for (const auto& program : sys.programs)
      if (program.name == "count") {
        EXPECT_EQ(program.insns, count->spec().insns);
      }
    EXPECT_EQ(object->map("events")->spec().max_entries, 4096u);
  }
  EXPECT_TRUE(sys.open.empty()) << "descriptors left open: " << sys.open.size();
}

TEST(Load, ExternsAndData) {
  Notes sys;
  ObjectSpec spec = spec_of("globals.clang19-v3.o");
  // The typed ksym is strong and this side has no types: refused by name.
  auto refused = load(sys, spec);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ENOENT);
  EXPECT_NE(refused.error().message.find("bpf_prog_active"), std::string::npos);
  EXPECT_TRUE(sys.open.empty());

  for (ExternSpec& ext : spec.externs) ext.weak = true;
  LoadReport report;
  auto object = load(sys, spec, {.report = &report});
  ASSERT_TRUE(object) << object.error().message;
  const Buffer& kconfig = sys.values["globals.kconfig"];
  auto value = [&](std::string_view name) {
    for (const ExternSpec& ext : spec.externs)
      if (ext.name == name) return base::load<std::uint32_t>(kconfig.data() + ext.offset);
    return ~0u;
  };
  EXPECT_EQ(value("LINUX_KERNEL_VERSION"), 0x060c05u);
  EXPECT_EQ(value("CONFIG_BPF_SYSCALL"), 1u);
  EXPECT_EQ(value("CONFIG_DEFAULT_HOSTNAME"), base::load<std::uint32_t>("(non"));
  EXPECT_NE(std::find(sys.lines.begin(), sys.lines.end(), "freeze globals.rodata"), sys.lines.end());

  ASSERT_EQ(sys.programs.size(), 1u);  // "?socket" is not loaded by itself
  EXPECT_EQ(sys.programs[0].func_infos, 4u);
  bool has_address = false;
  const auto& insns = sys.programs[0].insns;
  for (std::size_t i = 0; i + 1 < insns.size(); i++)
    has_address |= insns[i].opcode == 0x18 && static_cast<std::uint32_t>(insns[i].imm) == 0x81234567 &&
                   static_cast<std::uint32_t>(insns[i + 1].imm) == 0xffffffff;
  EXPECT_TRUE(has_address);
}

TEST(Load, RefusalNamesProgramAndLastLine) {
  Notes sys;
  sys.refused_program = "pass";
  sys.log = "0: (b7) r0 = 0\nR1 invalid mem access 'scalar'\nprocessed 1 insns (limit 1000000)\n";
  LoadReport report;
  auto object = load(sys, spec_of("tiny.clang19-v3.o"), {.report = &report});
  ASSERT_FALSE(object);
  EXPECT_EQ(object.error().code, EACCES);
  EXPECT_NE(object.error().message.find("program 'pass': "), std::string::npos) << object.error().message;
  EXPECT_TRUE(object.error().message.ends_with("R1 invalid mem access 'scalar'")) << object.error().message;
  EXPECT_EQ(report.program, "pass");
  EXPECT_EQ(report.log.substr(0, sys.log.size()), sys.log);
  EXPECT_TRUE(sys.open.empty());
}

TEST(Load, RefusesWhatItCannotDo) {
  Notes sys;
  auto other = load(sys, spec_of("tiny.clang19-v3.eb.o"));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ENOEXEC);
  auto unknown = load(sys, spec_of("tiny.clang19-v3.o"), {.programs = {"nope"}});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message, "object 'tiny' has no program 'nope' (it has: pass)");
  auto struct_ops = load(sys, spec_of("struct_ops.clang19-v3.o"));
  ASSERT_FALSE(struct_ops);
  EXPECT_EQ(struct_ops.error().message, "map 'tiny': kernel BTF: no kernel BTF");

  ObjectSpec spec = spec_of("tiny.clang19-v3.o");
  spec.programs[0].section = "foo";
  spec.programs[0].type = uapi::ProgType::unspec;
  auto section = load(sys, spec);
  ASSERT_FALSE(section);
  EXPECT_EQ(section.error().message, "program 'pass': section 'foo' is not a known SEC() name");
  EXPECT_TRUE(sys.lines.empty());
}

// Members go where this kernel's struct has them, and programs are told which member they are for.
TEST(Load, StructOps) {
  auto bytes = test_support::read_xz(SKEP_DATA_DIR "/btf/linux-6.12.btf.xz");
  if (!bytes) GTEST_SKIP() << "no BTF of a kernel: " << bytes.error().message;
  auto kernel = btf::Btf::parse(*bytes);
  ASSERT_TRUE(kernel) << kernel.error().message;
  LoadOptions options{.btf = &*kernel};

  Notes sys;
  ObjectSpec spec = spec_of("struct_ops.clang19-v3.o");
  auto twice = load(sys, spec, options);
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().message,
            "map 'tiny': member 'undo_cwnd': program 'tiny_ssthresh' is already used for another member");
  EXPECT_TRUE(sys.open.empty());

  std::erase_if(spec.find_map("tiny")->initial, [](const InitialSlot& slot) { return slot.key == 2; });
  auto object = load(sys, spec, options);
  ASSERT_TRUE(object) << object.error().message;
  btf::Type ops = kernel->type(*kernel->find("tcp_congestion_ops", btf::Kind::struct_));
  btf::TypeId value_id = *kernel->find("bpf_struct_ops_tcp_congestion_ops", btf::Kind::struct_);
  EXPECT_EQ(sys.vmlinux_types["tiny"], value_id);
  const Map* map = object->map("tiny");
  ASSERT_EQ(map->spec().contents.size(), kernel->type(value_id).size());
  std::uint32_t data = 0, index = 0;
  for (btf::Member member : kernel->type(value_id).members())
    if (member.name == "data") data = member.bit_offset / 8;
  ASSERT_GT(data, 0u);
  for (btf::Member member : ops.members()) {
    const std::uint8_t* at = map->spec().contents.data() + data + member.bit_offset / 8;
    if (member.name == "flags") {
      EXPECT_EQ(base::load<std::uint32_t>(at), 5u);
    }
    if (member.name == "name") {
      EXPECT_EQ(std::string(reinterpret_cast<const char*>(at)), "tiny");
    }
    if (member.name == "init" || member.name == "ssthresh") {
      const Program* program = object->program(fmt::format("tiny_{}", member.name));
      EXPECT_EQ(base::load<std::uint64_t>(at), static_cast<std::uint64_t>(program->fd()));
      for (const Notes::Loaded& loaded : sys.programs)
        if (loaded.name == program->name()) {
          EXPECT_EQ(loaded.attach_btf_id, ops.id);
          EXPECT_EQ(loaded.attach_type, index);
        }
    }
    index++;
  }

  // Types without the kernel's own struct around it.
  spec.find_map("tiny_link")->autocreate = false;
  options.btf = spec.btf.get();
  auto none = load(sys, spec, options);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message,
            "map 'tiny': the kernel has no struct_ops 'tcp_congestion_ops' (there is a struct, but nothing "
            "that takes its operations)");
}

TEST(Load, GoesOnWithoutBtf) {
  Notes sys;
  sys.refuse_btf = true;
  LoadReport report;
  auto object = load(sys, spec_of("tiny.clang19-v3.o"), {.report = &report});
  ASSERT_TRUE(object) << object.error().message;
  EXPECT_EQ(object->btf_fd(), -1);
  ASSERT_EQ(report.notes.size(), 1u);
  EXPECT_TRUE(report.notes[0].starts_with("loaded without BTF")) << report.notes[0];
  EXPECT_EQ(sys.programs[0].func_infos, 0u);
}

// The types given to a side still parse, ids stay, and no extern is left.
TEST(Load, BtfForLoad) {
  ObjectSpec spec = spec_of("globals.clang19-v3.o");
  Buffer bytes = btf_for_load(*spec.btf);
  auto parsed = btf::Btf::parse(bytes);
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->type_count(), spec.btf->type_count());
  for (btf::TypeId id = 1; id < parsed->type_count(); id++) {
    btf::Type type = parsed->type(id);
    EXPECT_EQ(type.kind, spec.btf->type(id).kind);
    if (type.kind == btf::Kind::var) {
      EXPECT_NE(type.var_linkage(), btf::linkage::extern_);
    }
    if (type.kind == btf::Kind::func) {
      EXPECT_NE(type.func_linkage(), btf::linkage::extern_);
    }
    if (type.kind != btf::Kind::datasec) continue;
    EXPECT_GT(type.size(), 0u);
    std::uint32_t end = 0;
    for (btf::VarSecinfo info : type.vars()) {
      EXPECT_EQ(parsed->type(info.type).kind, btf::Kind::var);
      EXPECT_GE(info.offset, end);
      end = info.offset + info.size;
      EXPECT_LE(end, type.size());
    }
  }
}

}  // namespace
}  // namespace skep::object
