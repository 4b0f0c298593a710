// The layouts of `union bpf_attr`, one plain struct per command group, as include/uapi/linux/bpf.h has them
// in 6.18 and later. Pointers are 64-bit integers, as in the kernel. tests/unit/uapi holds each offset
// against kernel BTF.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skep::uapi {

inline constexpr std::size_t obj_name_len = 16;  // BPF_OBJ_NAME_LEN, with the NUL

// BPF_MAP_CREATE
struct MapCreateAttr {
  std::uint32_t map_type, key_size, value_size, max_entries, map_flags, inner_map_fd, numa_node;
  char map_name[obj_name_len];
  std::uint32_t map_ifindex, btf_fd, btf_key_type_id, btf_value_type_id, btf_vmlinux_value_type_id;
  std::uint64_t map_extra;
  std::int32_t value_type_btf_obj_fd, map_token_fd;
  std::uint64_t excl_prog_hash;
  std::uint32_t excl_prog_hash_size;
};

// BPF_MAP_*_ELEM, BPF_MAP_GET_NEXT_KEY, BPF_MAP_LOOKUP_AND_DELETE_ELEM, BPF_MAP_FREEZE (map_fd alone)
struct MapElemAttr {
  std::uint32_t map_fd, pad;
  std::uint64_t key;
  std::uint64_t value;  // or next_key
  std::uint64_t flags;
};

// BPF_MAP_*_BATCH
struct MapBatchAttr {
  std::uint64_t in_batch, out_batch, keys, values;
  std::uint32_t count, map_fd;
  std::uint64_t elem_flags, flags;
};

// BPF_PROG_LOAD
struct ProgLoadAttr {
  std::uint32_t prog_type, insn_cnt;
  std::uint64_t insns, license;
  std::uint32_t log_level, log_size;
  std::uint64_t log_buf;
  std::uint32_t kern_version, prog_flags;
  char prog_name[obj_name_len];
  std::uint32_t prog_ifindex, expected_attach_type, prog_btf_fd, func_info_rec_size;
  std::uint64_t func_info;
  std::uint32_t func_info_cnt, line_info_rec_size;
  std::uint64_t line_info;
  std::uint32_t line_info_cnt, attach_btf_id;
  std::uint32_t attach_prog_fd;  // or attach_btf_obj_fd
  std::uint32_t core_relo_cnt;
  std::uint64_t fd_array, core_relos;
  std::uint32_t core_relo_rec_size, log_true_size;
  std::int32_t prog_token_fd;
  std::uint32_t fd_array_cnt;
  std::uint64_t signature;
  std::uint32_t signature_size;
  std::int32_t keyring_id;
};

// BPF_OBJ_PIN, BPF_OBJ_GET
struct ObjAttr {
  std::uint64_t pathname;
  std::uint32_t bpf_fd, file_flags;
  std::int32_t path_fd;
};

// BPF_PROG_ATTACH, BPF_PROG_DETACH
struct ProgAttachAttr {
  std::uint32_t target_fd;  // or target_ifindex
  std::uint32_t attach_bpf_fd, attach_type, attach_flags, replace_bpf_fd;
  std::uint32_t relative_fd;  // or relative_id
  std::uint64_t expected_revision;
};

// BPF_PROG_TEST_RUN
struct ProgTestRunAttr {
  std::uint32_t prog_fd, retval, data_size_in, data_size_out;
  std::uint64_t data_in, data_out;
  std::uint32_t repeat, duration, ctx_size_in, ctx_size_out;
  std::uint64_t ctx_in, ctx_out;
  std::uint32_t flags, cpu, batch_size;
};

// BPF_*_GET_NEXT_ID, BPF_*_GET_FD_BY_ID
struct IdAttr {
  std::uint32_t id;  // start_id, prog_id, map_id, btf_id, link_id
  std::uint32_t next_id, open_flags;
  std::int32_t fd_by_id_token_fd;
};

// BPF_OBJ_GET_INFO_BY_FD
struct InfoAttr {
  std::uint32_t bpf_fd, info_len;
  std::uint64_t info;
};

// BPF_PROG_QUERY
struct ProgQueryAttr {
  std::uint32_t target_fd;  // or target_ifindex
  std::uint32_t attach_type, query_flags, attach_flags;
  std::uint64_t prog_ids;
  std::uint32_t count, pad;
  std::uint64_t prog_attach_flags, link_ids, link_attach_flags, revision;
};

// BPF_RAW_TRACEPOINT_OPEN
struct RawTracepointAttr {
  std::uint64_t name;
  std::uint32_t prog_fd, pad;
  std::uint64_t cookie;
};

// BPF_BTF_LOAD
struct BtfLoadAttr {
  std::uint64_t btf, btf_log_buf;
  std::uint32_t btf_size, btf_log_size, btf_log_level, btf_log_true_size, btf_flags;
  std::int32_t btf_token_fd;
};

// BPF_TASK_FD_QUERY
struct TaskFdQueryAttr {
  std::uint32_t pid, fd, flags, buf_len;
  std::uint64_t buf;
  std::uint32_t prog_id, fd_type;
  std::uint64_t probe_offset, probe_addr;
};

// BPF_LINK_CREATE
struct LinkCreateAttr {
  struct Iter {
    std::uint64_t info;
    std::uint32_t info_len;
  };
  struct PerfEvent {
    std::uint64_t bpf_cookie;
  };
  struct KprobeMulti {
    std::uint32_t flags, cnt;
    std::uint64_t syms, addrs, cookies;
  };
  struct Tracing {
    std::uint32_t target_btf_id, pad;
    std::uint64_t cookie;
  };
  struct Netfilter {
    std::uint32_t pf, hooknum;
    std::int32_t priority;
    std::uint32_t flags;
  };
  struct Anchored {                  // tcx, netkit, cgroup
    std::uint32_t relative_fd, pad;  // or relative_id
    std::uint64_t expected_revision;
  };
  struct UprobeMulti {
    std::uint64_t path, offsets, ref_ctr_offsets, cookies;
    std::uint32_t cnt, flags, pid;
  };
  std::uint32_t prog_fd;    // or map_fd (struct_ops)
  std::uint32_t target_fd;  // or target_ifindex
  std::uint32_t attach_type, flags;
  union {
    std::uint32_t target_btf_id;
    Iter iter;
    PerfEvent perf_event;
    KprobeMulti kprobe_multi;
    Tracing tracing;
    Netfilter netfilter;
    Anchored anchored;
    UprobeMulti uprobe_multi;
  };
};

// BPF_LINK_UPDATE
struct LinkUpdateAttr {
  std::uint32_t link_fd;
  std::uint32_t new_prog_fd;  // or new_map_fd
  std::uint32_t flags;
  std::uint32_t old_prog_fd;  // or old_map_fd
};

struct LinkDetachAttr {  // BPF_LINK_DETACH
  std::uint32_t link_fd;
};
struct EnableStatsAttr {  // BPF_ENABLE_STATS
  std::uint32_t type;
};
struct IterCreateAttr {  // BPF_ITER_CREATE
  std::uint32_t link_fd, flags;
};
struct ProgBindMapAttr {  // BPF_PROG_BIND_MAP
  std::uint32_t prog_fd, map_fd, flags;
};
struct TokenCreateAttr {  // BPF_TOKEN_CREATE
  std::uint32_t flags, bpffs_fd;
};
struct ProgStreamReadAttr {  // BPF_PROG_STREAM_READ_BY_FD
  std::uint64_t stream_buf;
  std::uint32_t stream_buf_len, stream_id, prog_fd;
};
struct ProgAssocStructOpsAttr {  // BPF_PROG_ASSOC_STRUCT_OPS
  std::uint32_t map_fd, prog_fd, flags;
};

// struct bpf_map_info
struct MapInfo {
  std::uint32_t type, id, key_size, value_size, max_entries, map_flags;
  char name[obj_name_len];
  std::uint32_t ifindex, btf_vmlinux_value_type_id;
  std::uint64_t netns_dev, netns_ino;
  std::uint32_t btf_id, btf_key_type_id, btf_value_type_id, btf_vmlinux_id;
  std::uint64_t map_extra, hash;
  std::uint32_t hash_size, pad;
};

// struct bpf_prog_info
struct ProgInfo {
  std::uint32_t type, id;
  std::uint8_t tag[8];
  std::uint32_t jited_prog_len, xlated_prog_len;
  std::uint64_t jited_prog_insns, xlated_prog_insns, load_time;
  std::uint32_t created_by_uid, nr_map_ids;
  std::uint64_t map_ids;
  char name[obj_name_len];
  std::uint32_t ifindex, gpl_compatible;
  std::uint64_t netns_dev, netns_ino;
  std::uint32_t nr_jited_ksyms, nr_jited_func_lens;
  std::uint64_t jited_ksyms, jited_func_lens;
  std::uint32_t btf_id, func_info_rec_size;
  std::uint64_t func_info;
  std::uint32_t nr_func_info, nr_line_info;
  std::uint64_t line_info, jited_line_info;
  std::uint32_t nr_jited_line_info, line_info_rec_size, jited_line_info_rec_size, nr_prog_tags;
  std::uint64_t prog_tags, run_time_ns, run_cnt, recursion_misses;
  std::uint32_t verified_insns, attach_btf_obj_id, attach_btf_id, pad;
};

// struct bpf_btf_info
struct BtfInfo {
  std::uint64_t btf;
  std::uint32_t btf_size, id;
  std::uint64_t name;
  std::uint32_t name_len, kernel_btf;
};

}  // namespace skep::uapi
