// Model: everything that a verdict depends on besides the instructions, as data. The caller (the runtime for
// a bpf_attr, `skep verify` for an object file, a test for itself) fills it in; verify() only reads it.
//
// Pointers and spans are views: what they point at must outlive verify() and the facts in its Verdict.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "skep/base/bytes.h"
#include "skep/btf/btf.h"
#include "skep/isa/insn.h"
#include "skep/uapi/evidence.h"
#include "skep/uapi/numbers.h"

namespace skep::verify {

// A kernel version as the tables write it: major << 8 | minor. uapi::since(6, 18).
using KernelVersion = std::uint16_t;

// A map that the program names, or the template of such a map's inner maps.
struct MapModel {
  std::string name;
  uapi::MapType type = uapi::MapType::unspec;
  std::uint32_t key_size = 0, value_size = 0, max_entries = 0, flags = 0;

  // Types of key and value; null without BTF. The special fields of the value (spin lock, timer, kptr, list
  // head ...) are read from value_type.
  const btf::Btf* btf = nullptr;
  btf::TypeId key_type = 0, value_type = 0;
  // Maps-in-maps: index into Model::maps of the template; -1: none.
  std::int32_t inner = -1;
  // Frozen by BPF_MAP_FREEZE. With BPF_F_RDONLY_PROG in `flags`, `contents` (value_size bytes of element 0 of
  // an array) are constants to the program.
  bool frozen = false;
  Bytes contents;
  // struct_ops maps: the id of the struct in the kernel BTF.
  btf::TypeId struct_ops_type = 0;
  std::uint64_t address = 0;  // what the log prints for it; 0: a made-up one
};

// What a program is attached to, where the type needs to know it at load (attach_btf_id, attach_prog_fd).
struct TargetModel {
  const btf::Btf* btf = nullptr;  // of the kernel, of a module, or of the target program
  btf::TypeId id = 0;  // FUNC; typedef of a raw tracepoint (tp_btf); struct_ops: the struct of operations
  std::uint32_t member = 0;                // struct_ops: index of the member (expected_attach_type)
  const struct ProgModel* prog = nullptr;  // freplace, fentry and fexit of a program: that program
};

struct FuncInfo {
  isa::Slot slot = 0;
  btf::TypeId type = 0;
};
struct LineInfo {
  isa::Slot slot = 0;
  std::uint32_t file_off = 0, line_off = 0;  // strings of the program's BTF
  std::uint32_t line_col = 0;                // line << 10 | column
};

// Bits of BPF_PROG_LOAD's prog_flags.
namespace prog_flag {
inline constexpr std::uint32_t strict_alignment = 1, any_alignment = 2, test_rnd_hi32 = 4,
                               test_state_freq = 8, sleepable = 16, xdp_has_frags = 32,
                               xdp_dev_bound_only = 64, test_reg_invariants = 128;
}

// One program as BPF_PROG_LOAD receives it; also what an freplace or fentry program has as its target.
struct ProgModel {
  std::string name;
  uapi::ProgType type = uapi::ProgType::unspec;
  uapi::AttachType attach_type{};  // expected_attach_type
  std::uint32_t flags = 0;         // prog_flag::
  bool gpl = false;                // the licence is GPL-compatible
  bool dev_bound = false;
  // After the loader's relocation. lddw with src 1, 2, 5, 6 carries in its first imm an index into
  // Model::maps (an index outside is refused as a descriptor of no map); src 3: a type id of the BTF that the
  // second imm names: 0 the kernel's, n the (n - 1)th of Model::modules. kfunc calls: imm is the type id of
  // the FUNC, off likewise 0 or n. Local calls and src 4: distance in slots.
  std::span<const isa::Insn> insns;
  const btf::Btf* btf = nullptr;  // null without
  std::span<const FuncInfo> funcs;
  std::span<const LineInfo> lines;
  TargetModel target;
};

// What the loading task may do.
struct Privileges {
  bool bpf = true;      // CAP_BPF
  bool perfmon = true;  // CAP_PERFMON: leak pointers, read uninitialised stack, no Spectre rules
  bool net_admin = true;
  bool sys_admin = true;
  static constexpr Privileges root() { return {}; }
  static constexpr Privileges none() { return {false, false, false, false}; }
};

// A module's BTF, a split of the kernel's.
struct ModuleModel {
  std::string name;
  const btf::Btf* btf = nullptr;
};

// Types that are read when somebody first asks for them. Both functions may be called by any thread.
class LazyTypes {
 public:
  virtual ~LazyTypes() = default;
  virtual const btf::Btf* get() = 0;          // null: there are none; the same each time
  virtual const btf::Btf* known() const = 0;  // null until get() was called
};

// The kernel's types, as a pointer to them that may be null. Reading a kernel's types takes longer than
// verifying most programs, and most programs need none: they may be given as LazyTypes.
class KernelTypes {
 public:
  KernelTypes(std::nullptr_t = nullptr) {}               // NOLINT: stands in for the pointer
  KernelTypes(const btf::Btf* types) : types_(types) {}  // NOLINT
  KernelTypes(LazyTypes* lazy) : lazy_(lazy) {}          // NOLINT
  operator const btf::Btf*() const { return lazy_ ? lazy_->get() : types_; }  // NOLINT
  const btf::Btf* operator->() const { return *this; }
  bool operator==(std::nullptr_t) const { return static_cast<const btf::Btf*>(*this) == nullptr; }
  // Asks for nothing: what nobody has got yet is none of what somebody holds.
  bool operator==(const btf::Btf* held) const {
    return held == nullptr ? *this == nullptr : held == (lazy_ ? lazy_->known() : types_);
  }

 private:
  const btf::Btf* types_ = nullptr;
  LazyTypes* lazy_ = nullptr;
};

struct Model {
  ProgModel prog;
  std::vector<MapModel> maps;
  KernelTypes kernel_btf;  // null: nothing that needs kernel types is accepted
  std::vector<ModuleModel> modules;
  KernelVersion kernel = uapi::since(6, 18);
  Privileges privileges;
  unsigned cpus = 1;  // possible CPUs
  // CONFIG_FUNCTION_ERROR_INJECTION: without it few functions may be modified or probed by code that sleeps.
  bool error_injection = true;

  bool at_least(unsigned major, unsigned minor) const { return kernel >= uapi::since(major, minor); }
};

}  // namespace skep::verify
