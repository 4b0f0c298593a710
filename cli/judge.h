// Verdicts on the programs of an object, as the forms of `skep verify` share them: the versions that can be
// asked for, the kernel's types, one program judged for one version, and the source line of an instruction.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "skep/base/bytes.h"
#include "skep/base/json.h"
#include "skep/base/result.h"
#include "skep/btf/btf.h"
#include "skep/object/spec.h"
#include "skep/runtime/verify_sys.h"

namespace skep::cli {

inline constexpr std::string_view host_btf = "/sys/kernel/btf/vmlinux";

// A version whose rules count. `judged`: the verdicts for it are held against those of that kernel; else they
// come from the tables' since-versions and the rules of the judged versions around it.
struct Kernel {
  std::string name;  // "6.18"
  uapi::KernelVersion version{};
  bool judged = false;
};
// 5.0 to 6.18. EINVAL for another.
Result<Kernel> read_kernel(std::string_view text);
// The one that counts when none is named.
Kernel newest_kernel();
inline constexpr std::string_view not_judged =
    "by table, not judged: no verdicts of that kernel are recorded";

enum class Decision : std::uint8_t { accepted, rejected, undecided, not_loaded };
// "accepted", "rejected", "undecided", "not loaded".
std::string_view decision_name(Decision decision);

// Where in the source something stands; line 0: not known.
struct Place {
  std::string function;
  std::string file;
  std::uint32_t line = 0, column = 0;
  std::string_view text;  // the source line, as the BTF holds it
  auto operator<=>(const Place&) const = default;
};

// One program and what was found.
struct Judgement {
  const object::ProgramSpec* program = nullptr;
  Decision decision{};
  int code = 0;
  std::string reason;
  runtime::Judged judged;  // model is null when the verifier was not reached

  const verify::Verdict& verdict() const { return judged.verdict; }
};

// What is read once for all programs.
struct Side {
  Buffer btf_bytes;
  std::optional<btf::Btf> btf;  // none: this host has no types and none were named
  std::string kconfig, kallsyms;
};
// Reads the types in the raw BTF file `btf`, or, if it is empty, the running kernel's, and this host's
// configuration and symbols if `spec` has externs. Fails when `btf` cannot be read, or is not BTF.
Result<void> read_side(const std::string& btf, const object::ObjectSpec& spec, Side& side);

struct JudgeOptions {
  uapi::KernelVersion version;
  bool unprivileged = false;
  std::uint32_t log_level = 0;
  bool own_maps = false;  // leave out the maps that only other programs of the object name
};
// The verdict on one program of `spec`, loaded alone.
Judgement judge(const object::ObjectSpec& spec, const object::ProgramSpec& program,
                const JudgeOptions& options, const Side& side);

// Where an instruction comes from. The text views the program's BTF, which `judged` keeps.
Place place_of(const runtime::Judged& judged, isa::Slot slot);
// It as the kernel's log prints it; empty when the program has no such slot.
std::string instruction_text(const runtime::Judged& judged, isa::Slot slot);
// function, file, line, column, source: those that are known, into the open object.
void put_place(base::JsonWriter& json, const Place& place);
// "xdp"
std::string type_name(const object::ProgramSpec& program);

}  // namespace skep::cli
