// parse(): the bytes of an EM_BPF relocatable object to an ObjectSpec. Touches nothing but its arguments.
#pragma once

#include <string>

#include "skep/base/bytes.h"
#include "skep/base/diagnostics.h"
#include "skep/base/result.h"
#include "skep/object/spec.h"

namespace skep::object {

struct OpenOptions {
  std::string name{};   // of the object: "firewall" for firewall.bpf.o; begins the names of internal maps
  bool strict = false;  // refuse what libbpf 1.x refuses: SEC("maps"), static programs
  bool relaxed_maps = false;  // ignore unknown members of BTF-defined maps instead of failing
};

// The object's programs, maps and externs. Every error names the section, the offset and the symbol; EINVAL
// for a malformed object, ENOTSUP for what the object asks for and this loader does not have. What is odd but
// usable becomes a warning.
Result<ObjectSpec> parse(Bytes object, const OpenOptions& options, Diagnostics& warnings);

// "firewall" for "/tmp/firewall.bpf.o": the file's name up to its first dot, with every byte that is neither
// letter nor digit made '_'.
std::string object_name(std::string_view path);

}  // namespace skep::object
