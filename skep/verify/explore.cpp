// Exploration: one path after the other through main program and global functions, the latest branch first.
#include "skep/uapi/prog_types.h"
#include "skep/verify/checker.h"

namespace skep::verify {

using isa::Class;
using isa::Operation;

State* Checker::push_branch(isa::Slot target, isa::Slot from, bool speculative) {
  if (pending_.size() >= branch_limit_) {
    lacks(has(uapi::Rule::long_jumps) ? uapi::Missing{uapi::Lack::limit, "8192 branches"}
                                      : uapi::missing(uapi::Rule::long_jumps),
          E2BIG, "The sequence of {} jumps is too complex.", pending_.size() + 1);
    return nullptr;
  }
  State* branch = pool_.make();
  pool_.copy(*branch, *state_);
  branch->steps = state_->steps;
  branch->speculative |= speculative;
  branch->branches = 1;
  if (branch->parent != nullptr) branch->parent->branches++;
  pending_.push_back({branch, target, from, log_.size()});
  return branch;
}

bool Checker::explore_subprog(std::uint32_t number) {
  state_ = pool_.make();
  state_->branches = 1;
  state_->sleepable = (prog().flags & prog_flag::sleepable) != 0;
  state_->first_insn = subprogs_[number].first;
  state_->last_insn = no_insn;
  Frame* frame = pool_.make_frame();
  frame->callsite = no_insn;
  frame->subprog = number;
  liveness_.reset();
  frame->chain = liveness_.chain(StackLiveness::none, no_insn, number);
  init_frame(*frame);
  state_->frames[0] = frame;
  at_ = subprogs_[number].first;
  explored_.assign(code_.size(), nullptr);
  for (auto& visits : loops_) visits.clear();
  print_state_ = false;
  touched_ = ~0u;
  touched_slots_ = 0;
  const std::size_t log_start = log_.size();
  bool good = set_up_entry(number);
  if (good) {
    log_entry();
    good = explore();
  }
  if (state_ != nullptr) pool_.release(state_);
  state_ = nullptr;
  for (const Pending& pending : pending_) pool_.release(pending.state);
  pending_.clear();
  for (const auto& explored : explored_pool_)
    if (explored->state != nullptr) pool_.release(explored->state);
  explored_pool_.clear();
  explored_count_ = free_waiting_ = 0;
  if (good && (options_.log_level & log_level::states) == 0) rewind_log(log_start);
  return good;
}

bool Checker::explore() {
  isa::Slot last = no_insn;
  for (;;) {
    step_recorded_ = false;
    previous_ = last;
    if (at_ >= code_.size()) return fail(EFAULT, "invalid insn idx {} insn_cnt {}", at_, code_.size());
    const Code& insn = code_[at_];
    if (++insns_processed_ > insn_limit_)
      return lacks(has(uapi::Rule::million) ? uapi::Missing{uapi::Lack::limit, "1M instructions"}
                                            : uapi::missing(uapi::Rule::million),
                   E2BIG, "BPF program is too large. Processed {} insn", insns_processed_);
    state_->last_insn = previous_;
    state_->insn = at_;
    Next next = Next::go_on;
    bool pruned = false;
    if (insn.prune_point) {
      if (pool_.memory_bytes() + liveness_.memory_bytes() > options_.memory_limit_bytes)
        return fail(ENOMEM, "out of memory for states");
      switch (visit_checkpoint()) {
        case Visited::failed: return false;
        case Visited::yes:
          pruned = true;
          log_pruned();
          break;
        case Visited::no: break;
      }
    }
    if (log_.size() > 2 * options_.log_limit_bytes) trim_log();
    if (!pruned) {
      if (insn.jump_point) record_step();
      log_insn();
      if (options_.observer != nullptr && !state_->speculative) options_.observer->on_state(at_, *state_);
      InsnFacts& fact = verdict_.facts[at_];
      fact.reachable |= !state_->speculative;
      fact.processed++;
      last = at_;
      next_ = at_ + insn.slots;
      const std::uint32_t chain = state_->frame().chain;
      if (state_->speculative && barrier_[at_])
        next = Next::path_done;
      else
        next = simulate(insn);
      liveness_.visited(chain, last);
    }
    if (next == Next::failed) {
      if (!stops_speculation()) return false;
      next = Next::path_done;
    }
    if (next == Next::go_on && !pruned) {
      at_ = next_;
      continue;
    }
    // The path ends here; the latest branch that is still open comes next.
    touched_ = ~0u;
    touched_slots_ = ~std::uint64_t{0};
    if (!finish_path(state_)) return false;
    pool_.release(state_);
    state_ = nullptr;
    if (pending_.empty()) return true;
    const Pending pending = pending_.back();
    pending_.pop_back();
    if ((options_.log_level & log_level::states) == 0) rewind_log(pending.log_size);
    state_ = pending.state;
    at_ = pending.insn;
    last = pending.previous;
    print_state_ = true;
  }
}

Checker::Next Checker::simulate(const Code& insn) {
  const isa::Op& row = insn.row();
  auto result = [](bool good) { return good ? Next::go_on : Next::failed; };
  switch (row.action) {
    case Class::alu:
    case Class::endian: return result(simulate_alu(insn));
    case Class::addr_space_cast: return result(simulate_addr_space_cast(insn));
    case Class::load:
    case Class::load_acquire: return result(simulate_load(insn));
    case Class::store:
    case Class::store_imm:
    case Class::store_release: return result(simulate_store(insn));
    case Class::atomic: return result(simulate_atomic(insn));
    case Class::load_imm64: return result(simulate_lddw(insn));
    case Class::packet_absolute:
    case Class::packet_indirect: return simulate_ld_abs(insn);
    case Class::jump:
      jumps_processed_++;
      next_ = insn.target;
      return Next::go_on;
    case Class::jump_if: jumps_processed_++; return simulate_branch(insn);
    case Class::may_goto: jumps_processed_++; return simulate_may_goto(insn);
    case Class::jump_indirect: unsupported("gotox"); return Next::failed;
    case Class::call:
      jumps_processed_++;
      if (!simulate_call(insn)) return Next::failed;
      touched_ |= 1;
      if (is_throw(insn)) return simulate_exit(insn, true);
      return Next::go_on;
    case Class::exit: jumps_processed_++; return simulate_exit(insn, false);
  }
  return Next::failed;
}

namespace {

// Kinds that one instruction may see only alone, because the kernel rewrites the access for it.
bool mixes(Kind kind) {
  switch (kind) {
    case Kind::context:
    case Kind::socket:
    case Kind::sock_common:
    case Kind::tcp_sock:
    case Kind::xdp_sock:
    case Kind::btf_object:
    case Kind::arena: return false;
    default: return true;
  }
}

}  // namespace

bool Checker::check_access_mix(AccessMemo pointer, bool allow_trust_mismatch) {
  AccessMemo& memo = access_[at_];
  if (memo.kind == Kind::not_init) {
    memo = pointer;
    return true;
  }
  if (memo.kind == pointer.kind && memo.flags == pointer.flags) return true;
  if (mixes(memo.kind) && mixes(pointer.kind)) return true;
  if (allow_trust_mismatch && memo.kind == pointer.kind && pointer.kind == Kind::btf_object) {
    memo.flags = flag::untrusted;
    return true;
  }
  return fail(EINVAL, "same insn cannot be used with different pointers");
}

bool Checker::simulate_load(const Code& insn) {
  const isa::Op& row = insn.row();
  if (!check_reg_read(insn.src) || !check_reg_write(insn.dst, false)) return false;
  const AccessMemo pointer{reg(insn.src).kind, reg(insn.src).flags};  // the load may overwrite it
  const bool acquire = row.action == Class::load_acquire;
  if (acquire && !atomic_pointer_ok(pointer.kind))
    return fail(EACCES, "BPF_ATOMIC loads from R{} {} is not allowed", insn.src, kind_name(reg(insn.src)));
  if (!check_mem_access(at_, insn.src, insn.off, row.width / 8u, Mode::read, insn.dst, acquire,
                        row.sign_from != 0))
    return false;
  return check_access_mix(pointer, !acquire) && check_invariants(reg(insn.dst), "ldx");
}

bool Checker::simulate_store(const Code& insn) {
  const isa::Op& row = insn.row();
  const bool imm = row.action == Class::store_imm, release = row.action == Class::store_release;
  if (!imm && !check_reg_read(insn.src)) return false;
  if (!check_reg_read(insn.dst)) return false;
  const AccessMemo pointer{reg(insn.dst).kind, reg(insn.dst).flags};
  if (release && !atomic_pointer_ok(pointer.kind))
    return fail(EACCES, "BPF_ATOMIC stores into R{} {} is not allowed", insn.dst, kind_name(reg(insn.dst)));
  if (imm) store_constant_ = insn.imm;
  const bool good = check_mem_access(at_, insn.dst, insn.off, row.width / 8u, Mode::write,
                                     imm ? -1 : static_cast<int>(insn.src), release);
  store_constant_.reset();
  return good && check_access_mix(pointer, false);
}

bool Checker::atomic_pointer_ok(Kind kind) const {
  switch (kind) {
    case Kind::context:
    case Kind::packet:
    case Kind::packet_meta:
    case Kind::flow_keys:
    case Kind::socket:
    case Kind::sock_common:
    case Kind::tcp_sock:
    case Kind::xdp_sock: return false;
    default: return true;
  }
}

bool Checker::simulate_atomic(const Code& insn) {
  const isa::Op& row = insn.row();
  const unsigned size = row.width / 8u;
  if (!check_reg_read(insn.src) || !check_reg_read(insn.dst)) return false;
  const bool exchange = row.operation == Operation::cmpxchg;
  if (exchange) {
    if (!check_reg_read(0)) return false;
    if (is_pointer_to_hide(reg(0))) return fail(EACCES, "R0 leaks addr into mem");
  }
  if (is_pointer_to_hide(reg(insn.src))) return fail(EACCES, "R{} leaks addr into mem", insn.src);
  if (!atomic_pointer_ok(reg(insn.dst).kind))
    return fail(EACCES, "BPF_ATOMIC stores into R{} {} is not allowed", insn.dst, kind_name(reg(insn.dst)));
  int load = -1;
  if (row.fetch) {
    load = exchange ? 0 : insn.src;
    if (!check_reg_write(static_cast<unsigned>(load), true)) return false;
  }
  if (!check_mem_access(at_, insn.dst, insn.off, size, Mode::read, -1, true)) return false;
  if (load >= 0 && !check_mem_access(at_, insn.dst, insn.off, size, Mode::read, load, true)) return false;
  if (!check_access_mix({reg(insn.dst).kind, reg(insn.dst).flags}, false)) return false;
  return check_mem_access(at_, insn.dst, insn.off, size, Mode::write, -1, true);
}

bool Checker::simulate_lddw(const Code& insn) {
  const isa::Op& row = insn.row();
  if (!check_reg_write(insn.dst, true)) return false;
  RegState& dst = reg(insn.dst);
  const auto low = static_cast<std::uint32_t>(insn.imm), high = static_cast<std::uint32_t>(insn.imm >> 32);
  switch (row.operation) {
    case Operation::imm64: mark_constant(dst, static_cast<std::uint64_t>(insn.imm)); return true;
    case Operation::map_fd:
    case Operation::map_idx:
      mark_pointer(dst, Kind::map_ptr);
      dst.object = &model_.maps[low];
      return true;
    case Operation::map_value:
    case Operation::map_idx_value:
      if (model_.maps[low].type == uapi::MapType::arena) return true;  // an unknown number
      mark_pointer(dst, Kind::map_value);
      dst.object = &model_.maps[low];
      dst.off = static_cast<std::int32_t>(high);
      return true;
    case Operation::btf_id: return simulate_lddw_btf(insn, dst);
    case Operation::function: {
      const std::uint32_t subprog = code_[insn.target].subprog;
      if (prog().funcs.empty()) return fail(EINVAL, "missing btf func_info");
      if (subprogs_[subprog].global) return fail(EINVAL, "callback function not static");
      if (subprog == 0) return fail(EINVAL, "callback function cannot be the main program");
      mark_pointer(dst, Kind::func);
      dst.subprog = subprog;
      return true;
    }
    default: return fail(EINVAL, "unrecognized bpf_ld_imm64 insn");
  }
}

// A variable of the kernel: per-CPU ones are objects to bpf_per_cpu_ptr, others typed memory.
bool Checker::simulate_lddw_btf(const Code& insn, RegState& dst) {
  const auto low = static_cast<std::uint32_t>(insn.imm), high = static_cast<std::uint32_t>(insn.imm >> 32);
  const btf::Btf* btf = model_.kernel_btf;
  if (high != 0) btf = high <= model_.modules.size() ? model_.modules[high - 1].btf : nullptr;
  if (btf == nullptr || !btf->has(low)) return fail(ENOENT, "ldimm64 insn specifies invalid btf_id {}.", low);
  const btf::Type var = btf->type(low);
  if (var.kind == btf::Kind::func) {
    mark_pointer(dst, Kind::mem, flag::rdonly);
    dst.mem_size = 0;
    return true;
  }
  if (var.kind != btf::Kind::var)
    return fail(EINVAL, "pseudo btf_id {} in ldimm64 isn't KIND_VAR or KIND_FUNC", low);
  bool percpu = false;
  if (const auto section = btf->find(".data..percpu", btf::Kind::datasec))
    for (const btf::VarSecinfo info : btf->type(*section).vars()) percpu |= info.type == low;
  const Result<btf::TypeId> type = btf->resolve(var.type());
  if (!type) return fail(EINVAL, "ldimm64 unable to resolve the type of variable {}", low);
  if (percpu || btf->type(*type).is_composite()) {
    mark_pointer(dst, Kind::btf_object, percpu ? flag::percpu : std::uint16_t{0});
    dst.object = btf;
    dst.type = *type;
    return true;
  }
  const Result<std::uint32_t> size = btf->size_of(*type);
  if (!size) return fail(EINVAL, "ldimm64 unable to resolve the size of type '{}'", btf->name(*type));
  mark_pointer(dst, Kind::mem, flag::rdonly);
  dst.mem_size = *size;
  return true;
}

Checker::Next Checker::simulate_ld_abs(const Code& insn) {
  const bool skb = prog_type_ == uapi::ProgType::socket_filter || prog_type_ == uapi::ProgType::sched_cls ||
                   prog_type_ == uapi::ProgType::sched_act;
  if (!skb) {
    fail(EINVAL, "BPF_LD_[ABS|IND] instructions not allowed for this program type");
    return Next::failed;
  }
  for (std::uint32_t f = state_->depth; f > 0; f--)
    if (state_->frames[f]->in_callback) {
      fail(EINVAL, "cannot use BPF_LD_[ABS|IND] within callback");
      return Next::failed;
    }
  constexpr unsigned context = 6;
  if (!check_reg_read(context)) return Next::failed;
  if (!check_nothing_held(false, true, "BPF_LD_[ABS|IND]")) return Next::failed;
  if (reg(context).kind != Kind::context) {
    fail(EINVAL, "at the time of BPF_LD_ABS|IND R6 != pointer to skb");
    return Next::failed;
  }
  if (insn.row().action == Class::packet_indirect && !check_reg_read(insn.src)) return Next::failed;
  if (!check_plain_offset(reg(context), context, false)) return Next::failed;
  clobber_caller_saved();
  mark_unknown(reg(0));
  if (state_->depth == 0) return Next::go_on;
  // A load beyond the packet ends the program with 0; inside of a function that is seen as its return.
  if (push_branch(at_ + 1, at_, false) == nullptr) return Next::failed;
  mark_constant(reg(0), 0);
  return leave_frame() ? Next::go_on : Next::failed;
}

}  // namespace skep::verify
