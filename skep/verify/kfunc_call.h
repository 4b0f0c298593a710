// A call of a kernel function while it is checked. Bodies: kfunc_callee.cpp (which function, what passes
// before exploration ask), kfunc_args.cpp (arguments), kfuncs.cpp (effects and results).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "skep/uapi/kfuncs.h"
#include "skep/verify/checker.h"
#include "skep/verify/records.h"

namespace skep::verify {

namespace kf = uapi::kf;

// Functions that change what the verifier itself tracks.
enum class Special : std::uint8_t {
  none,
  obj_new,
  percpu_obj_new,
  obj_drop,
  percpu_obj_drop,
  refcount_acquire,
  list_push,
  list_pop,
  list_peek,
  rbtree_add,
  rbtree_remove,
  rbtree_first,  // first, root
  rbtree_child,  // left, right
  cast_to_kern_ctx,
  rdonly_cast,
  rcu_lock,
  rcu_unlock,
  preempt_disable,
  preempt_enable,
  irq_save,
  irq_restore,
  res_lock,
  res_unlock,
  res_lock_irq,
  res_unlock_irq,
  dynptr_from_skb,
  dynptr_from_skb_meta,
  dynptr_from_xdp,
  dynptr_slice,
  dynptr_slice_rdwr,
  dynptr_clone,
  throw_,
  wq_set_callback,
  css_task_new,
  session_cookie,
  changes_packet,
  task_work,
};

// What a pointer argument is: kfunc_args.cpp.
enum class Takes : std::uint8_t;

// The function that a call names.
struct Callee {
  const btf::Btf* btf = nullptr;
  std::string_view name;
  btf::Type proto;
  const uapi::Kfunc* row = nullptr;
  KernelVersion since = 0;  // of a row that is too new
  Special special = Special::none;
};

// False: it names none. row stays null where the program may not call it.
bool find_callee(const Checker& checker, const Code& insn, Callee& callee);

class KfuncCall {
 public:
  KfuncCall(Checker& checker, const Code& insn) : c(checker), insn_(insn) {}
  bool run();

 private:
  bool has(std::uint32_t flag) const { return (k_.row->flags & flag) != 0; }
  bool trusted_args() const { return has(kf::trusted_args | kf::release); }
  bool arguments();
  bool scalar_argument(unsigned index, const btf::Param& param);
  bool pointer_argument(unsigned& index, const btf::Param& param, const btf::Type& pointer);
  std::optional<Takes> classify(unsigned index, const btf::Param& param, const btf::Type& target);
  bool is_context_type(const btf::Type& target) const;
  bool is_scalar_struct(const btf::Type& type, int depth) const;
  bool is_size_of(unsigned index, std::string_view suffix) const;
  bool check_object(unsigned number, const btf::Type& target);
  bool check_both_ways(unsigned number, std::uint32_t size);
  bool check_sized(unsigned number);
  bool dynptr(unsigned number, const btf::Param& param);
  bool iterator(unsigned number, const btf::Type& target);
  bool irq_flag(unsigned number);
  bool root(unsigned number, FieldKind kind);
  bool node(unsigned number, FieldKind kind);
  bool in_map_value(unsigned number, FieldKind kind);
  bool sections();
  bool release();
  bool insert_node();
  bool result();
  bool object_result();
  void graph_node(RegState& reg) const;
  bool iterator_next();
  bool ret_null() const { return has(kf::ret_null) && !(k_.special == Special::refcount_acquire && owning_); }
  bool context_type(btf::TypeId& type);

  Checker& c;
  const Code& insn_;
  Callee k_;
  unsigned count_ = 0;

  std::optional<std::uint64_t> constant_;
  std::uint64_t r0_size_ = 0;
  bool r0_rdonly_ = false;
  std::uint32_t ref_id_ = 0;
  unsigned release_number_ = 0;
  bool owning_ = false;
  const btf::Btf* object_btf_ = nullptr;
  btf::TypeId object_type_ = 0;
  const Field* root_ = nullptr;
  RegState dynptr_;
  bool has_dynptr_ = false;
  std::uint32_t subprog_ = 0;
  const MapModel* map_ = nullptr;
  std::uint32_t map_uid_ = 0;
  std::uint32_t iter_frame_ = 0, iter_slot_ = 0;
  btf::TypeId context_type_ = 0;
};

}  // namespace skep::verify
