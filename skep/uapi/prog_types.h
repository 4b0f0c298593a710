// The 32 program types: names, context, who may load them, how they are test-run, which values they may
// return.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "skep/uapi/evidence.h"
#include "skep/uapi/numbers.h"

namespace skep::uapi {

// A bit per program type, for masks.
constexpr std::uint64_t bit(ProgType type) { return 1ull << static_cast<unsigned>(type); }
constexpr std::uint64_t bit(AttachType type) { return 1ull << static_cast<unsigned>(type); }

// What BPF_PROG_TEST_RUN does with a type.
enum class TestRunKind : std::uint8_t {
  none,        // refuses with ENOTSUPP
  skb,         // data_in is a frame (at least 14 bytes), ctx_in a __sk_buff
  xdp,         // data_in is a frame (at least 14 bytes), ctx_in an xdp_md
  flow,        // data_in is a frame, data_out a bpf_flow_keys
  ctx,         // no data: ctx_in is the context (sk_lookup, syscall) or its u64 arguments (raw tracepoints)
  tracing,     // no data: calls the kernel's own test functions
  netfilter,   // data_in is a frame without Ethernet header semantics of its own; ctx_in a bpf_nf_ctx state
  struct_ops,  // dummy_ops only
};

struct ProgTypeRow {
  ProgType type;
  std::string_view kernel_name;  // BPF_PROG_TYPE_XDP
  std::string_view name;         // "xdp", as bpftool and libbpf print it
  std::string_view context;      // name in contexts(); empty: no fixed layout
  TestRunKind test_run;
  bool packet_access;      // direct reads of the packet
  bool packet_write;       // and writes
  bool gpl_only;           // refuses programs whose licence is not GPL-compatible
  bool sleepable;          // may be loaded with BPF_F_SLEEPABLE (under some attach type)
  bool needs_attach_type;  // expected_attach_type is checked at load
  bool needs_btf_target;   // attach_btf_id (and what it is of) is checked at load
  std::uint16_t since;
  std::string_view evidence;
};

// All rows in order of their numbers, from 1.
std::span<const ProgTypeRow> prog_types();
// Null if unknown (0 too). The name is "xdp" or "BPF_PROG_TYPE_XDP".
const ProgTypeRow* find_prog_type(ProgType type);
const ProgTypeRow* find_prog_type(std::string_view name);

// The attach type that the kernel puts for 0 (programs older than expected_attach_type); others stay.
AttachType fixed_attach_type(ProgType type, AttachType attach_type);
// Does BPF_PROG_LOAD take this expected_attach_type with this program type? (Types without
// needs_attach_type take any number.)
bool takes_attach_type(ProgType type, AttachType attach_type);

// The values that a program may leave in r0 at its end, where type and attach type alone decide. Not here:
// LSM programs (the hook's own range), raw tracepoints with a BTF target (0 alone), lsm_cgroup on void hooks
// (1 alone).
struct ReturnRange {
  std::int32_t min, max;
  bool wide = false;  // all 64 bits of r0 count, not the lower 32
};
std::optional<ReturnRange> return_range(ProgType type, AttachType attach_type);

}  // namespace skep::uapi
