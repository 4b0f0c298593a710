// A call of a helper while it is checked: what its steps find out and hand on. Bodies: calls.cpp (may it be
// called, before and after the call), helper_args.cpp (arguments).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "skep/uapi/helpers.h"
#include "skep/verify/checker.h"
#include "skep/verify/helper_types.h"
#include "skep/verify/records.h"

namespace skep::verify {

namespace helper_id {
inline constexpr std::uint32_t map_lookup_elem = 1, map_update_elem = 2, map_delete_elem = 3, tail_call = 12,
                               get_smp_processor_id = 8, probe_read_str = 45, get_stack = 67,
                               get_local_storage = 81, map_push_elem = 87, map_pop_elem = 88,
                               map_peek_elem = 89, spin_lock = 93, spin_unlock = 94, sk_release = 86,
                               sk_storage_get = 107, sk_storage_delete = 108, d_path = 147,
                               probe_read_user_str = 114, probe_read_kernel_str = 115, skb_output = 111,
                               ringbuf_reserve = 131, get_task_stack = 141, inode_storage_get = 145,
                               per_cpu_ptr = 153, this_cpu_ptr = 154, task_storage_get = 156,
                               for_each_map_elem = 164, snprintf = 165, timer_set_callback = 170,
                               timer_init = 169, get_func_ip = 173, loop = 181, kptr_xchg = 194,
                               map_lookup_percpu_elem = 195, dynptr_from_mem = 197,
                               ringbuf_reserve_dynptr = 198, ringbuf_submit_dynptr = 199,
                               ringbuf_discard_dynptr = 200, dynptr_read = 201, dynptr_write = 202,
                               dynptr_data = 203, setsockopt = 49, getsockopt = 57, get_retval = 186,
                               set_retval = 187, override_return = 58, redirect_map = 51,
                               cgrp_storage_get = 210;
}

struct Accepted;  // a register type that an argument takes: helper_args.cpp
struct ArgRow;    // how one kind of argument is checked

// The program type whose rules count: an extension follows its target.
uapi::ProgType rules_of(const ProgModel& prog);

class HelperCall {
 public:
  HelperCall(Checker& checker, const Code& insn) : c(checker), insn_(insn) {}
  bool run();

 private:
  bool allowed();
  bool argument(unsigned index);
  bool check_type(unsigned number, const ArgRow& row, std::span<const Accepted> kinds);
  bool check_btf_type(unsigned number, const ArgRow& row);
  bool memory(unsigned number, std::uint32_t size, bool zero_ok, const ArgRow& row, bool size_known);
  bool size_argument(unsigned index, bool zero_ok);
  bool timer(unsigned number);
  bool kptr(unsigned number);
  void constant_key(unsigned number);
  bool record_map();
  bool release();
  bool special();
  bool callbacks();
  bool result();
  bool map_and_helper();
  bool find_struct(std::string_view name, const btf::Btf*& btf, btf::TypeId& type);
  bool releases(unsigned index) const;
  std::string_view operation_name() const;
  bool allowed_in_probe() const;

  Checker& c;
  const Code& insn_;
  const uapi::Helper* helper_ = nullptr;
  const HelperTypes* types_ = nullptr;
  uapi::HelperForm form_{};
  std::uint32_t id_ = 0;

  // What arguments found out.
  const MapModel* map_ = nullptr;
  std::uint32_t map_uid_ = 0;
  std::optional<std::uint32_t> key_;  // array: the constant index
  std::uint32_t ref_id_ = 0;
  unsigned release_number_ = 0;
  std::uint32_t mem_size_ = 0;
  std::uint64_t max_size_ = 0;
  std::uint32_t subprog_ = 0;
  const btf::Btf* percpu_btf_ = nullptr;
  btf::TypeId percpu_type_ = 0;
  const Field* kptr_field_ = nullptr;
  std::uint32_t dynptr_id_ = 0;
  bool changes_packet_ = false, cpu_pointer_to_alloc_ = false;
  unsigned fill_number_ = 0;
  std::uint32_t fill_size_ = 0;
};

}  // namespace skep::verify
