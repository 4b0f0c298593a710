// The table of kfuncs.
//
// Where the columns come from:
//   name        tests/tables holds the names against the functions that Linux 6.18's BTF marks as kfuncs
//   flags       the kernel's registrations (BTF_ID_FLAGS) of 6.12, later ones by their documentation
//   prog_types  Linux 6.18 (x86-64), asked with one program per kfunc and program type; evidence
//   `by_sources`:
//               nothing here could ask (struct_ops, lsm and fmod_ret programs, or a module that is not there)
//   since       the first release that had it as a kfunc
#include "skep/uapi/kfuncs.h"

#include <algorithm>

#include "skep/uapi/prog_types.h"

namespace skep::uapi {
namespace {

using namespace kf;
using P = ProgType;

// Program types share sets: the kernel's hooks.
constexpr std::uint64_t all_types =
    ((1ull << (static_cast<unsigned>(P::netfilter) + 1)) - 1) & ~bit(P::unspec);
constexpr std::uint64_t xdp = bit(P::xdp);
constexpr std::uint64_t tc = bit(P::sched_cls);
constexpr std::uint64_t struct_ops = bit(P::struct_ops);
constexpr std::uint64_t lsm = bit(P::lsm);
constexpr std::uint64_t kprobe = bit(P::kprobe);
constexpr std::uint64_t syscall = bit(P::syscall);
constexpr std::uint64_t tracing = bit(P::tracing) | bit(P::tracepoint) | bit(P::perf_event) | bit(P::lsm);
constexpr std::uint64_t cgroup = bit(P::cgroup_skb) | bit(P::cgroup_sock) | bit(P::cgroup_device) |
                                 bit(P::cgroup_sock_addr) | bit(P::cgroup_sockopt) | bit(P::cgroup_sysctl) |
                                 bit(P::sock_ops);
constexpr std::uint64_t fmodret = 0;  // what fmod_ret programs may attach to; nobody calls them
constexpr std::uint64_t generic = tracing | tc | xdp | struct_ops | syscall | cgroup;
constexpr std::uint64_t cpumask = tracing | struct_ops | syscall;
constexpr std::uint64_t key = generic;  // registered for tracing, shown to all hooks that share its set
constexpr std::uint64_t tc_act = tc | bit(P::sched_act);
constexpr std::uint64_t tc_xdp = tc | xdp;
constexpr std::uint64_t tc_xdp_act = tc_act | xdp;
constexpr std::uint64_t skb = tc_act | bit(P::sk_skb) | bit(P::socket_filter) | cgroup | bit(P::lwt_in) |
                              bit(P::lwt_out) | bit(P::lwt_xmit) | bit(P::lwt_seg6local) | bit(P::netfilter) |
                              tracing;
constexpr std::uint64_t test = tc | tracing | syscall;
constexpr std::uint64_t hid = tracing | struct_ops;
constexpr std::uint64_t hid_sys = hid | syscall;
constexpr std::uint64_t scx_any = struct_ops | tracing | syscall;
constexpr std::uint64_t scx_unlocked = struct_ops | syscall;

constexpr std::uint32_t none = 0;
constexpr std::string_view asked = "program types asked of Linux 6.18";
constexpr std::string_view by_sources = "program types from the sources of Linux 6.12";

constexpr Kfunc table[] = {
    // clang-format off
    {"__bpf_trap", none, all_types, since(6, 16), asked},
    {"bbr_cwnd_event", none, struct_ops, since(5, 13), by_sources},
    {"bbr_init", none, struct_ops, since(5, 13), by_sources},
    {"bbr_main", none, struct_ops, since(5, 13), by_sources},
    {"bbr_min_tso_segs", none, struct_ops, since(5, 13), by_sources},
    {"bbr_set_state", none, struct_ops, since(5, 13), by_sources},
    {"bbr_sndbuf_expand", none, struct_ops, since(5, 13), by_sources},
    {"bbr_ssthresh", none, struct_ops, since(5, 13), by_sources},
    {"bbr_undo_cwnd", none, struct_ops, since(5, 13), by_sources},
    {"bpf_arena_alloc_pages", trusted_args | sleepable, all_types, since(6, 9), asked},
    {"bpf_arena_free_pages", trusted_args | sleepable, all_types, since(6, 9), asked},
    {"bpf_arena_reserve_pages", trusted_args | sleepable, all_types, since(6, 17), asked},
    {"bpf_cast_to_kern_ctx", fastcall, all_types, since(6, 2), asked},
    {"bpf_cgroup_acquire", acquire | rcu | ret_null, generic, since(6, 2), asked},
    {"bpf_cgroup_ancestor", acquire | rcu | ret_null, generic, since(6, 2), asked},
    {"bpf_cgroup_from_id", acquire | ret_null, generic, since(6, 4), asked},
    {"bpf_cgroup_read_xattr", rcu, all_types, since(6, 17), asked},
    {"bpf_cgroup_release", release, generic, since(6, 2), asked},
    {"bpf_copy_from_user_dynptr", sleepable, all_types, since(6, 16), asked},
    {"bpf_copy_from_user_str", sleepable, all_types, since(6, 12), asked},
    {"bpf_copy_from_user_str_dynptr", sleepable, all_types, since(6, 16), asked},
    {"bpf_copy_from_user_task_dynptr", sleepable | trusted_args, all_types, since(6, 16), asked},
    {"bpf_copy_from_user_task_str", sleepable, all_types, since(6, 15), asked},
    {"bpf_copy_from_user_task_str_dynptr", sleepable | trusted_args, all_types, since(6, 16), asked},
    {"bpf_cpumask_acquire", acquire | trusted_args, cpumask, since(6, 3), asked},
    {"bpf_cpumask_and", rcu, cpumask, since(6, 3), asked},
    {"bpf_cpumask_any_and_distribute", rcu, cpumask, since(6, 3), asked},
    {"bpf_cpumask_any_distribute", rcu, cpumask, since(6, 3), asked},
    {"bpf_cpumask_clear", rcu, cpumask, since(6, 3), asked},
    {"bpf_cpumask_clear_cpu", rcu, cpumask, since(6, 3), asked},
    {"bpf_cpumask_copy", rcu, cpumask, since(6, 3), asked},
    {"bpf_cpumask_create", acquire | ret_null, cpumask, since(6, 3), asked},
    {"bpf_cpumask_empty", rcu, cpumask, since(6, 3), asked},
    {"bpf_cpumask_equal", rcu, cpumask, since(6, 3), asked},
    {"bpf_cpumask_first", rcu, cpumask, since(6, 3), asked},
    {"bpf_cpumask_first_and", rcu, cpumask, since(6, 3), asked},
    {"bpf_cpumask_first_zero", rcu, cpumask, since(6, 3), asked},
    {"bpf_cpumask_full", rcu, cpumask, since(6, 3), asked},
    {"bpf_cpumask_intersects", rcu, cpumask, since(6, 3), asked},
    {"bpf_cpumask_or", rcu, cpumask, since(6, 3), asked},
    {"bpf_cpumask_populate", rcu, cpumask, since(6, 15), asked},
    {"bpf_cpumask_release", release, cpumask, since(6, 3), asked},
    {"bpf_cpumask_set_cpu", rcu, cpumask, since(6, 3), asked},
    {"bpf_cpumask_setall", rcu, cpumask, since(6, 3), asked},
    {"bpf_cpumask_subset", rcu, cpumask, since(6, 3), asked},
    {"bpf_cpumask_test_and_clear_cpu", rcu, cpumask, since(6, 3), asked},
    {"bpf_cpumask_test_and_set_cpu", rcu, cpumask, since(6, 3), asked},
    {"bpf_cpumask_test_cpu", rcu, cpumask, since(6, 3), asked},
    {"bpf_cpumask_weight", rcu, cpumask, since(6, 8), asked},
    {"bpf_cpumask_xor", rcu, cpumask, since(6, 3), asked},
    {"bpf_crypto_ctx_acquire", acquire | rcu | ret_null, syscall, since(6, 10), asked},
    {"bpf_crypto_ctx_create", acquire | ret_null | sleepable, syscall, since(6, 10), asked},
    {"bpf_crypto_ctx_release", release, syscall, since(6, 10), asked},
    {"bpf_crypto_decrypt", rcu, tc_xdp_act, since(6, 10), asked},
    {"bpf_crypto_encrypt", rcu, tc_xdp_act, since(6, 10), asked},
    {"bpf_ct_change_status", trusted_args, tc_xdp, since(6, 0), asked},
    {"bpf_ct_change_timeout", trusted_args, tc_xdp, since(6, 0), asked},
    {"bpf_ct_insert_entry", acquire | ret_null | release, tc_xdp, since(6, 0), asked},
    {"bpf_ct_release", release, tc_xdp, since(5, 18), asked},
    {"bpf_ct_set_nat_info", trusted_args, tc_xdp, since(6, 1), asked},
    {"bpf_ct_set_status", trusted_args, tc_xdp, since(6, 0), asked},
    {"bpf_ct_set_timeout", trusted_args, tc_xdp, since(6, 0), asked},
    {"bpf_dynptr_adjust", none, all_types, since(6, 5), asked},
    {"bpf_dynptr_clone", none, all_types, since(6, 5), asked},
    {"bpf_dynptr_copy", none, all_types, since(6, 16), asked},
    {"bpf_dynptr_from_skb", trusted_args, skb, since(6, 4), asked},
    {"bpf_dynptr_from_skb_meta", trusted_args, tc_act, since(6, 18), asked},
    {"bpf_dynptr_from_xdp", none, xdp, since(6, 4), asked},
    {"bpf_dynptr_is_null", none, all_types, since(6, 5), asked},
    {"bpf_dynptr_is_rdonly", none, all_types, since(6, 5), asked},
    {"bpf_dynptr_memset", none, all_types, since(6, 16), asked},
    {"bpf_dynptr_size", none, all_types, since(6, 5), asked},
    {"bpf_dynptr_slice", ret_null, all_types, since(6, 4), asked},
    {"bpf_dynptr_slice_rdwr", ret_null, all_types, since(6, 4), asked},
    {"bpf_fentry_test1", sleepable, fmodret, since(5, 7), by_sources},
    {"bpf_get_dentry_xattr", sleepable | trusted_args, lsm, since(6, 12), by_sources},
    {"bpf_get_file_xattr", sleepable | trusted_args, lsm, since(6, 8), by_sources},
    {"bpf_get_fsverity_digest", trusted_args, lsm, since(6, 8), by_sources},
    {"bpf_get_kmem_cache", ret_null, all_types, since(6, 13), asked},
    {"bpf_get_task_exe_file", acquire | trusted_args | ret_null, lsm, since(6, 12), by_sources},
    {"bpf_iter_bits_destroy", iter_destroy, all_types, since(6, 11), asked},
    {"bpf_iter_bits_new", iter_new, all_types, since(6, 11), asked},
    {"bpf_iter_bits_next", iter_next | ret_null, all_types, since(6, 11), asked},
    {"bpf_iter_css_destroy", iter_destroy, all_types, since(6, 7), asked},
    {"bpf_iter_css_new", iter_new | trusted_args | rcu_protected, all_types, since(6, 7), asked},
    {"bpf_iter_css_next", iter_next | ret_null, all_types, since(6, 7), asked},
    {"bpf_iter_css_task_destroy", iter_destroy, all_types, since(6, 7), asked},
    {"bpf_iter_css_task_new", iter_new | trusted_args, all_types, since(6, 7), asked},
    {"bpf_iter_css_task_next", iter_next | ret_null, all_types, since(6, 7), asked},
    {"bpf_iter_dmabuf_destroy", iter_destroy | sleepable, all_types, since(6, 16), asked},
    {"bpf_iter_dmabuf_new", iter_new | sleepable, all_types, since(6, 16), asked},
    {"bpf_iter_dmabuf_next", iter_next | ret_null | sleepable, all_types, since(6, 16), asked},
    {"bpf_iter_kmem_cache_destroy", iter_destroy | sleepable, all_types, since(6, 13), asked},
    {"bpf_iter_kmem_cache_new", iter_new | sleepable, all_types, since(6, 13), asked},
    {"bpf_iter_kmem_cache_next", iter_next | ret_null | sleepable, all_types, since(6, 13), asked},
    {"bpf_iter_num_destroy", iter_destroy, all_types, since(6, 4), asked},
    {"bpf_iter_num_new", iter_new, all_types, since(6, 4), asked},
    {"bpf_iter_num_next", iter_next | ret_null, all_types, since(6, 4), asked},
    {"bpf_iter_scx_dsq_destroy", iter_destroy, scx_any, since(6, 12), by_sources},
    {"bpf_iter_scx_dsq_new", iter_new | rcu_protected, scx_any, since(6, 12), by_sources},
    {"bpf_iter_scx_dsq_next", iter_next | ret_null, scx_any, since(6, 12), by_sources},
    {"bpf_iter_task_destroy", iter_destroy, all_types, since(6, 7), asked},
    {"bpf_iter_task_new", iter_new | trusted_args | rcu_protected, all_types, since(6, 7), asked},
    {"bpf_iter_task_next", iter_next | ret_null, all_types, since(6, 7), asked},
    {"bpf_iter_task_vma_destroy", iter_destroy, all_types, since(6, 7), asked},
    {"bpf_iter_task_vma_new", iter_new | rcu, all_types, since(6, 7), asked},
    {"bpf_iter_task_vma_next", iter_next | ret_null, all_types, since(6, 7), asked},
    {"bpf_key_put", release, key, since(6, 1), asked},
    {"bpf_kfunc_call_memb_release", release, test, since(5, 18), asked},
    {"bpf_kfunc_call_test_release", release, test, since(5, 18), asked},
    {"bpf_list_back", ret_null, generic, since(6, 16), asked},
    {"bpf_list_front", ret_null, generic, since(6, 16), asked},
    {"bpf_list_pop_back", acquire | ret_null, generic, since(6, 2), asked},
    {"bpf_list_pop_front", acquire | ret_null, generic, since(6, 2), asked},
    {"bpf_list_push_back_impl", none, generic, since(6, 2), asked},
    {"bpf_list_push_front_impl", none, generic, since(6, 2), asked},
    {"bpf_local_irq_restore", none, all_types, since(6, 14), asked},
    {"bpf_local_irq_save", none, all_types, since(6, 14), asked},
    {"bpf_lookup_system_key", acquire | ret_null, key, since(6, 1), asked},
    {"bpf_lookup_user_key", acquire | ret_null | sleepable, key, since(6, 1), asked},
    {"bpf_map_sum_elem_count", trusted_args, all_types, since(6, 6), asked},
    {"bpf_modify_return_test", none, fmodret, since(5, 7), by_sources},
    {"bpf_modify_return_test2", none, fmodret, since(5, 7), by_sources},
    {"bpf_modify_return_test_tp", none, all_types, since(6, 9), asked},
    {"bpf_obj_drop_impl", release, generic, since(6, 2), asked},
    {"bpf_obj_new_impl", acquire | ret_null, generic, since(6, 2), asked},
    {"bpf_path_d_path", trusted_args, lsm, since(6, 12), by_sources},
    {"bpf_percpu_obj_drop_impl", release, generic, since(6, 6), asked},
    {"bpf_percpu_obj_new_impl", acquire | ret_null, generic, since(6, 6), asked},
    {"bpf_preempt_disable", none, all_types, since(6, 10), asked},
    {"bpf_preempt_enable", none, all_types, since(6, 10), asked},
    {"bpf_probe_read_kernel_dynptr", none, all_types, since(6, 16), asked},
    {"bpf_probe_read_kernel_str_dynptr", none, all_types, since(6, 16), asked},
    {"bpf_probe_read_user_dynptr", none, all_types, since(6, 16), asked},
    {"bpf_probe_read_user_str_dynptr", none, all_types, since(6, 16), asked},
    {"bpf_put_file", release, lsm, since(6, 12), by_sources},
    {"bpf_rbtree_add_impl", none, generic, since(6, 3), asked},
    {"bpf_rbtree_first", ret_null, generic, since(6, 3), asked},
    {"bpf_rbtree_left", ret_null, generic, since(6, 16), asked},
    {"bpf_rbtree_remove", acquire | ret_null, generic, since(6, 3), asked},
    {"bpf_rbtree_right", ret_null, generic, since(6, 16), asked},
    {"bpf_rbtree_root", ret_null, generic, since(6, 16), asked},
    {"bpf_rcu_read_lock", none, all_types, since(6, 2), asked},
    {"bpf_rcu_read_unlock", none, all_types, since(6, 2), asked},
    {"bpf_rdonly_cast", fastcall, all_types, since(6, 2), asked},
    {"bpf_refcount_acquire_impl", acquire | ret_null | rcu, generic, since(6, 4), asked},
    {"bpf_remove_dentry_xattr", sleepable | trusted_args, lsm, since(6, 15), by_sources},
    {"bpf_res_spin_lock", ret_null, all_types, since(6, 15), asked},
    {"bpf_res_spin_lock_irqsave", ret_null, all_types, since(6, 15), asked},
    {"bpf_res_spin_unlock", none, all_types, since(6, 15), asked},
    {"bpf_res_spin_unlock_irqrestore", none, all_types, since(6, 15), asked},
    {"bpf_send_signal_task", trusted_args, generic, since(6, 13), asked},
    {"bpf_session_cookie", none, kprobe, since(6, 10), by_sources},
    {"bpf_session_is_return", none, kprobe, since(6, 10), by_sources},
    {"bpf_set_dentry_xattr", sleepable | trusted_args, lsm, since(6, 15), by_sources},
    {"bpf_sk_assign_tcp_reqsk", trusted_args, tc, since(6, 9), asked},
    {"bpf_skb_ct_alloc", acquire | ret_null, tc_xdp, since(6, 0), asked},
    {"bpf_skb_ct_lookup", acquire | ret_null, tc_xdp, since(5, 18), asked},
    {"bpf_skb_get_fou_encap", none, tc, since(6, 4), by_sources},
    {"bpf_skb_get_xfrm_info", none, tc, since(6, 2), by_sources},
    {"bpf_skb_set_fou_encap", none, tc, since(6, 4), by_sources},
    {"bpf_skb_set_xfrm_info", none, tc, since(6, 2), by_sources},
    {"bpf_sock_addr_set_sun_path", none, cgroup, since(6, 7), asked},
    {"bpf_sock_destroy", trusted_args, tracing, since(6, 5), asked},
    {"bpf_sock_ops_enable_tx_tstamp", trusted_args, cgroup, since(6, 15), asked},
    {"bpf_strcasecmp", none, all_types, since(6, 18), asked},
    {"bpf_strchr", none, all_types, since(6, 17), asked},
    {"bpf_strchrnul", none, all_types, since(6, 17), asked},
    {"bpf_strcmp", none, all_types, since(6, 17), asked},
    {"bpf_strcspn", none, all_types, since(6, 17), asked},
    {"bpf_stream_vprintk_impl", trusted_args, all_types, since(6, 17), asked},
    {"bpf_strlen", none, all_types, since(6, 17), asked},
    {"bpf_strnchr", none, all_types, since(6, 17), asked},
    {"bpf_strnlen", none, all_types, since(6, 17), asked},
    {"bpf_strnstr", none, all_types, since(6, 17), asked},
    {"bpf_strrchr", none, all_types, since(6, 17), asked},
    {"bpf_strspn", none, all_types, since(6, 17), asked},
    {"bpf_strstr", none, all_types, since(6, 17), asked},
    {"bpf_task_acquire", acquire | rcu | ret_null, generic, since(6, 2), asked},
    {"bpf_task_from_pid", acquire | ret_null, generic, since(6, 2), asked},
    {"bpf_task_from_vpid", acquire | ret_null, generic, since(6, 14), asked},
    {"bpf_task_get_cgroup1", acquire | rcu | ret_null, generic, since(6, 8), asked},
    {"bpf_task_release", release, generic, since(6, 2), asked},
    {"bpf_task_under_cgroup", rcu, generic, since(6, 5), asked},
    {"bpf_task_work_schedule_resume_impl", trusted_args, all_types, since(6, 18), asked},
    {"bpf_task_work_schedule_signal_impl", trusted_args, all_types, since(6, 18), asked},
    {"bpf_throw", none, generic, since(6, 7), asked},
    {"bpf_verify_pkcs7_signature", sleepable, key, since(6, 1), by_sources},
    {"bpf_wq_init", none, all_types, since(6, 10), asked},
    {"bpf_wq_set_callback_impl", none, all_types, since(6, 10), asked},
    {"bpf_wq_start", none, all_types, since(6, 10), asked},
    {"bpf_xdp_ct_alloc", acquire | ret_null, tc_xdp, since(6, 0), asked},
    {"bpf_xdp_ct_lookup", acquire | ret_null, tc_xdp, since(5, 18), asked},
    {"bpf_xdp_flow_lookup", trusted_args | ret_null, xdp, since(6, 11), by_sources},
    {"bpf_xdp_get_xfrm_state", acquire | ret_null, xdp, since(6, 8), asked},
    {"bpf_xdp_metadata_rx_hash", trusted_args, xdp, since(6, 3), asked},
    {"bpf_xdp_metadata_rx_timestamp", trusted_args, xdp, since(6, 3), asked},
    {"bpf_xdp_metadata_rx_vlan_tag", trusted_args, xdp, since(6, 8), asked},
    {"bpf_xdp_pull_data", none, xdp, since(6, 18), asked},
    {"bpf_xdp_xfrm_state_release", release, xdp, since(6, 8), asked},
    {"cgroup_rstat_flush", sleepable, tracing, since(6, 1), by_sources},
    {"cgroup_rstat_updated", none, tracing, since(6, 1), by_sources},
    {"crash_kexec", destructive, generic, since(5, 18), by_sources},
    {"css_rstat_flush", sleepable, tracing, since(6, 16), asked},
    {"css_rstat_updated", none, tracing, since(6, 16), asked},
    {"cubictcp_acked", none, struct_ops, since(5, 13), by_sources},
    {"cubictcp_cong_avoid", none, struct_ops, since(5, 13), by_sources},
    {"cubictcp_cwnd_event", none, struct_ops, since(5, 13), by_sources},
    {"cubictcp_init", none, struct_ops, since(5, 13), by_sources},
    {"cubictcp_recalc_ssthresh", none, struct_ops, since(5, 13), by_sources},
    {"cubictcp_state", none, struct_ops, since(5, 13), by_sources},
    {"dctcp_cwnd_event", none, struct_ops, since(5, 13), by_sources},
    {"dctcp_cwnd_undo", none, struct_ops, since(5, 13), by_sources},
    {"dctcp_init", none, struct_ops, since(5, 13), by_sources},
    {"dctcp_ssthresh", none, struct_ops, since(5, 13), by_sources},
    {"dctcp_state", none, struct_ops, since(5, 13), by_sources},
    {"dctcp_update_alpha", none, struct_ops, since(5, 13), by_sources},
    {"hid_bpf_allocate_context", acquire | ret_null | sleepable, hid_sys, since(6, 3), by_sources},
    {"hid_bpf_get_data", ret_null, hid, since(6, 3), by_sources},
    {"hid_bpf_hw_output_report", sleepable, hid_sys, since(6, 10), by_sources},
    {"hid_bpf_hw_request", sleepable, hid_sys, since(6, 3), by_sources},
    {"hid_bpf_input_report", sleepable, hid_sys, since(6, 10), by_sources},
    {"hid_bpf_release_context", release | sleepable, hid_sys, since(6, 3), by_sources},
    {"hid_bpf_try_input_report", none, hid, since(6, 11), by_sources},
    {"scx_bpf_consume", none, struct_ops, since(6, 12), by_sources},
    {"scx_bpf_cpu_rq", none, scx_any, since(6, 12), by_sources},
    {"scx_bpf_cpuperf_cap", none, scx_any, since(6, 12), by_sources},
    {"scx_bpf_cpuperf_cur", none, scx_any, since(6, 12), by_sources},
    {"scx_bpf_cpuperf_set", none, scx_any, since(6, 12), by_sources},
    {"scx_bpf_create_dsq", sleepable, scx_unlocked, since(6, 12), by_sources},
    {"scx_bpf_destroy_dsq", none, scx_any, since(6, 12), by_sources},
    {"scx_bpf_dispatch", rcu, struct_ops, since(6, 12), by_sources},
    {"scx_bpf_dispatch_cancel", none, struct_ops, since(6, 12), by_sources},
    {"scx_bpf_dispatch_from_dsq", rcu, scx_unlocked, since(6, 12), by_sources},
    {"scx_bpf_dispatch_from_dsq_set_slice", rcu, scx_unlocked, since(6, 12), by_sources},
    {"scx_bpf_dispatch_from_dsq_set_vtime", rcu, scx_unlocked, since(6, 12), by_sources},
    {"scx_bpf_dispatch_nr_slots", none, struct_ops, since(6, 12), by_sources},
    {"scx_bpf_dispatch_vtime", rcu, struct_ops, since(6, 12), by_sources},
    {"scx_bpf_dispatch_vtime_from_dsq", rcu, scx_unlocked, since(6, 12), by_sources},
    {"scx_bpf_dsq_nr_queued", none, scx_any, since(6, 12), by_sources},
    {"scx_bpf_dump_bstr", trusted_args, scx_any, since(6, 12), by_sources},
    {"scx_bpf_error_bstr", trusted_args, scx_any, since(6, 12), by_sources},
    {"scx_bpf_exit_bstr", trusted_args, scx_any, since(6, 12), by_sources},
    {"scx_bpf_get_idle_cpumask", acquire, scx_any, since(6, 12), by_sources},
    {"scx_bpf_get_idle_smtmask", acquire, scx_any, since(6, 12), by_sources},
    {"scx_bpf_get_online_cpumask", acquire, scx_any, since(6, 12), by_sources},
    {"scx_bpf_get_possible_cpumask", acquire, scx_any, since(6, 12), by_sources},
    {"scx_bpf_kick_cpu", none, scx_any, since(6, 12), by_sources},
    {"scx_bpf_nr_cpu_ids", none, scx_any, since(6, 12), by_sources},
    {"scx_bpf_pick_any_cpu", rcu, scx_any, since(6, 12), by_sources},
    {"scx_bpf_pick_idle_cpu", rcu, scx_any, since(6, 12), by_sources},
    {"scx_bpf_put_cpumask", release, scx_any, since(6, 12), by_sources},
    {"scx_bpf_put_idle_cpumask", release, scx_any, since(6, 12), by_sources},
    {"scx_bpf_reenqueue_local", none, struct_ops, since(6, 12), by_sources},
    {"scx_bpf_select_cpu_dfl", rcu, struct_ops, since(6, 12), by_sources},
    {"scx_bpf_task_cgroup", rcu | acquire, scx_any, since(6, 12), by_sources},
    {"scx_bpf_task_cpu", rcu, scx_any, since(6, 12), by_sources},
    {"scx_bpf_task_running", rcu, scx_any, since(6, 12), by_sources},
    {"scx_bpf_test_and_clear_cpu_idle", none, scx_any, since(6, 12), by_sources},
    {"tcp_cong_avoid_ai", none, struct_ops, since(5, 13), by_sources},
    {"tcp_reno_cong_avoid", none, struct_ops, since(5, 13), by_sources},
    {"tcp_reno_ssthresh", none, struct_ops, since(5, 13), by_sources},
    {"tcp_reno_undo_cwnd", none, struct_ops, since(5, 13), by_sources},
    {"tcp_slow_start", none, struct_ops, since(5, 13), by_sources},
    // clang-format on
};
static_assert(std::is_sorted(std::begin(table), std::end(table),
                             [](const Kfunc& a, const Kfunc& b) { return a.name < b.name; }));

}  // namespace

std::span<const Kfunc> kfuncs() { return table; }

const Kfunc* find_kfunc(std::string_view name) {
  const auto* found = std::lower_bound(std::begin(table), std::end(table), name,
                                       [](const Kfunc& row, std::string_view n) { return row.name < n; });
  return found != std::end(table) && found->name == name ? found : nullptr;
}

}  // namespace skep::uapi
