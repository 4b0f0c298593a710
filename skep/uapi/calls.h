// The commands of bpf(2) as typed calls over a Sys, written once for both sides.
//
// Two families. The calls on elements (map_lookup …) and test_run are the hot path: they allocate nothing and
// return 0 or -errno. All others return Result: messages name the command, what it was about and the errno
// ("map_create 'flows' (lru_hash): Invalid argument (EINVAL)"). Descriptors come back as owned Handles.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "skep/base/bytes.h"
#include "skep/base/result.h"
#include "skep/uapi/attr.h"
#include "skep/uapi/handle.h"
#include "skep/uapi/sys.h"

namespace skep::uapi {

// An attr with every byte 0: padding and the longer members of unions too, which T{} leaves open. The kernel
// looks at them.
template <class T>
T zeroed() {
  static_assert(std::is_trivially_copyable_v<T>);
  T attr;
  std::memset(static_cast<void*>(&attr), 0, sizeof attr);
  return attr;
}

// --- maps ---

struct MapCreate {
  MapType type = MapType::unspec;
  std::string_view name;  // cut to 15 bytes
  std::uint32_t key_size = 0, value_size = 0, max_entries = 0, flags = 0;
  int inner_map_fd = -1;
  std::optional<std::uint32_t> numa_node;  // sets BPF_F_NUMA_NODE
  std::uint32_t ifindex = 0;
  int btf_fd = -1;
  std::uint32_t btf_key_type_id = 0, btf_value_type_id = 0, btf_vmlinux_value_type_id = 0;
  std::uint64_t extra = 0;
  int value_type_btf_obj_fd = -1;  // sets BPF_F_VTYPE_BTF_OBJ_FD
  int token_fd = -1;               // sets BPF_F_TOKEN_FD
};
Result<Handle> map_create(Sys& sys, const MapCreate& options);

// Hot path. `key` is key_size bytes, `value` a whole user-space value (user_value_size). 0 or -errno.
long map_lookup(Sys& sys, int map_fd, const void* key, void* value, std::uint64_t flags = 0);
long map_update(Sys& sys, int map_fd, const void* key, const void* value, std::uint64_t flags = 0);
long map_delete(Sys& sys, int map_fd, const void* key);
// `key` null: the first key. -ENOENT behind the last.
long map_next_key(Sys& sys, int map_fd, const void* key, void* next_key);
long map_lookup_and_delete(Sys& sys, int map_fd, const void* key, void* value, std::uint64_t flags = 0);
long map_freeze(Sys& sys, int map_fd);

// Batches. `*count` is what fits on entry and what was done on return, also after most errors. A null
// in_batch starts from the beginning; out_batch (at least key_size bytes, never less than 4) carries on.
// -ENOENT: the map ended.
long map_lookup_batch(Sys& sys, int map_fd, const void* in_batch, void* out_batch, void* keys, void* values,
                      std::uint32_t* count, std::uint64_t elem_flags = 0);
long map_lookup_and_delete_batch(Sys& sys, int map_fd, const void* in_batch, void* out_batch, void* keys,
                                 void* values, std::uint32_t* count, std::uint64_t elem_flags = 0);
long map_update_batch(Sys& sys, int map_fd, const void* keys, const void* values, std::uint32_t* count,
                      std::uint64_t elem_flags = 0);
long map_delete_batch(Sys& sys, int map_fd, const void* keys, std::uint32_t* count,
                      std::uint64_t elem_flags = 0);

// --- programs ---

struct ProgLoad {
  ProgType type = ProgType::unspec;
  AttachType expected_attach_type{};
  std::string_view name;  // cut to 15 bytes
  Bytes insns;            // 8-byte slots in the host's byte order
  std::string license = "GPL";
  std::uint32_t kern_version = 0, flags = 0, ifindex = 0;
  int btf_fd = -1;
  Bytes func_info, line_info;  // whole records
  std::uint32_t func_info_rec_size = 0, line_info_rec_size = 0;
  Bytes core_relos;
  std::uint32_t core_relo_rec_size = 0;
  std::uint32_t attach_btf_id = 0;
  int attach_prog_fd = -1;     // freplace, fentry on a program; excludes attach_btf_obj_fd
  int attach_btf_obj_fd = -1;  // BTF of a module
  std::span<const int> fd_array;
  bool bind_fd_array = false;  // passes fd_array_cnt: the kernel binds all of fd_array's maps (6.14)
  int token_fd = -1;
  std::uint32_t log_level = 0;
  std::uint32_t log_size = 0;  // bytes of log to make room for when log_level > 0; 0: 64 KiB, grown on ENOSPC
};
struct ProgLoadResult {
  Handle prog;
  std::string log;
};
// The verifier's log is in the result when log_level > 0. On failure the log is put in `*log` when given:
// with log_level 0 the load is repeated with log_level 1 to get it. EAGAIN is tried up to five times.
Result<ProgLoadResult> prog_load(Sys& sys, const ProgLoad& options, std::string* log = nullptr);

struct TestRun {
  Bytes data_in;
  MutableBytes data_out;  // room for the packet that comes out
  Bytes ctx_in;
  MutableBytes ctx_out;
  std::uint32_t repeat = 1, flags = 0, cpu = 0, batch_size = 0;
  // Set by test_run():
  std::uint32_t retval = 0;
  std::uint32_t duration_ns = 0;  // mean of one run
  std::uint32_t data_size_out = 0, ctx_size_out = 0;
};
// Hot path: BPF_PROG_TEST_RUN. 0 or -errno; -ENOSPC: data_out was too small (data_size_out says how much
// there is, and what fits was written).
long test_run(Sys& sys, int prog_fd, TestRun& run);

Result<void> prog_bind_map(Sys& sys, int prog_fd, int map_fd);

struct ProgAttach {
  std::uint32_t target = 0;  // descriptor or ifindex
  int prog_fd = -1;
  AttachType type{};
  std::uint32_t flags = 0;
  int replace_prog_fd = -1;
  std::uint32_t relative = 0;  // descriptor or id (attach_id)
  std::uint64_t expected_revision = 0;
};
Result<void> prog_attach(Sys& sys, const ProgAttach& options);
Result<void> prog_detach(Sys& sys, const ProgAttach& options);  // prog_fd -1: whatever is attached

struct ProgQueryItem {
  std::uint32_t prog_id = 0, link_id = 0, prog_flags = 0, link_flags = 0;
};
struct ProgQueryResult {
  std::uint32_t attach_flags = 0;
  std::uint64_t revision = 0;
  std::vector<ProgQueryItem> items;
};
// `with_links` asks for link ids too: only tcx, netkit and cgroups of newer kernels have them (EINVAL).
Result<ProgQueryResult> prog_query(Sys& sys, std::uint32_t target, AttachType type,
                                   std::uint32_t query_flags = 0, bool with_links = false);

Result<Handle> raw_tracepoint_open(Sys& sys, const std::string& name, int prog_fd, std::uint64_t cookie = 0);

// --- BTF ---

struct BtfLoad {
  Bytes btf;
  std::uint32_t log_level = 0, log_size = 0;  // as in ProgLoad
  int token_fd = -1;
};
Result<Handle> btf_load(Sys& sys, const BtfLoad& options, std::string* log = nullptr);
// The raw bytes of a BTF object and its name.
struct BtfContents {
  BtfInfo info;
  std::string name;
  Buffer bytes;
};
Result<BtfContents> btf_contents(Sys& sys, int btf_fd);

// --- what the kernel knows of an object ---

// Fills at most sizeof info; older kernels fill less, the rest is 0. Pointers in `info` are passed as they
// are, so arrays can be asked for.
Result<MapInfo> map_info(Sys& sys, int map_fd);
Result<ProgInfo> prog_info(Sys& sys, int prog_fd);
Result<BtfInfo> btf_info(Sys& sys, int btf_fd);
Result<void> object_info(Sys& sys, int fd, MutableBytes info, std::uint32_t* filled = nullptr);

// --- ids ---

enum class ObjectKind : std::uint8_t { prog, map, btf, link };
// The next id after `id` (0: the first), absent behind the last.
Result<std::optional<std::uint32_t>> next_id(Sys& sys, ObjectKind kind, std::uint32_t id);
Result<std::vector<std::uint32_t>> all_ids(Sys& sys, ObjectKind kind);
// ENOENT: no such object. `open_flags` (map_rdonly …) count for maps.
Result<Handle> by_id(Sys& sys, ObjectKind kind, std::uint32_t id, std::uint32_t open_flags = 0);

// --- pins ---

Result<void> obj_pin(Sys& sys, int fd, const std::string& path);
Result<Handle> obj_get(Sys& sys, const std::string& path, std::uint32_t flags = 0);

// --- links ---

// The caller starts from zeroed<LinkCreateAttr>() and sets what its attach type uses.
Result<Handle> link_create(Sys& sys, const LinkCreateAttr& attr);
// old_prog_fd >= 0: only if that program is there (BPF_F_REPLACE).
Result<void> link_update(Sys& sys, int link_fd, int new_prog_fd, int old_prog_fd = -1);
Result<void> link_detach(Sys& sys, int link_fd);
Result<Handle> iter_create(Sys& sys, int link_fd);

// --- the rest ---

// Collecting run times lasts as long as the handle.
Result<Handle> enable_stats(Sys& sys, std::uint32_t type);
Result<Handle> token_create(Sys& sys, int bpffs_fd);
struct TaskFd {
  std::uint32_t prog_id = 0, fd_type = 0;
  std::uint64_t probe_offset = 0, probe_addr = 0;
  std::string name;
};
Result<TaskFd> task_fd_query(Sys& sys, std::uint32_t pid, std::uint32_t fd);
// Bytes of a program's stream (1 stdout, 2 stderr): how many were read, 0 at its end; or -errno.
long prog_stream_read(Sys& sys, int prog_fd, std::uint32_t stream, MutableBytes into);

}  // namespace skep::uapi
