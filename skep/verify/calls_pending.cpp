// Calls of helpers and kfuncs.
#include "skep/verify/checker.h"
#include "skep/verify/helper_types.h"

namespace skep::verify {

bool Checker::check_kfunc_call(const Code& insn) { return unsupported("kfunc {}", insn.imm); }
bool Checker::is_callback_call(const Code& insn) const {
  if (insn.row().operation != isa::Operation::call_helper) return false;
  const HelperTypes* types = find_helper_types(static_cast<std::uint32_t>(insn.imm));
  return types != nullptr && types->callback != Callback::none && types->callback != Callback::timer;
}
bool Checker::is_async_callback_call(const Code& insn) const {
  if (insn.row().operation != isa::Operation::call_helper) return false;
  const HelperTypes* types = find_helper_types(static_cast<std::uint32_t>(insn.imm));
  return types != nullptr && types->callback == Callback::timer;
}
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
bool Checker::check_dynptr_argument(unsigned) { return unsupported("a dynptr argument"); }
bool Checker::check_btf_argument(unsigned, std::uint16_t, btf::TypeId) {
  return unsupported("an argument that points to a kernel object");
}

}  // namespace skep::verify
