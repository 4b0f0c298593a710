// What can be said of a program without running it: every instruction is one, functions begin where calls
// say, jumps stay inside of functions, all code is reachable.
//
// The order of these passes is the kernel's, so that a program with several faults is refused for the same
// one.
#include <algorithm>

#include "skep/uapi/helpers.h"
#include "skep/verify/checker.h"

namespace skep::verify {
namespace {

using isa::Class;
using isa::Operation;

// Fields of an instruction byte (RFC 9669 section 3).
constexpr unsigned class_of(std::uint8_t opcode) { return opcode & 7u; }
constexpr unsigned class_ld = 0, class_ldx = 1, class_st = 2, class_stx = 3, class_alu = 4, class_jmp = 5,
                   class_jmp32 = 6, class_alu64 = 7;
constexpr std::uint32_t tail_call_id = 12;

}  // namespace

// An instruction that no row of the table has: the kernel names what is wrong by instruction class.
bool Checker::refuse_encoding(isa::Slot slot) {
  const isa::Insn& insn = prog().insns[slot];
  const unsigned cls = class_of(insn.opcode), op = insn.opcode & 0xf0u, mode = insn.opcode & 0xe0u;
  const bool known = isa::opcode_index.opcodes[insn.opcode].count != 0;
  at_ = slot;
  if (insn.opcode == 0x18) {
    if (slot + 1 >= prog().insns.size()) return fail(EINVAL, "invalid bpf_ld_imm64 insn");
    const isa::Insn& next = prog().insns[slot + 1];
    if (next.opcode != 0 || next.regs != 0 || next.off != 0) return fail(EINVAL, "invalid bpf_ld_imm64 insn");
    if (insn.off == 0) return fail(EINVAL, "unrecognized bpf_ld_imm64 insn");
    return fail(EINVAL, "BPF_LD_IMM64 uses reserved fields");
  }
  if (!known) return fail(EINVAL, "unknown opcode {:02x}", insn.opcode);
  switch (cls) {
    case class_alu:
    case class_alu64:
      if (op == 0x80) return fail(EINVAL, "BPF_NEG uses reserved fields");
      if (op == 0xb0) {
        if (insn.off == 1 && cls == class_alu64)
          return fail(EINVAL, "addr_space_cast insn can only convert between address space 1 and 0");
        return fail(EINVAL, "BPF_MOV uses reserved fields");
      }
      if (op == 0xd0) return fail(EINVAL, "BPF_END uses reserved fields");
      return fail(EINVAL, "BPF_ALU uses reserved fields");
    case class_ld: return fail(EINVAL, "BPF_LD_[ABS|IND] uses reserved fields");
    case class_ldx: return fail(EINVAL, "BPF_LDX uses reserved fields");
    case class_st: return fail(EINVAL, "BPF_ST uses reserved fields");
    case class_stx:
      if (mode == 0xc0) {
        if ((insn.opcode & 0x18) == 0x10 || (insn.opcode & 0x18) == 0x08)
          return fail(EINVAL, "invalid atomic operand size");
        return fail(EINVAL, "BPF_ATOMIC uses invalid atomic opcode {:02x}", insn.imm);
      }
      return fail(EINVAL, "BPF_STX uses reserved fields");
    case class_jmp:
    case class_jmp32:
      if (op == 0x80) return fail(EINVAL, "BPF_CALL uses reserved fields");
      if (op == 0x90) return fail(EINVAL, "BPF_EXIT uses reserved fields");
      if (op == 0x00) return fail(EINVAL, "BPF_JA uses reserved fields");
      if (op == 0xe0) return fail(EINVAL, "invalid may_goto off {} imm {}", insn.off, insn.imm);
      return fail(EINVAL, "BPF_JMP/JMP32 uses reserved fields");
    default: break;
  }
  return fail(EINVAL, "unknown opcode {:02x}", insn.opcode);
}

bool Checker::decode() {
  const auto insns = prog().insns;
  if (insns.empty() || insns.size() > 1'000'000) return fail(E2BIG, "program has {} insns", insns.size());
  if (!bpf_capable() && insns.size() > 4096)
    return fail(E2BIG, "program has {} insns, the limit is 4096", insns.size());
  if (!has(uapi::Rule::million) && insns.size() > 4096)
    return lacks(uapi::missing(uapi::Rule::million), E2BIG, "program has {} insns, the limit is 4096",
                 insns.size());
  code_.assign(insns.size(), Code{});
  access_.assign(insns.size(), AccessMemo{});
  masking_.assign(insns.size(), Masking{});
  barrier_.assign(insns.size(), false);
  verdict_.facts.assign(insns.size(), InsnFacts{});
  for (isa::Slot slot = 0; slot < insns.size(); slot++) {
    Result<isa::Decoded> decoded = isa::decode(insns, slot);
    if (!decoded) return refuse_encoding(slot);
    Code& code = code_[slot];
    code.op = decoded->op;
    code.slots = decoded->slots;
    code.dst = decoded->dst;
    code.src = decoded->src;
    code.off = decoded->off;
    code.imm = decoded->imm;
    const isa::Op& row = code.row();
    if ((row.since != 0 && model_.kernel < row.since) || row.since == 0) {
      at_ = slot;
      const bool kfunc = row.operation == Operation::call_kfunc;
      return lacks({kfunc ? uapi::Lack::kfunc : uapi::Lack::instruction, kfunc ? "" : std::string(row.name),
                    row.since},
                   EINVAL, "unknown opcode {:02x}", row.opcode);
    }
    if (code.dst >= register_count || code.src >= register_count) {
      at_ = slot;
      return fail(EINVAL, "R{} is invalid", code.dst >= register_count ? code.dst : code.src);
    }
    if (code.slots == 2) {
      code_[slot + 1].slots = 0;
      slot++;
    }
  }
  return true;
}

std::uint32_t Checker::subprog_starting_at(isa::Slot slot) const {
  const auto found = std::lower_bound(subprogs_.begin(), subprogs_.end(), slot,
                                      [](const Subprog& s, isa::Slot value) { return s.first < value; });
  if (found == subprogs_.end() || found->first != slot) return no_subprog;
  return static_cast<std::uint32_t>(found - subprogs_.begin());
}

bool Checker::find_subprogs() {
  constexpr std::size_t most = 256;
  std::vector<isa::Slot> starts{0};
  const auto size = static_cast<std::int64_t>(code_.size());
  for (isa::Slot slot = 0; slot < code_.size(); slot++) {
    Code& insn = code_[slot];
    if (insn.slots == 0) continue;
    const Operation operation = insn.row().operation;
    const bool local = operation == Operation::call_local || operation == Operation::function;
    if (!local && operation != Operation::call_kfunc) continue;
    at_ = slot;
    if (!bpf_capable())
      return fail(EPERM,
                  "loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN");
    if (!local) continue;
    const std::int64_t target = std::int64_t{slot} + static_cast<std::int32_t>(insn.imm) + 1;
    if (target < 0 || target >= size) return fail(EINVAL, "call to invalid destination");
    insn.target = static_cast<isa::Slot>(target);
    starts.push_back(insn.target);
  }
  exception_callback_ = no_subprog;
  isa::Slot exception_slot = 0;
  if (!find_exception_callback(exception_slot)) return false;
  if (exception_slot != 0) starts.push_back(exception_slot);
  std::sort(starts.begin(), starts.end());
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
  if (starts.size() > most) return fail(E2BIG, "too many subprograms");
  subprogs_.assign(starts.size(), Subprog{});
  for (std::size_t i = 0; i < starts.size(); i++) {
    Subprog& subprog = subprogs_[i];
    subprog.first = starts[i];
    subprog.end = i + 1 < starts.size() ? starts[i + 1] : static_cast<isa::Slot>(code_.size());
    for (isa::Slot slot = subprog.first; slot < subprog.end; slot++)
      code_[slot].subprog = static_cast<std::uint32_t>(i);
    if (options_.log_level & log_level::states) note("func#{} @{}\n", i, starts[i]);
  }
  if (exception_slot != 0) {
    exception_callback_ = subprog_starting_at(exception_slot);
    subprogs_[exception_callback_].is_exception_callback = true;
    subprogs_[exception_callback_].is_callback = true;
    subprogs_[exception_callback_].is_async_callback = true;
  }
  return true;
}

// A decl tag "exception_callback:NAME" on the main program names a global function that bpf_throw runs.
bool Checker::find_exception_callback(isa::Slot& slot) {
  slot = 0;
  if (prog().funcs.empty() || prog().btf == nullptr) return true;
  const btf::Btf& btf = *prog().btf;
  const btf::TypeId main = prog().funcs[0].type;
  if (!btf.has(main)) return fail(EINVAL, "invalid btf id for main subprog in func_info");
  constexpr std::string_view prefix = "exception_callback:";
  std::string_view name;
  for (btf::TypeId id = btf.first_id(); id < btf.type_count(); id++) {
    const btf::Type type = btf.type(id);
    if (type.kind != btf::Kind::decl_tag || type.type() != main || type.component_index() != -1 ||
        !type.name().starts_with(prefix))
      continue;
    if (!name.empty()) return fail(EEXIST, "multiple exception callback tags for main subprog");
    name = type.name().substr(prefix.size());
  }
  if (name.empty()) return true;
  const auto func = btf.find(name, btf::Kind::func);
  if (!func) return fail(ENOENT, "exception callback '{}' could not be found in BTF", name);
  if (btf.type(*func).func_linkage() != btf::linkage::global)
    return fail(EINVAL, "exception callback '{}' must have global linkage", name);
  for (const FuncInfo& info : prog().funcs)
    if (info.type == *func) {
      if (info.slot == 0) return fail(EINVAL, "invalid exception callback insn_off in func_info: 0");
      if (info.slot >= code_.size()) return fail(EINVAL, "call to invalid destination");
      slot = info.slot;
    }
  if (slot == 0) return fail(EINVAL, "exception callback type id not found in func_info");
  return true;
}

bool Checker::check_jumps() {
  for (std::uint32_t number = 0; number < subprogs_.size(); number++) {
    Subprog& subprog = subprogs_[number];
    for (isa::Slot slot = subprog.first; slot < subprog.end; slot++) {
      Code& insn = code_[slot];
      if (insn.slots == 0) continue;
      at_ = slot;
      const isa::Op& row = insn.row();
      if (row.operation == Operation::call_helper && insn.imm == tail_call_id) {
        if (subprogs_.size() > 1 && !has(uapi::Rule::mixed_tail_calls))
          return lacks(uapi::missing(uapi::Rule::mixed_tail_calls), EINVAL,
                       "tail_calls are not allowed in programs with bpf-to-bpf calls");
        subprog.has_tail_call = true;
      }
      if (row.action == Class::packet_absolute || row.action == Class::packet_indirect)
        subprog.has_ld_abs = true;
      if (isa::jumps(row)) {
        const std::int64_t distance = isa::jumps_by_imm(row) ? insn.imm : insn.off;
        const std::int64_t target = std::int64_t{slot} + distance + 1;
        if (target < subprog.first || target >= subprog.end)
          return fail(EINVAL, "jump out of range from insn {} to {}", slot, target);
        insn.target = static_cast<isa::Slot>(target);
      }
      const bool last = slot + insn.slots == subprog.end;
      if (last && row.action != Class::exit && row.action != Class::jump &&
          row.action != Class::jump_indirect)
        return fail(EINVAL, "last insn is not an exit or jmp");
    }
  }
  return true;
}

// func_info: one record per function, in order, each a FUNC with a prototype; line_info: sorted, and every
// function begins with a line.
bool Checker::check_debug_info() {
  const ProgModel& p = prog();
  at_ = 0;
  if (p.funcs.empty() && p.lines.empty()) return check_unnamed_subprogs();
  if (p.btf == nullptr) return fail(EINVAL, "func_info or line_info without BTF");
  const btf::Btf& btf = *p.btf;
  if (p.funcs.empty()) {
    if (!check_unnamed_subprogs()) return false;
  } else {
    if (p.funcs.size() != subprogs_.size())
      return fail(EINVAL, "number of funcs in func_info doesn't match number of subprogs");
    for (std::size_t i = 0; i < p.funcs.size(); i++) {
      const FuncInfo& info = p.funcs[i];
      if (i == 0 && info.slot != 0)
        return fail(EINVAL, "nonzero insn_off {} for the first func info record", info.slot);
      if (i != 0 && info.slot <= p.funcs[i - 1].slot)
        return fail(EINVAL, "same or smaller insn offset ({}) than previous func info record ({})", info.slot,
                    p.funcs[i - 1].slot);
      if (info.slot != subprogs_[i].first)
        return fail(EINVAL, "func_info BTF section doesn't match subprog layout in BPF program");
      if (!btf.has(info.type) || btf.type(info.type).kind != btf::Kind::func)
        return fail(EINVAL, "invalid type id {} in func info", info.type);
      const btf::Type func = btf.type(info.type);
      if (!btf.has(func.type()) || btf.type(func.type()).kind != btf::Kind::func_proto)
        return fail(EINVAL, "invalid type id {} in func info", info.type);
      const btf::Type proto = btf.type(func.type());
      Subprog& subprog = subprogs_[i];
      subprog.func = info.type;
      subprog.name = func.name();
      subprog.global = func.func_linkage() == btf::linkage::global && has(uapi::Rule::global_functions);
      Result<btf::TypeId> result = btf.resolve(proto.type());
      const btf::Kind kind = result ? btf.type(*result).kind : btf::Kind::unkn;
      const bool scalar = kind == btf::Kind::int_ || kind == btf::Kind::enum_ || kind == btf::Kind::enum64;
      if (i != 0 && !scalar) {
        if (subprog.has_ld_abs) return fail(EINVAL, "LD_ABS is only allowed in functions that return 'int'.");
        if (subprog.has_tail_call)
          return fail(EINVAL, "tail_call is only allowed in functions that return 'int'.");
      }
    }
  }
  std::size_t next = 0;
  for (std::size_t i = 0; i < p.lines.size(); i++) {
    const LineInfo& line = p.lines[i];
    if ((i != 0 && line.slot <= p.lines[i - 1].slot) || line.slot >= code_.size())
      return fail(EINVAL, "Invalid line_info[{}].insn_off:{} (prev_offset:{} prog->len:{})", i, line.slot,
                  i != 0 ? p.lines[i - 1].slot : 0, code_.size());
    if (code_[line.slot].slots == 0) return fail(EINVAL, "Invalid insn code at line_info[{}].insn_off", i);
    if (line.line_off >= btf.string_end() || line.file_off >= btf.string_end())
      return fail(EINVAL, "Invalid line_info[{}].line_off or .file_name_off", i);
    if (next < subprogs_.size()) {
      if (line.slot == subprogs_[next].first)
        next++;
      else if (line.slot > subprogs_[next].first)
        return fail(EINVAL, "missing bpf_line_info for func#{}", next);
    }
  }
  if (!p.lines.empty() && next != subprogs_.size())
    return fail(EINVAL, "missing bpf_line_info for func#{}", next);
  return true;
}

bool Checker::check_unnamed_subprogs() {
  for (std::size_t i = 1; i < subprogs_.size(); i++) {
    if (subprogs_[i].has_ld_abs) return fail(EINVAL, "LD_ABS is not allowed in subprogs without BTF");
    if (subprogs_[i].has_tail_call) return fail(EINVAL, "tail_call is not allowed in subprogs without BTF");
  }
  return true;
}

// What a step of the walk through the control flow does next.
bool Checker::check_flow() {
  enum : std::uint8_t { unseen = 0, open = 1, done = 2 };
  std::vector<std::uint8_t> seen(code_.size(), unseen);
  struct Visit {
    isa::Slot slot;
    std::uint8_t edge;  // next edge to follow
  };
  std::vector<Visit> stack;

  // Edges of an instruction, in the order in which the kernel follows them.
  struct Edge {
    std::int64_t to;
    bool branch;
  };
  auto edges_of = [&](isa::Slot slot, std::array<Edge, 2>& edges) -> unsigned {
    const Code& insn = code_[slot];
    const isa::Op& row = insn.row();
    const std::int64_t next = std::int64_t{slot} + insn.slots;
    switch (row.action) {
      case Class::exit: return 0;
      case Class::jump: edges[0] = {insn.target, false}; return 1;
      case Class::jump_if:
      case Class::may_goto: edges = {Edge{next, false}, Edge{insn.target, true}}; return 2;
      case Class::jump_indirect: return 0;
      default: break;
    }
    edges[0] = {next, false};
    if (row.operation == Operation::call_local || row.operation == Operation::function) {
      edges[1] = {insn.target, true};
      return 2;
    }
    return 1;
  };
  auto mark = [&](isa::Slot slot) {
    Code& insn = code_[slot];
    const isa::Op& row = insn.row();
    const isa::Slot next = slot + insn.slots;
    auto point = [&](isa::Slot at, bool prune, bool jump) {
      if (at >= code_.size()) return;
      code_[at].prune_point |= prune;
      code_[at].jump_point |= jump;
    };
    switch (row.action) {
      case Class::jump: point(insn.target, true, true); break;
      case Class::jump_if:
      case Class::may_goto:
        insn.prune_point = true;
        point(insn.target, true, true);
        if (row.action == Class::may_goto) insn.force_checkpoint = true;
        break;
      case Class::call:
        point(next, true, true);
        if (row.operation == Operation::call_local) {
          insn.prune_point = true;
          point(insn.target, true, true);
        } else {
          if (is_async_callback_call(insn)) insn.prune_point = true;
          if (is_callback_call(insn)) {
            insn.calls_callback = insn.force_checkpoint = insn.prune_point = insn.jump_point = true;
          }
          if (row.operation == Operation::call_kfunc && is_iterator_next(insn)) {
            insn.iterator_next = insn.prune_point = insn.force_checkpoint = true;
          }
        }
        break;
      default:
        if (row.operation == Operation::function) {
          point(next, true, true);
          insn.prune_point = true;
          point(insn.target, true, true);
        }
        break;
    }
  };
  auto walk = [&](isa::Slot from) {
    if (code_[from].slots == 0) return fail(EINVAL, "jump into the middle of ldimm64 insn {}", from - 1);
    seen[from] = open;
    stack.push_back({from, 0});
    while (!stack.empty()) {
      Visit& top = stack.back();
      const isa::Slot slot = top.slot;
      at_ = slot;
      if (top.edge == 0) mark(slot);
      std::array<Edge, 2> edges{};
      const unsigned count = edges_of(slot, edges);
      if (top.edge >= count) {
        seen[slot] = done;
        stack.pop_back();
        continue;
      }
      const std::int64_t to = edges[top.edge++].to;
      if (to < 0 || to >= static_cast<std::int64_t>(code_.size()))
        return fail(EINVAL, "jump out of range from insn {} to {}", slot, to);
      const auto target = static_cast<isa::Slot>(to);
      if (code_[target].slots == 0)
        return fail(EINVAL, "jump into the middle of ldimm64 insn {}", target - 1);
      if (seen[target] == unseen) {
        seen[target] = open;
        stack.push_back({target, 0});
      } else if (seen[target] == open && (!bpf_capable() || !has(uapi::Rule::bounded_loops) ||
                                          (!loops_by_fallthrough_ && !isa::jumps(code_[slot].row())))) {
        if (bpf_capable() && !has(uapi::Rule::bounded_loops))
          return lacks(uapi::missing(uapi::Rule::bounded_loops), EINVAL, "back-edge from insn {} to {}", slot,
                       target);
        return fail(EINVAL, "back-edge from insn {} to {}", slot, target);
      }
    }
    return true;
  };
  if (!walk(0)) return false;
  if (exception_callback_ != no_subprog && !walk(subprogs_[exception_callback_].first)) return false;
  for (isa::Slot slot = 0; slot < code_.size(); slot++) {
    if (code_[slot].slots == 0 || seen[slot] == done) continue;
    at_ = slot;
    return fail(EINVAL, "unreachable insn {}", slot);
  }
  return true;
}

}  // namespace skep::verify
