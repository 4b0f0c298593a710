// Rows about single helpers. Sources: the prototypes' types (Linux 6.12, struct bpf_func_proto) and
// Documentation/bpf.
#include "skep/verify/helper_types.h"

#include <algorithm>
#include <iterator>

namespace skep::verify {

namespace {

constexpr HelperTypes rows[] = {
    {.id = 95, .sock = SockArg::sock_only, .casts_pointer = true},  // sk_fullsock
    {.id = 96, .sock = SockArg::sock_only, .casts_pointer = true},  // tcp_sock
    {.id = 98, .sock = SockArg::sock_only},                         // get_listener_sock
    {.id = 107, .takes = "sock_common"},                            // sk_storage_get of tracing programs
    {.id = 108, .takes = "sock_common"},
    {.id = 111, .takes = "sk_buff"},
    {.id = 116, .takes = "tcp_sock"},
    {.id = 121, .takes = "xdp_buff"},
    {.id = 126, .takes = "seq_file"},
    {.id = 127, .takes = "seq_file"},
    {.id = 136, .returns = "tcp6_sock", .casts_pointer = true},
    {.id = 137, .returns = "tcp_sock", .casts_pointer = true},
    {.id = 138, .returns = "tcp_timewait_sock", .casts_pointer = true},
    {.id = 139, .returns = "tcp_request_sock", .casts_pointer = true},
    {.id = 140, .returns = "udp6_sock", .casts_pointer = true},
    {.id = 141, .takes = "task_struct"},
    {.id = 145, .takes = "inode"},
    {.id = 146, .takes = "inode"},
    {.id = 147, .takes = "path"},
    {.id = 150, .takes = "seq_file"},
    {.id = 156, .takes = "task_struct"},
    {.id = 157, .takes = "task_struct"},
    {.id = 158, .returns = "task_struct", .returns_trusted = true},
    {.id = 159, .takes = "linux_binprm"},
    {.id = 161, .takes = "inode"},
    {.id = 162, .takes = "file", .returns = "socket"},
    {.id = 164, .callback = Callback::for_each_map_elem},
    {.id = 170, .callback = Callback::timer},
    {.id = 175, .takes = "task_struct", .returns = "pt_regs", .returns_trusted = true},
    {.id = 178, .returns = "unix_sock", .casts_pointer = true},
    {.id = 180, .takes = "task_struct", .callback = Callback::find_vma},
    {.id = 181, .callback = Callback::loop},
    {.id = 191, .takes = "task_struct"},
    {.id = 193, .takes = "file"},
    {.id = 196, .returns = "mptcp_sock", .casts_pointer = true},
    {.id = 209, .callback = Callback::user_ringbuf_drain},
    {.id = 210, .takes = "cgroup"},
    {.id = 211, .takes = "cgroup"},
};
static_assert(std::is_sorted(std::begin(rows), std::end(rows),
                             [](const HelperTypes& a, const HelperTypes& b) { return a.id < b.id; }));

// Of the helpers that most program types share: locks, timers, callbacks, dynptrs ...
constexpr std::uint32_t needs_bpf[] = {93,  94,  118, 123, 153, 154, 164, 169, 170, 171, 172, 181,
                                       194, 195, 197, 198, 199, 200, 201, 202, 203, 209, 210, 211};
// ... and those that read kernel memory or write to its trace.
constexpr std::uint32_t needs_perfmon[] = {4, 6, 35, 45, 55, 112, 113, 114, 115, 149, 158, 165, 175, 177};

// Helpers that take packet pointers where others want memory.
constexpr std::uint32_t takes_packet[] = {1,  2,   3,   28,  53,  70,  84,  85, 87,
                                          99, 100, 110, 195, 204, 205, 206, 207};
// Helpers whose fixed-size memory must be aligned to its size.
constexpr std::uint32_t wants_aligned[] = {105, 106, 163, 179, 183, 184};

}  // namespace

bool helper_takes_packet(std::uint32_t id) {
  return std::binary_search(std::begin(takes_packet), std::end(takes_packet), id);
}
bool helper_wants_aligned(std::uint32_t id) {
  return std::binary_search(std::begin(wants_aligned), std::end(wants_aligned), id);
}

const HelperTypes* helper_types(std::uint32_t id) {
  const auto* row = std::lower_bound(std::begin(rows), std::end(rows), id,
                                     [](const HelperTypes& r, std::uint32_t i) { return r.id < i; });
  return row != std::end(rows) && row->id == id ? row : nullptr;
}

Needs helper_needs(std::uint32_t id) {
  if (std::binary_search(std::begin(needs_bpf), std::end(needs_bpf), id)) return Needs::bpf;
  return std::binary_search(std::begin(needs_perfmon), std::end(needs_perfmon), id) ? Needs::perfmon
                                                                                    : Needs::nothing;
}

}  // namespace skep::verify
