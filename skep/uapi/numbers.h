// The kernel's numbers: enumerators of include/uapi/linux/bpf.h under our names, each with the kernel's in a
// comment so that grep works both ways. What belongs to a number (rules, layouts, names) stands in the tables
// beside this file.
#pragma once

#include <cstdint>

namespace skep::uapi {

// Commands of bpf(2).
enum class Command : std::uint32_t {
  map_create = 0,                    // BPF_MAP_CREATE
  map_lookup_elem = 1,               // BPF_MAP_LOOKUP_ELEM
  map_update_elem = 2,               // BPF_MAP_UPDATE_ELEM
  map_delete_elem = 3,               // BPF_MAP_DELETE_ELEM
  map_get_next_key = 4,              // BPF_MAP_GET_NEXT_KEY
  prog_load = 5,                     // BPF_PROG_LOAD
  obj_pin = 6,                       // BPF_OBJ_PIN
  obj_get = 7,                       // BPF_OBJ_GET
  prog_attach = 8,                   // BPF_PROG_ATTACH
  prog_detach = 9,                   // BPF_PROG_DETACH
  prog_test_run = 10,                // BPF_PROG_TEST_RUN
  prog_get_next_id = 11,             // BPF_PROG_GET_NEXT_ID
  map_get_next_id = 12,              // BPF_MAP_GET_NEXT_ID
  prog_get_fd_by_id = 13,            // BPF_PROG_GET_FD_BY_ID
  map_get_fd_by_id = 14,             // BPF_MAP_GET_FD_BY_ID
  obj_get_info_by_fd = 15,           // BPF_OBJ_GET_INFO_BY_FD
  prog_query = 16,                   // BPF_PROG_QUERY
  raw_tracepoint_open = 17,          // BPF_RAW_TRACEPOINT_OPEN
  btf_load = 18,                     // BPF_BTF_LOAD
  btf_get_fd_by_id = 19,             // BPF_BTF_GET_FD_BY_ID
  task_fd_query = 20,                // BPF_TASK_FD_QUERY
  map_lookup_and_delete_elem = 21,   // BPF_MAP_LOOKUP_AND_DELETE_ELEM
  map_freeze = 22,                   // BPF_MAP_FREEZE
  btf_get_next_id = 23,              // BPF_BTF_GET_NEXT_ID
  map_lookup_batch = 24,             // BPF_MAP_LOOKUP_BATCH
  map_lookup_and_delete_batch = 25,  // BPF_MAP_LOOKUP_AND_DELETE_BATCH
  map_update_batch = 26,             // BPF_MAP_UPDATE_BATCH
  map_delete_batch = 27,             // BPF_MAP_DELETE_BATCH
  link_create = 28,                  // BPF_LINK_CREATE
  link_update = 29,                  // BPF_LINK_UPDATE
  link_get_fd_by_id = 30,            // BPF_LINK_GET_FD_BY_ID
  link_get_next_id = 31,             // BPF_LINK_GET_NEXT_ID
  enable_stats = 32,                 // BPF_ENABLE_STATS
  iter_create = 33,                  // BPF_ITER_CREATE
  link_detach = 34,                  // BPF_LINK_DETACH
  prog_bind_map = 35,                // BPF_PROG_BIND_MAP
  token_create = 36,                 // BPF_TOKEN_CREATE
  prog_stream_read_by_fd = 37,       // BPF_PROG_STREAM_READ_BY_FD
  prog_assoc_struct_ops = 38,        // BPF_PROG_ASSOC_STRUCT_OPS
};

// Map types.
enum class MapType : std::uint32_t {
  unspec = 0,                  // BPF_MAP_TYPE_UNSPEC
  hash = 1,                    // BPF_MAP_TYPE_HASH
  array = 2,                   // BPF_MAP_TYPE_ARRAY
  prog_array = 3,              // BPF_MAP_TYPE_PROG_ARRAY
  perf_event_array = 4,        // BPF_MAP_TYPE_PERF_EVENT_ARRAY
  percpu_hash = 5,             // BPF_MAP_TYPE_PERCPU_HASH
  percpu_array = 6,            // BPF_MAP_TYPE_PERCPU_ARRAY
  stack_trace = 7,             // BPF_MAP_TYPE_STACK_TRACE
  cgroup_array = 8,            // BPF_MAP_TYPE_CGROUP_ARRAY
  lru_hash = 9,                // BPF_MAP_TYPE_LRU_HASH
  lru_percpu_hash = 10,        // BPF_MAP_TYPE_LRU_PERCPU_HASH
  lpm_trie = 11,               // BPF_MAP_TYPE_LPM_TRIE
  array_of_maps = 12,          // BPF_MAP_TYPE_ARRAY_OF_MAPS
  hash_of_maps = 13,           // BPF_MAP_TYPE_HASH_OF_MAPS
  devmap = 14,                 // BPF_MAP_TYPE_DEVMAP
  sockmap = 15,                // BPF_MAP_TYPE_SOCKMAP
  cpumap = 16,                 // BPF_MAP_TYPE_CPUMAP
  xskmap = 17,                 // BPF_MAP_TYPE_XSKMAP
  sockhash = 18,               // BPF_MAP_TYPE_SOCKHASH
  cgroup_storage = 19,         // BPF_MAP_TYPE_CGROUP_STORAGE
  reuseport_sockarray = 20,    // BPF_MAP_TYPE_REUSEPORT_SOCKARRAY
  percpu_cgroup_storage = 21,  // BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE
  queue = 22,                  // BPF_MAP_TYPE_QUEUE
  stack = 23,                  // BPF_MAP_TYPE_STACK
  sk_storage = 24,             // BPF_MAP_TYPE_SK_STORAGE
  devmap_hash = 25,            // BPF_MAP_TYPE_DEVMAP_HASH
  struct_ops = 26,             // BPF_MAP_TYPE_STRUCT_OPS
  ringbuf = 27,                // BPF_MAP_TYPE_RINGBUF
  inode_storage = 28,          // BPF_MAP_TYPE_INODE_STORAGE
  task_storage = 29,           // BPF_MAP_TYPE_TASK_STORAGE
  bloom_filter = 30,           // BPF_MAP_TYPE_BLOOM_FILTER
  user_ringbuf = 31,           // BPF_MAP_TYPE_USER_RINGBUF
  cgrp_storage = 32,           // BPF_MAP_TYPE_CGRP_STORAGE
  arena = 33,                  // BPF_MAP_TYPE_ARENA
  insn_array = 34,             // BPF_MAP_TYPE_INSN_ARRAY
  rhash = 35,                  // BPF_MAP_TYPE_RHASH
};

// Program types.
enum class ProgType : std::uint32_t {
  unspec = 0,                    // BPF_PROG_TYPE_UNSPEC
  socket_filter = 1,             // BPF_PROG_TYPE_SOCKET_FILTER
  kprobe = 2,                    // BPF_PROG_TYPE_KPROBE
  sched_cls = 3,                 // BPF_PROG_TYPE_SCHED_CLS
  sched_act = 4,                 // BPF_PROG_TYPE_SCHED_ACT
  tracepoint = 5,                // BPF_PROG_TYPE_TRACEPOINT
  xdp = 6,                       // BPF_PROG_TYPE_XDP
  perf_event = 7,                // BPF_PROG_TYPE_PERF_EVENT
  cgroup_skb = 8,                // BPF_PROG_TYPE_CGROUP_SKB
  cgroup_sock = 9,               // BPF_PROG_TYPE_CGROUP_SOCK
  lwt_in = 10,                   // BPF_PROG_TYPE_LWT_IN
  lwt_out = 11,                  // BPF_PROG_TYPE_LWT_OUT
  lwt_xmit = 12,                 // BPF_PROG_TYPE_LWT_XMIT
  sock_ops = 13,                 // BPF_PROG_TYPE_SOCK_OPS
  sk_skb = 14,                   // BPF_PROG_TYPE_SK_SKB
  cgroup_device = 15,            // BPF_PROG_TYPE_CGROUP_DEVICE
  sk_msg = 16,                   // BPF_PROG_TYPE_SK_MSG
  raw_tracepoint = 17,           // BPF_PROG_TYPE_RAW_TRACEPOINT
  cgroup_sock_addr = 18,         // BPF_PROG_TYPE_CGROUP_SOCK_ADDR
  lwt_seg6local = 19,            // BPF_PROG_TYPE_LWT_SEG6LOCAL
  lirc_mode2 = 20,               // BPF_PROG_TYPE_LIRC_MODE2
  sk_reuseport = 21,             // BPF_PROG_TYPE_SK_REUSEPORT
  flow_dissector = 22,           // BPF_PROG_TYPE_FLOW_DISSECTOR
  cgroup_sysctl = 23,            // BPF_PROG_TYPE_CGROUP_SYSCTL
  raw_tracepoint_writable = 24,  // BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE
  cgroup_sockopt = 25,           // BPF_PROG_TYPE_CGROUP_SOCKOPT
  tracing = 26,                  // BPF_PROG_TYPE_TRACING
  struct_ops = 27,               // BPF_PROG_TYPE_STRUCT_OPS
  ext = 28,                      // BPF_PROG_TYPE_EXT
  lsm = 29,                      // BPF_PROG_TYPE_LSM
  sk_lookup = 30,                // BPF_PROG_TYPE_SK_LOOKUP
  syscall = 31,                  // BPF_PROG_TYPE_SYSCALL
  netfilter = 32,                // BPF_PROG_TYPE_NETFILTER
};

// Attach types (expected_attach_type and attach_type).
enum class AttachType : std::uint32_t {
  cgroup_inet_ingress = 0,              // BPF_CGROUP_INET_INGRESS
  cgroup_inet_egress = 1,               // BPF_CGROUP_INET_EGRESS
  cgroup_inet_sock_create = 2,          // BPF_CGROUP_INET_SOCK_CREATE
  cgroup_sock_ops = 3,                  // BPF_CGROUP_SOCK_OPS
  sk_skb_stream_parser = 4,             // BPF_SK_SKB_STREAM_PARSER
  sk_skb_stream_verdict = 5,            // BPF_SK_SKB_STREAM_VERDICT
  cgroup_device = 6,                    // BPF_CGROUP_DEVICE
  sk_msg_verdict = 7,                   // BPF_SK_MSG_VERDICT
  cgroup_inet4_bind = 8,                // BPF_CGROUP_INET4_BIND
  cgroup_inet6_bind = 9,                // BPF_CGROUP_INET6_BIND
  cgroup_inet4_connect = 10,            // BPF_CGROUP_INET4_CONNECT
  cgroup_inet6_connect = 11,            // BPF_CGROUP_INET6_CONNECT
  cgroup_inet4_post_bind = 12,          // BPF_CGROUP_INET4_POST_BIND
  cgroup_inet6_post_bind = 13,          // BPF_CGROUP_INET6_POST_BIND
  cgroup_udp4_sendmsg = 14,             // BPF_CGROUP_UDP4_SENDMSG
  cgroup_udp6_sendmsg = 15,             // BPF_CGROUP_UDP6_SENDMSG
  lirc_mode2 = 16,                      // BPF_LIRC_MODE2
  flow_dissector = 17,                  // BPF_FLOW_DISSECTOR
  cgroup_sysctl = 18,                   // BPF_CGROUP_SYSCTL
  cgroup_udp4_recvmsg = 19,             // BPF_CGROUP_UDP4_RECVMSG
  cgroup_udp6_recvmsg = 20,             // BPF_CGROUP_UDP6_RECVMSG
  cgroup_getsockopt = 21,               // BPF_CGROUP_GETSOCKOPT
  cgroup_setsockopt = 22,               // BPF_CGROUP_SETSOCKOPT
  trace_raw_tp = 23,                    // BPF_TRACE_RAW_TP
  trace_fentry = 24,                    // BPF_TRACE_FENTRY
  trace_fexit = 25,                     // BPF_TRACE_FEXIT
  modify_return = 26,                   // BPF_MODIFY_RETURN
  lsm_mac = 27,                         // BPF_LSM_MAC
  trace_iter = 28,                      // BPF_TRACE_ITER
  cgroup_inet4_getpeername = 29,        // BPF_CGROUP_INET4_GETPEERNAME
  cgroup_inet6_getpeername = 30,        // BPF_CGROUP_INET6_GETPEERNAME
  cgroup_inet4_getsockname = 31,        // BPF_CGROUP_INET4_GETSOCKNAME
  cgroup_inet6_getsockname = 32,        // BPF_CGROUP_INET6_GETSOCKNAME
  xdp_devmap = 33,                      // BPF_XDP_DEVMAP
  cgroup_inet_sock_release = 34,        // BPF_CGROUP_INET_SOCK_RELEASE
  xdp_cpumap = 35,                      // BPF_XDP_CPUMAP
  sk_lookup = 36,                       // BPF_SK_LOOKUP
  xdp = 37,                             // BPF_XDP
  sk_skb_verdict = 38,                  // BPF_SK_SKB_VERDICT
  sk_reuseport_select = 39,             // BPF_SK_REUSEPORT_SELECT
  sk_reuseport_select_or_migrate = 40,  // BPF_SK_REUSEPORT_SELECT_OR_MIGRATE
  perf_event = 41,                      // BPF_PERF_EVENT
  trace_kprobe_multi = 42,              // BPF_TRACE_KPROBE_MULTI
  lsm_cgroup = 43,                      // BPF_LSM_CGROUP
  struct_ops = 44,                      // BPF_STRUCT_OPS
  netfilter = 45,                       // BPF_NETFILTER
  tcx_ingress = 46,                     // BPF_TCX_INGRESS
  tcx_egress = 47,                      // BPF_TCX_EGRESS
  trace_uprobe_multi = 48,              // BPF_TRACE_UPROBE_MULTI
  cgroup_unix_connect = 49,             // BPF_CGROUP_UNIX_CONNECT
  cgroup_unix_sendmsg = 50,             // BPF_CGROUP_UNIX_SENDMSG
  cgroup_unix_recvmsg = 51,             // BPF_CGROUP_UNIX_RECVMSG
  cgroup_unix_getpeername = 52,         // BPF_CGROUP_UNIX_GETPEERNAME
  cgroup_unix_getsockname = 53,         // BPF_CGROUP_UNIX_GETSOCKNAME
  netkit_primary = 54,                  // BPF_NETKIT_PRIMARY
  netkit_peer = 55,                     // BPF_NETKIT_PEER
  trace_kprobe_session = 56,            // BPF_TRACE_KPROBE_SESSION
  trace_uprobe_session = 57,            // BPF_TRACE_UPROBE_SESSION
  trace_fsession = 58,                  // BPF_TRACE_FSESSION
  trace_fentry_multi = 59,              // BPF_TRACE_FENTRY_MULTI
  trace_fexit_multi = 60,               // BPF_TRACE_FEXIT_MULTI
  trace_fsession_multi = 61,            // BPF_TRACE_FSESSION_MULTI
};

// Link types (bpf_link_info.type).
enum class LinkType : std::uint32_t {
  unspec = 0,          // BPF_LINK_TYPE_UNSPEC
  raw_tracepoint = 1,  // BPF_LINK_TYPE_RAW_TRACEPOINT
  tracing = 2,         // BPF_LINK_TYPE_TRACING
  cgroup = 3,          // BPF_LINK_TYPE_CGROUP
  iter = 4,            // BPF_LINK_TYPE_ITER
  netns = 5,           // BPF_LINK_TYPE_NETNS
  xdp = 6,             // BPF_LINK_TYPE_XDP
  perf_event = 7,      // BPF_LINK_TYPE_PERF_EVENT
  kprobe_multi = 8,    // BPF_LINK_TYPE_KPROBE_MULTI
  struct_ops = 9,      // BPF_LINK_TYPE_STRUCT_OPS
  netfilter = 10,      // BPF_LINK_TYPE_NETFILTER
  tcx = 11,            // BPF_LINK_TYPE_TCX
  uprobe_multi = 12,   // BPF_LINK_TYPE_UPROBE_MULTI
  netkit = 13,         // BPF_LINK_TYPE_NETKIT
  sockmap = 14,        // BPF_LINK_TYPE_SOCKMAP
  tracing_multi = 15,  // BPF_LINK_TYPE_TRACING_MULTI
};

}  // namespace skep::uapi
