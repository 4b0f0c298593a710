// The link types: what bpf_link_info says a link is.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "skep/uapi/evidence.h"
#include "skep/uapi/numbers.h"

namespace skep::uapi {

struct LinkTypeRow {
  LinkType type;
  std::string_view kernel_name;  // BPF_LINK_TYPE_XDP
  std::string_view name;         // "xdp", as bpftool and libbpf print it
  bool update;                   // BPF_LINK_UPDATE replaces its program (or map)
  bool detach;                   // BPF_LINK_DETACH works
  std::uint16_t since;
  std::string_view evidence;
};

// All rows in order of their numbers, from 0 (unspec).
std::span<const LinkTypeRow> link_types();
// Null if unknown. The name is "xdp" or "BPF_LINK_TYPE_XDP".
const LinkTypeRow* find_link_type(LinkType type);
const LinkTypeRow* find_link_type(std::string_view name);

}  // namespace skep::uapi
