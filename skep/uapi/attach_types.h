// The attach types: where in the kernel a program hangs.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "skep/uapi/evidence.h"
#include "skep/uapi/numbers.h"

namespace skep::uapi {

struct AttachTypeRow {
  AttachType type;
  std::string_view kernel_name;   // BPF_CGROUP_INET_INGRESS
  std::string_view name;          // "cgroup_inet_ingress", as libbpf prints it
  std::string_view bpftool_name;  // what `bpftool cgroup|prog attach` takes; empty: the same as name
  ProgType prog_type;             // whose programs hang there (the first one where several may)
  std::uint16_t since;
  std::string_view evidence;
};

// All rows in order of their numbers, from 0.
std::span<const AttachTypeRow> attach_types();
// Null if unknown. Any of the three names.
const AttachTypeRow* find_attach_type(AttachType type);
const AttachTypeRow* find_attach_type(std::string_view name);

}  // namespace skep::uapi
