// The ELF section names that say what a program is: SEC("xdp"), SEC("kprobe/do_unlinkat"), …, with the
// program type, the attach type and how the text after the name is read.
//
// The names, their order and the matching rule are libbpf 1.x's (docs/program_types.rst of libbpf): a row
// with `extras` matches its name alone or its name, '/' and more; any other row matches exactly; the first
// match counts. A '?' in front of the section name means that the program is not loaded unless asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "skep/base/result.h"
#include "skep/uapi/numbers.h"

namespace skep::uapi {

// How the text after `name/` is read (parse_target).
enum class Extras : std::uint8_t {
  none,             // nothing may follow
  function_offset,  // <function>[+<offset>]
  path_function,    // <path>:<function>[+<offset>]
  path_glob,        // <path>:<glob>
  glob,             // <glob of functions>
  module_glob,      // [<module>:]<glob of functions>
  syscall,          // <system call>
  usdt,             // <path>:<provider>:<name>
  category_name,    // <category>/<tracepoint>
  name,             // <tracepoint>, <hook>, <iterator>, <function>
  module_function,  // [<module>:]<function>
  free,             // anything, kept for the reader (struct_ops)
};

// Bits of Section::flags.
inline constexpr std::uint8_t sec_attachable = 1;  // attached through its attach type (PROG_ATTACH, link)
inline constexpr std::uint8_t sec_attach_type_optional =
    2;                                              // kernels before expected_attach_type take 0 instead
inline constexpr std::uint8_t sec_sleepable = 4;    // loads with BPF_F_SLEEPABLE
inline constexpr std::uint8_t sec_frags = 8;        // loads with BPF_F_XDP_HAS_FRAGS
inline constexpr std::uint8_t sec_btf_target = 16;  // loads with the BTF id of what the extras name
inline constexpr std::uint8_t sec_usdt = 32;

struct Section {
  std::string_view name;  // without '+'
  ProgType type;
  std::optional<AttachType> attach_type;  // expected_attach_type; absent: 0
  std::uint8_t flags;                     // sec_* bits
  bool auto_attach;                       // attaches by itself, if it has extras where the row takes them
  Extras extras;
};

// All 116 rows in order of precedence.
std::span<const Section> sections();

struct SectionMatch {
  const Section* row = nullptr;  // null: no row matches
  std::string_view extras;       // behind `name/`; views the given text
  bool has_extras = false;       // a '/' was there, even if nothing follows
  bool autoload = true;          // false: the section name began with '?'
  explicit operator bool() const { return row != nullptr; }
};

// The row for an ELF section name and what follows its name.
SectionMatch find_section(std::string_view sec);

// What the extras name. Members that the grammar does not have stay empty.
struct SectionTarget {
  std::string module;        // module_glob, module_function
  std::string path;          // path_function, path_glob, usdt
  std::string category;      // category_name
  std::string provider;      // usdt
  std::string name;          // function, glob, tracepoint, hook …
  std::uint64_t offset = 0;  // function_offset, path_function
};

// Reads the extras of a match by its row's grammar. EINVAL with the section name and what was expected; also
// when there are none but the row needs them to attach.
Result<SectionTarget> parse_target(const SectionMatch& match);

}  // namespace skep::uapi
