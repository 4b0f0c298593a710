// The passes of a verification, in order, each with the reason for its place.
#include "skep/verify/verify.h"

#include <algorithm>

#include "skep/verify/checker.h"

namespace skep::verify {

using uapi::Rule;

Checker::Checker(const Model& model, const Options& options)
    : model_(model),
      options_(options),
      arithmetic_(arithmetic_of(model.kernel)),
      prog_type_(model.prog.type),
      logging_((options.log_level & (log_level::reasons | log_level::states)) != 0),
      records_(model) {
  if (model.prog.type == uapi::ProgType::ext && model.prog.target.prog != nullptr)
    prog_type_ = model.prog.target.prog->type;
  // BPF_COMPLEXITY_LIMIT_INSNS and BPF_COMPLEXITY_LIMIT_JMP_SEQ of older kernels and of these.
  constexpr std::uint64_t old_insn_limit = 131'072;
  constexpr std::size_t old_branch_limit = 1024, branch_limit = 8192;
  insn_limit_ = has(Rule::million) ? options.insn_limit : std::min(options.insn_limit, old_insn_limit);
  branch_limit_ = has(Rule::long_jumps) ? branch_limit : old_branch_limit;
  has_bounded_spills_ = has(Rule::bounded_spills);
  has_narrow_spills_ = has(Rule::narrow_spills);
  type_row_ = uapi::find_prog_type(prog_type_);
  infers_not_null_ = model.at_least(6, 2);
  loops_by_fallthrough_ = model.at_least(6, 7);
  keeps_all_spills_ = locks_in_functions_ = model.at_least(6, 9);
  checks_lsm_result_ = model.at_least(6, 12);
  links_sums_ = model.at_least(6, 10);
  links_differences_ = model.at_least(6, 18);
  clears_lonely_ids_ = model.at_least(6, 17);
}

bool Checker::pass() {
  return decode()                  // every slot is an instruction
         && find_subprogs()        // calls say where functions begin
         && check_jumps()          // which jumps may not leave
         && check_debug_info()     // names and prototypes of those functions
         && check_attach_target()  // what the program's context and result mean
         && resolve_references()   // maps, variables, functions that lddw names
         && check_flow()           // all code is reachable; where states are compared
         && prepare()              // facts of the control flow for exploration
         && explore_all()          // main program, then global functions that it reaches
         && check_stack_depth()    // of chains of calls, known after exploration
         && check_tail_calls();    // by all paths together
}

// The kernel masks the index of an unprivileged tail call by the size of its one map.
bool Checker::check_tail_calls() {
  constexpr std::int64_t tail_call = 12;
  if (bpf_capable()) return true;
  for (isa::Slot slot = 0; slot < code_.size(); slot++) {
    const Code& insn = code_[slot];
    if (insn.slots == 0 || insn.row().operation != isa::Operation::call_helper || insn.imm != tail_call)
      continue;
    at_ = slot;
    if (verdict_.facts[slot].processed != 0 && verdict_.facts[slot].map < 0)
      return fail(EINVAL, "tail_call abusing map_ptr");
  }
  return true;
}

bool Checker::prepare() {
  compute_live_registers();
  compute_loops();
  summarise_subprogs();
  log_live_registers();
  using Flow = StackLiveness::Flow;
  std::vector<StackLiveness::Edge> edges;
  edges.reserve(code_.size());
  std::vector<Flow> flows(code_.size(), Flow::plain);
  for (isa::Slot slot = 0; slot < code_.size(); slot++) {
    const Code& insn = code_[slot];
    if (insn.slots == 0) continue;
    std::array<isa::Slot, 2> next{};
    const unsigned count = successors(slot, next);
    for (unsigned i = 0; i < count; i++) edges.push_back({slot, next[i]});
    switch (insn.row().action) {
      case isa::Class::call:
        if (insn.row().operation == isa::Operation::call_local &&
            !subprogs_[code_[insn.target].subprog].global)
          flows[slot] = Flow::call;
        break;
      case isa::Class::exit:
      case isa::Class::packet_absolute:
      case isa::Class::packet_indirect: flows[slot] = Flow::leaves; break;
      default: break;
    }
  }
  std::vector<StackLiveness::Function> functions;
  for (const Subprog& subprog : subprogs_) functions.push_back({subprog.first, subprog.end});
  liveness_.begin(edges, std::move(functions), std::move(flows));
  return true;
}

bool Checker::explore_all() {
  if (!explore_subprog(0)) return false;
  if (exception_callback_ != no_subprog) subprogs_[exception_callback_].called = true;
  // A global function may be the first to call another one.
  for (bool found = true; found;) {
    found = false;
    for (std::uint32_t i = 1; i < subprogs_.size(); i++) {
      Subprog& subprog = subprogs_[i];
      if (!subprog.global || !subprog.called || subprog.verified) continue;
      if (!explore_subprog(i)) return false;
      note("Func#{} ('{}') is safe for any args that match its prototype\n", i, subprog.name);
      subprog.verified = found = true;
    }
  }
  return true;
}

// Maps that lddw names exist and can be used that way.
bool Checker::resolve_references() {
  using isa::Operation;
  used_maps_.assign(model_.maps.size(), false);
  for (isa::Slot slot = 0; slot < code_.size(); slot++) {
    const Code& insn = code_[slot];
    if (insn.slots != 2) continue;
    at_ = slot;
    const Operation operation = insn.row().operation;
    const bool value = operation == Operation::map_value || operation == Operation::map_idx_value;
    if (!value && operation != Operation::map_fd && operation != Operation::map_idx) continue;
    const auto low = static_cast<std::uint32_t>(insn.imm), high = static_cast<std::uint32_t>(insn.imm >> 32);
    if (low >= model_.maps.size())
      return fail(EBADF, "fd {} is not pointing to valid bpf_map", static_cast<std::int32_t>(low));
    used_maps_[low] = true;
    if (!value) continue;
    const MapModel& map = model_.maps[low];
    constexpr std::uint32_t most = 1u << 29;
    if (high >= most) return fail(EINVAL, "direct value offset of {} is not allowed", high);
    const bool direct = (map.type == uapi::MapType::array && map.max_entries == 1) ||
                        map.type == uapi::MapType::arena || map.type == uapi::MapType::insn_array;
    if (!direct || (map.type == uapi::MapType::array && high >= map.value_size))
      return fail(EINVAL, "invalid access to map value pointer, value_size={} off={}", map.value_size, high);
  }
  return check_maps();
}

Verdict Checker::run() {
  const bool good = pass();
  if (good) verdict_.missing = {};
  Stats& stats = verdict_.stats;
  stats.insns_processed = insns_processed_;
  stats.peak_memory_bytes = pool_.peak_memory_bytes();
  for (const Subprog& subprog : subprogs_) {
    stats.stack_depths.push_back(subprog.stack_depth);
    SubprogFacts facts;
    facts.first = subprog.first;
    facts.end = subprog.end;
    facts.name = subprog.name;
    facts.stack_depth_bytes = subprog.stack_depth;
    facts.global = subprog.global;
    facts.callback = subprog.is_callback;
    facts.async_callback = subprog.is_async_callback;
    facts.exception_callback = subprog.is_exception_callback;
    facts.changes_packet = subprog.changes_packet;
    facts.might_sleep = subprog.might_sleep;
    facts.has_tail_call = subprog.has_tail_call;
    facts.reachable = subprog.first < verdict_.facts.size() && verdict_.facts[subprog.first].reachable;
    verdict_.subprogs.push_back(std::move(facts));
  }
  log_stats();
  verdict_.log_peak_bytes = std::max<std::uint64_t>(log_peak_, log_cut_ + log_.size());
  if (log_.size() > options_.log_limit_bytes) log_.erase(0, log_.size() - options_.log_limit_bytes);
  verdict_.accepted = good;
  if (good) {
    verdict_.code = 0;
    verdict_.reason.clear();
  } else if (verdict_.code == 0) {
    verdict_.code = EINVAL;
  }
  verdict_.log = std::move(log_);
  return std::move(verdict_);
}

Verdict verify(const Model& model, const Options& options) { return Checker(model, options).run(); }

}  // namespace skep::verify
