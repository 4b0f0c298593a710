// The flag bits of bpf(2), under our names, each with the kernel's in a comment (include/uapi/linux/bpf.h).
// Flags of helpers stand with the helpers.
#pragma once

#include <cstdint>

namespace skep::uapi {

// BPF_MAP_UPDATE_ELEM and bpf_map_update_elem.
inline constexpr std::uint64_t update_any = 0;      // BPF_ANY
inline constexpr std::uint64_t update_noexist = 1;  // BPF_NOEXIST
inline constexpr std::uint64_t update_exist = 2;    // BPF_EXIST
inline constexpr std::uint64_t elem_lock = 4;       // BPF_F_LOCK (lookups too)
inline constexpr std::uint64_t elem_cpu = 8;        // BPF_F_CPU (7.0): the CPU is in the upper 32 bits
inline constexpr std::uint64_t elem_all_cpus = 16;  // BPF_F_ALL_CPUS (7.0)

// map_flags of BPF_MAP_CREATE.
inline constexpr std::uint32_t map_no_prealloc = 1u << 0;        // BPF_F_NO_PREALLOC
inline constexpr std::uint32_t map_no_common_lru = 1u << 1;      // BPF_F_NO_COMMON_LRU
inline constexpr std::uint32_t map_numa_node = 1u << 2;          // BPF_F_NUMA_NODE
inline constexpr std::uint32_t map_rdonly = 1u << 3;             // BPF_F_RDONLY
inline constexpr std::uint32_t map_wronly = 1u << 4;             // BPF_F_WRONLY
inline constexpr std::uint32_t map_stack_build_id = 1u << 5;     // BPF_F_STACK_BUILD_ID
inline constexpr std::uint32_t map_zero_seed = 1u << 6;          // BPF_F_ZERO_SEED
inline constexpr std::uint32_t map_rdonly_prog = 1u << 7;        // BPF_F_RDONLY_PROG
inline constexpr std::uint32_t map_wronly_prog = 1u << 8;        // BPF_F_WRONLY_PROG
inline constexpr std::uint32_t map_clone = 1u << 9;              // BPF_F_CLONE
inline constexpr std::uint32_t map_mmapable = 1u << 10;          // BPF_F_MMAPABLE
inline constexpr std::uint32_t map_preserve_elems = 1u << 11;    // BPF_F_PRESERVE_ELEMS
inline constexpr std::uint32_t map_inner_map = 1u << 12;         // BPF_F_INNER_MAP
inline constexpr std::uint32_t map_link = 1u << 13;              // BPF_F_LINK
inline constexpr std::uint32_t map_vtype_btf_obj_fd = 1u << 15;  // BPF_F_VTYPE_BTF_OBJ_FD
inline constexpr std::uint32_t map_token_fd = 1u << 16;          // BPF_F_TOKEN_FD (PROG_LOAD, BTF_LOAD too)
inline constexpr std::uint32_t map_segv_on_fault = 1u << 17;     // BPF_F_SEGV_ON_FAULT
inline constexpr std::uint32_t map_no_user_conv = 1u << 18;      // BPF_F_NO_USER_CONV
inline constexpr std::uint32_t map_rb_overwrite = 1u << 19;      // BPF_F_RB_OVERWRITE (6.19)

// file_flags of BPF_OBJ_PIN and BPF_OBJ_GET (with map_rdonly, map_wronly).
inline constexpr std::uint32_t obj_path_fd = 1u << 14;  // BPF_F_PATH_FD

// prog_flags of BPF_PROG_LOAD.
inline constexpr std::uint32_t load_strict_alignment = 1u << 0;     // BPF_F_STRICT_ALIGNMENT
inline constexpr std::uint32_t load_any_alignment = 1u << 1;        // BPF_F_ANY_ALIGNMENT
inline constexpr std::uint32_t load_test_rnd_hi32 = 1u << 2;        // BPF_F_TEST_RND_HI32
inline constexpr std::uint32_t load_test_state_freq = 1u << 3;      // BPF_F_TEST_STATE_FREQ
inline constexpr std::uint32_t load_sleepable = 1u << 4;            // BPF_F_SLEEPABLE
inline constexpr std::uint32_t load_xdp_has_frags = 1u << 5;        // BPF_F_XDP_HAS_FRAGS
inline constexpr std::uint32_t load_xdp_dev_bound_only = 1u << 6;   // BPF_F_XDP_DEV_BOUND_ONLY
inline constexpr std::uint32_t load_test_reg_invariants = 1u << 7;  // BPF_F_TEST_REG_INVARIANTS
inline constexpr std::uint32_t load_token_fd = 1u << 16;            // BPF_F_TOKEN_FD

// log_level of BPF_PROG_LOAD.
inline constexpr std::uint32_t log_verbose = 1;  // each instruction
inline constexpr std::uint32_t log_states = 2;   // each state
inline constexpr std::uint32_t log_stats = 4;    // figures at the end

// attach_flags of BPF_PROG_ATTACH.
inline constexpr std::uint32_t attach_allow_override = 1u << 0;  // BPF_F_ALLOW_OVERRIDE
inline constexpr std::uint32_t attach_allow_multi = 1u << 1;     // BPF_F_ALLOW_MULTI
inline constexpr std::uint32_t attach_replace = 1u << 2;         // BPF_F_REPLACE (LINK_UPDATE too)
inline constexpr std::uint32_t attach_before = 1u << 3;          // BPF_F_BEFORE
inline constexpr std::uint32_t attach_after = 1u << 4;           // BPF_F_AFTER
inline constexpr std::uint32_t attach_id = 1u << 5;              // BPF_F_ID
inline constexpr std::uint32_t attach_preorder = 1u << 6;        // BPF_F_PREORDER
inline constexpr std::uint32_t attach_link = 1u << 13;           // BPF_F_LINK

// query_flags of BPF_PROG_QUERY.
inline constexpr std::uint32_t query_effective = 1u << 0;  // BPF_F_QUERY_EFFECTIVE

// flags of BPF_PROG_TEST_RUN.
inline constexpr std::uint32_t test_run_on_cpu = 1u << 0;             // BPF_F_TEST_RUN_ON_CPU
inline constexpr std::uint32_t test_xdp_live_frames = 1u << 1;        // BPF_F_TEST_XDP_LIVE_FRAMES
inline constexpr std::uint32_t test_skb_checksum_complete = 1u << 2;  // BPF_F_TEST_SKB_CHECKSUM_COMPLETE

// flags of BPF_LINK_CREATE's kprobe_multi, uprobe_multi and netfilter.
inline constexpr std::uint32_t kprobe_multi_return = 1u << 0;  // BPF_F_KPROBE_MULTI_RETURN
inline constexpr std::uint32_t uprobe_multi_return = 1u << 0;  // BPF_F_UPROBE_MULTI_RETURN
inline constexpr std::uint32_t netfilter_ip_defrag = 1u << 0;  // BPF_F_NETFILTER_IP_DEFRAG

// type of BPF_ENABLE_STATS.
inline constexpr std::uint32_t stats_run_time = 0;  // BPF_STATS_RUN_TIME

// ENOTSUPP: the kernel's own "not supported", which it lets out of bpf(2) although libc has no name for it.
inline constexpr int enotsupp = 524;

}  // namespace skep::uapi
