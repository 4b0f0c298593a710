// Registers: who may read them, what they are after a write.
#include "skep/verify/checker.h"

namespace skep::verify {

bool Checker::check_reg_read(unsigned number) {
  if (number >= register_count) return fail(EINVAL, "R{} is invalid", number);
  touched_ |= 1u << number;
  if (reg(number).kind == Kind::not_init) return fail(EACCES, "R{} !read_ok", number);
  return true;
}

bool Checker::check_reg_write(unsigned number, bool mark) {
  if (number >= register_count) return fail(EINVAL, "R{} is invalid", number);
  if (number == frame_pointer) return fail(EACCES, "frame pointer is read only");
  touched_ |= 1u << number;
  if (mark) mark_unknown(reg(number));
  return true;
}

void Checker::mark_unknown(RegState& reg) const {
  reg = RegState::unknown();
  reg.precise = !bpf_capable();
}

void Checker::mark_constant(RegState& reg, std::uint64_t value) const {
  reg = RegState::constant(value);
  reg.precise = !bpf_capable();
}

void Checker::clobber_caller_saved() {
  for (unsigned i = 0; i <= 5; i++) reg(i) = RegState{};
  touched_ |= 0x3f;
}

void Checker::invalidate(RegState& reg) const {
  if (allow_ptr_leaks())
    mark_unknown(reg);
  else
    reg = RegState{};
}

bool Checker::can_sleep() const {
  return state_->sleepable && state_->rcu_locks == 0 && state_->preempt_locks == 0 && state_->irq_id == 0 &&
         state_->locks == 0;
}

bool Checker::is_pointer_to_hide(const RegState& reg) const {
  return !allow_ptr_leaks() && reg.kind != Kind::scalar;
}

}  // namespace skep::verify
