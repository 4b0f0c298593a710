// Calls of helpers and kfuncs.
#include "skep/verify/checker.h"

namespace skep::verify {

bool Checker::check_helper_call(const Code& insn) { return unsupported("helper {}", insn.imm); }
bool Checker::check_kfunc_call(const Code& insn) { return unsupported("kfunc {}", insn.imm); }
bool Checker::is_callback_call(const Code&) const { return false; }
bool Checker::is_async_callback_call(const Code&) const { return false; }
bool Checker::is_iterator_next(const Code&) const { return false; }
bool Checker::is_throw(const Code&) const { return false; }
bool Checker::call_changes_packet(const Code& insn) const {
  const uapi::Helper* helper = insn.row().operation == isa::Operation::call_helper
                                   ? uapi::find_helper(static_cast<std::uint32_t>(insn.imm))
                                   : nullptr;
  return helper != nullptr && (helper->traits & uapi::helper_changes_packet) != 0;
}
bool Checker::call_might_sleep(const Code& insn) const {
  const uapi::Helper* helper = insn.row().operation == isa::Operation::call_helper
                                   ? uapi::find_helper(static_cast<std::uint32_t>(insn.imm))
                                   : nullptr;
  return helper != nullptr && (helper->traits & uapi::helper_may_sleep) != 0;
}
bool Checker::check_btf_access(unsigned, std::int32_t, unsigned, Mode, int) {
  return unsupported("access to a kernel object");
}
bool Checker::check_map_struct_access(unsigned, std::int32_t, unsigned, Mode, int) {
  return unsupported("access to a map's struct");
}
bool Checker::check_btf_context(std::int32_t, unsigned, Mode, int) {
  return unsupported("a context described by BTF");
}
int Checker::check_map_kptr_access(isa::Slot, unsigned number, std::int32_t off, unsigned size, Mode, int) {
  const Record* record = records_.of(*reg(number).map());
  if (record == nullptr || record->overlap(off, off + static_cast<std::int32_t>(size)) == nullptr) return 0;
  return unsupported("access to a kptr") ? 1 : -1;
}
bool Checker::check_dynptr_argument(unsigned) { return unsupported("a dynptr argument"); }
bool Checker::check_btf_argument(unsigned, std::uint16_t, btf::TypeId) {
  return unsupported("an argument that points to a kernel object");
}
bool Checker::check_nothing_held(bool, bool, const char* prefix) {
  for (const Reference& ref : state_->refs)
    if (ref.kind == RefKind::pointer) {
      note("Unreleased reference id={} alloc_insn={}\n", ref.id, ref.insn);
      return fail(EINVAL, "{} would lead to reference leak", prefix);
    }
  return true;
}
bool Checker::check_callback_references() { return true; }
bool Checker::overwrite_special_slot(Frame& frame, unsigned slot) {
  const Byte byte = frame.stack[slot].bytes[7];
  if (byte == Byte::dynptr || byte == Byte::iter || byte == Byte::irq_flag)
    return unsupported("a store over a dynptr or iterator");
  return true;
}
bool Checker::release_reference(std::uint32_t ref_id) {
  std::erase_if(state_->refs, [&](const Reference& r) { return r.id == ref_id; });
  state_->each_reg([&](RegState& r) {
    if (r.ref_id == ref_id) invalidate(r);
  });
  return true;
}

}  // namespace skep::verify
