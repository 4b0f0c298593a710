// The log, in the kernel's format: what users' tools parse.
//
//   func#0 @0
//   0: R1=ctx() R10=fp0
//   ; int prog(struct xdp_md *ctx) @ prog.c:12
//   0: (b7) r0 = 0                        ; R0=0
//   1: (95) exit
//
// At level 1 only the path that failed stays in it.
#include <algorithm>
#include <array>

#include "skep/isa/print.h"
#include "skep/uapi/helpers.h"
#include "skep/verify/checker.h"
#include "skep/verify/precision.h"

namespace skep::verify {

namespace {

constexpr std::array<std::string_view, 23> kind_words = {
    "?",    "scalar",  "ctx",       "map_ptr", "map_value",   "map_key",    "fp",        "pkt_meta",
    "pkt",  "pkt_end", "flow_keys", "sock",    "sock_common", "tcp_sock",   "tp_buffer", "xdp_sock",
    "ptr_", "mem",     "arena",     "buf",     "func",        "dynptr_ptr", "insn"};
static_assert(kind_words.size() == static_cast<std::size_t>(Kind::insn_pointer) + 1);

struct FlagWord {
  std::uint16_t flag;
  std::string_view word;
};
constexpr FlagWord flag_words[] = {{flag::rdonly, "rdonly_"},  {flag::ringbuf, "ringbuf_"},
                                   {flag::user, "user_"},      {flag::percpu, "percpu_"},
                                   {flag::rcu, "rcu_"},        {flag::untrusted, "untrusted_"},
                                   {flag::trusted, "trusted_"}};

std::string_view dynptr_word(DynptrKind kind) {
  constexpr std::array<std::string_view, 7> words = {"<invalid>", "local",    "ringbuf", "skb",
                                                     "xdp",       "skb_meta", "file"};
  return words[static_cast<std::size_t>(kind)];
}

std::string_view iter_word(IterState state) {
  constexpr std::array<std::string_view, 3> words = {"<invalid>", "active", "drained"};
  return words[static_cast<std::size_t>(state)];
}

// Small numbers in decimal, others in hexadecimal.
void put_signed(std::string& out, std::int64_t value) {
  if (value >= INT16_MIN && value <= INT16_MAX)
    fmt::format_to(std::back_inserter(out), "{}", value);
  else
    fmt::format_to(std::back_inserter(out), "{:#x}", static_cast<std::uint64_t>(value));
}
void put_unsigned(std::string& out, std::uint64_t value) {
  if (value <= UINT16_MAX)
    fmt::format_to(std::back_inserter(out), "{}", value);
  else
    fmt::format_to(std::back_inserter(out), "{:#x}", value);
}

char byte_letter(Byte byte) {
  constexpr char letters[] = "?rm0dif";
  return letters[static_cast<std::size_t>(byte)];
}

}  // namespace

std::string print_tnum(Tnum bits) {
  std::string text;
  if (bits.is_const())
    put_unsigned(text, bits.value);
  else
    text = fmt::format("({:#x}; {:#x})", bits.value, bits.mask);
  return text;
}

bool Checker::fail_with(int code, std::string text) {
  if (verdict_.reason.empty()) {
    verdict_.reason = text;
    verdict_.code = code;
    verdict_.insn = at_;
    verdict_.missing = {};
  }
  note("{}\n", text);
  return false;
}

std::string Checker::kind_name(const RegState& reg) const {
  std::string text;
  for (const FlagWord& word : flag_words)
    if (reg.has(word.flag)) text += word.word;
  text += kind_words[static_cast<std::size_t>(reg.kind)];
  if (reg.maybe_null()) text += reg.kind == Kind::btf_object ? "or_null_" : "_or_null";
  return text;
}

void Checker::describe_to(std::string& out, const RegState& reg, std::uint32_t frame) const {
  if (reg.kind == Kind::scalar && reg.precise) out += 'P';
  if (reg.kind == Kind::scalar && reg.value.is_const()) {
    put_signed(out, static_cast<std::int64_t>(reg.value.value()));
    return;
  }
  out += kind_name(reg);
  if (reg.kind == Kind::arena) return;
  if (reg.kind == Kind::stack) {
    if (reg.frame != frame) fmt::format_to(std::back_inserter(out), "[{}]", reg.frame);
    if (reg.value.is_const()) {
      put_signed(out, static_cast<std::int64_t>(reg.value.value()) + reg.off);
      return;
    }
  }
  if (reg.kind == Kind::btf_object && reg.btf() != nullptr && reg.btf()->has(reg.type))
    out += reg.btf()->name(reg.type);
  out += '(';
  const std::size_t begin = out.size();
  auto item = [&] {
    if (out.size() != begin) out += ',';
  };
  auto number = [&](std::string_view name, std::int64_t value) {
    item();
    out += name;
    put_signed(out, value);
  };
  if (reg.id != 0) {
    item();
    fmt::format_to(std::back_inserter(out), "id={}", reg.id & ~id_add_const);
    if ((reg.id & id_add_const) != 0) fmt::format_to(std::back_inserter(out), "{:+}", reg.off);
  }
  if (reg.ref_id != 0) {
    item();
    fmt::format_to(std::back_inserter(out), "ref_obj_id={}", reg.ref_id);
  }
  if (reg.has(flag::non_owning)) {
    item();
    out += "non_own_ref";
  }
  if (reg.kind == Kind::map_ptr || reg.kind == Kind::map_key || reg.kind == Kind::map_value) {
    const MapModel& map = *reg.map();
    if (!map.name.empty()) {
      item();
      fmt::format_to(std::back_inserter(out), "map={}", map.name);
    }
    item();
    fmt::format_to(std::back_inserter(out), "ks={},vs={}", map.key_size, map.value_size);
  }
  if (reg.kind != Kind::scalar && reg.off != 0) number("off=", reg.off);
  if (reg.is_packet()) number("r=", reg.range);
  if (reg.kind == Kind::mem) number("sz=", reg.mem_size);
  if (reg.kind == Kind::dynptr) {
    item();
    fmt::format_to(std::back_inserter(out), "type={}", dynptr_word(reg.dynptr));
  }
  if (reg.value.is_const()) {
    if (reg.value.value() != 0) number("imm=", static_cast<std::int64_t>(reg.value.value()));
  } else {
    const std::string ranges = print(reg.value);
    if (!ranges.empty()) {
      item();
      out += ranges;
    }
  }
  out += ')';
}

std::string Checker::describe(const RegState& reg) const {
  std::string text;
  describe_to(text, reg, state_ != nullptr ? state_->depth : 0);
  return text;
}

void Checker::log_state(const State& state, std::uint32_t number, bool all) {
  if (!logging_) return;
  const Frame& frame = *state.frames[number];
  auto out = std::back_inserter(log_);
  if (number != 0) fmt::format_to(out, " frame{}:", number);
  for (unsigned i = 0; i < register_count; i++) {
    const RegState& r = frame.regs[i];
    if (r.kind == Kind::not_init || (!all && (touched_ >> i & 1) == 0)) continue;
    fmt::format_to(out, " R{}=", i);
    describe_to(log_, r, number);
  }
  for (std::size_t i = 0; i < frame.stack.size(); i++) {
    if (!all && (touched_slots_ >> i & 1) == 0) continue;
    const StackSlot* slot = &frame.stack[i];
    if (slot->all(Byte::invalid)) continue;
    std::string letters;
    for (Byte byte : slot->bytes) letters += byte_letter(byte);
    auto name = [&] { fmt::format_to(out, " fp{}=", -static_cast<int>(i + 1) * 8); };
    switch (slot->bytes[7]) {
      case Byte::spill:
        name();
        log_ += letters.substr(0, letters.find('r'));
        describe_to(log_, slot->spilled, number);
        break;
      case Byte::dynptr:
        if (i + 1 < frame.stack.size()) slot = &frame.stack[++i];
        name();
        fmt::format_to(out, "dynptr_{}(", dynptr_word(slot->spilled.dynptr));
        if (slot->spilled.id != 0) fmt::format_to(out, "id={}", slot->spilled.id);
        if (slot->spilled.ref_id != 0)
          fmt::format_to(out, "{}ref_id={}", slot->spilled.id != 0 ? "," : "", slot->spilled.ref_id);
        log_ += ')';
        break;
      case Byte::iter: {
        const RegState& it = slot->spilled;
        if (it.ref_id == 0) continue;
        std::string_view type = it.btf() != nullptr && it.btf()->has(it.type) ? it.btf()->name(it.type) : "";
        if (type.starts_with("bpf_iter_")) type.remove_prefix(9);
        name();
        fmt::format_to(out, "iter_{}(ref_id={},state={},depth={})", type, it.ref_id, iter_word(it.iter),
                       it.iter_depth);
        break;
      }
      case Byte::invalid:
      case Byte::misc:
      case Byte::zero:
      case Byte::irq_flag:
        name();
        log_ += letters;
        break;
    }
  }
  bool first = true;
  for (const Reference& ref : state.refs) {
    fmt::format_to(out, "{}{}", first ? " refs=" : ",", ref.id);
    first = false;
  }
  if (frame.in_callback) log_ += " cb";
  if (frame.in_async_callback) log_ += " async_cb";
  log_ += '\n';
  if (!all) {
    touched_ = 0;
    touched_slots_ = 0;
  }
}

// The registers that an instruction changed go behind it, on its line.
void Checker::log_registers() {
  if (!logging_) return;
  if (insn_line_end_ != 0 && insn_line_end_ == log_.size()) {
    constexpr std::size_t least = 40, step = 8;
    log_.pop_back();
    const std::size_t width = insn_line_width_;
    std::size_t column = std::max(width + step / 2, least);
    column = (column + step - 1) / step * step;
    log_.append(column - width - 1, ' ');
    log_ += ';';
  } else {
    fmt::format_to(std::back_inserter(log_), "{}:", at_);
  }
  log_state(*state_, state_->depth, false);
}

void Checker::log_entry() {
  if (logging_) insn_line_end_ = 0;
}

void Checker::log_pruned() {
  if (!logging_) return;
  if (print_state_)
    note("\nfrom {} to {}{}: safe\n", static_cast<std::int32_t>(previous_), at_,
         state_->speculative ? " (speculative execution)" : "");
  else
    note("{}: safe\n", at_);
  print_state_ = false;
}

void Checker::log_line_info() {
  const ProgModel& p = prog();
  if (p.lines.empty() || p.btf == nullptr) return;
  const auto after = std::upper_bound(p.lines.begin(), p.lines.end(), at_,
                                      [](isa::Slot slot, const LineInfo& line) { return slot < line.slot; });
  if (after == p.lines.begin()) return;
  const LineInfo& line = *(after - 1);
  if (&line == last_line_) return;
  last_line_ = &line;
  std::string_view text = p.btf->string(line.line_off), file = p.btf->string(line.file_off);
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  if (const std::size_t slash = file.rfind('/'); slash != std::string_view::npos)
    file.remove_prefix(slash + 1);
  note("; {} @ {}:{}\n", text, file, line.line_col >> 10);
}

namespace {

// "bpf_map_lookup_elem" for 1.
std::string_view full_helper_name(std::uint32_t id) {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all(1);
    for (const uapi::Helper& helper : uapi::helpers()) {
      if (helper.id >= all.size()) all.resize(helper.id + 1);
      all[helper.id] = "bpf_" + std::string(helper.name);
    }
    return all;
  }();
  return id < names.size() ? std::string_view(names[id]) : std::string_view{};
}

}  // namespace

// The instruction as "(b7) r0 = 0" at the end of the log.
void Checker::put_insn(isa::Slot slot) {
  const Code& insn = code_[slot];
  fmt::format_to(std::back_inserter(log_), "({:02x}) ", insn.row().opcode);
  if (insn.row().operation == isa::Operation::call_kfunc) {
    const btf::Btf* btf = model_.kernel_btf;
    if (insn.off > 0) {
      const auto module = static_cast<std::size_t>(insn.off) - 1;
      btf = module < model_.modules.size() ? model_.modules[module].btf : nullptr;
    }
    const auto id = static_cast<btf::TypeId>(insn.imm);
    if (btf != nullptr && btf->has(id)) {
      fmt::format_to(std::back_inserter(log_), "call {}#{}", btf->name(id), id);
      return;
    }
  }
  isa::Decoded decoded;
  decoded.op = insn.op;
  decoded.slots = insn.slots;
  decoded.dst = insn.dst;
  decoded.src = insn.src;
  decoded.off = insn.off;
  decoded.imm = insn.imm;
  isa::PrintOptions how;
  how.dialect = isa::Dialect::log;
  how.helper_name = full_helper_name;
  isa::print(log_, decoded, how);
}

void Checker::log_insn() {
  if (!logging_) return;
  const bool full = (options_.log_level & log_level::states) != 0;
  if (full && print_state_) {
    note("\nfrom {} to {}{}:", static_cast<std::int32_t>(previous_), at_,
         state_->speculative ? " (speculative execution)" : "");
    log_state(*state_, state_->depth, true);
    touched_ = 0;
    touched_slots_ = 0;
  }
  print_state_ = false;
  if (touched_ != 0 || touched_slots_ != 0) log_registers();
  log_line_info();
  const std::size_t begin = log_.size();
  note("{}: ", at_);
  put_insn(at_);
  log_ += '\n';
  insn_line_width_ = log_.size() - begin;
  insn_line_end_ = log_.size();
}

namespace {

void put_reg_mask(std::string& out, std::uint32_t mask) {
  for (const char* comma = ""; mask != 0; mask &= mask - 1, comma = ",")
    fmt::format_to(std::back_inserter(out), "{}r{}", comma, std::countr_zero(mask));
}
void put_slot_mask(std::string& out, std::uint64_t mask) {
  for (const char* comma = ""; mask != 0; mask &= mask - 1, comma = ",")
    fmt::format_to(std::back_inserter(out), "{}{}", comma, -8 * (std::countr_zero(mask) + 1));
}

}  // namespace

void Checker::log_walk_begins(const Wanted& wanted, std::int64_t last, std::int64_t first,
                              std::int64_t later) {
  note("mark_precise: frame{}: last_idx {} first_idx {} subseq_idx {} \n", wanted.frame,
       last == no_insn ? -1 : last, first, later);
}

void Checker::log_walk_step(const Wanted& wanted, isa::Slot slot) {
  if (code_[slot].slots == 0) return;
  note("mark_precise: frame{}: regs=", wanted.frame);
  put_reg_mask(log_, wanted.mask());
  log_ += " stack=";
  put_slot_mask(log_, wanted.stack());
  note(" before {}: ", slot);
  put_insn(slot);
  log_ += '\n';
}

void Checker::log_walk_parent(const Wanted& wanted, const State& parent) {
  for (std::uint32_t f = wanted.frame + 1; f-- > 0;) {
    note("mark_precise: frame{}: parent state regs=", f);
    put_reg_mask(log_, wanted.regs[f]);
    log_ += " stack=";
    put_slot_mask(log_, wanted.slots[f]);
    log_ += ": ";
    log_state(parent, f, true);
  }
}

void Checker::log_propagation(const Wanted& wanted) {
  for (std::uint32_t f = wanted.frame + 1; f-- > 0;) {
    if (wanted.regs[f] == 0 && wanted.slots[f] == 0) continue;
    note("frame {}: propagating ", f);
    const char* comma = "";
    for (std::uint32_t mask = wanted.regs[f]; mask != 0; mask &= mask - 1, comma = ",")
      note("{}r{}", comma, std::countr_zero(mask));
    for (std::uint64_t mask = wanted.slots[f]; mask != 0; mask &= mask - 1, comma = ",")
      note("{}fp{}", comma, -8 * (std::countr_zero(mask) + 1));
    log_ += '\n';
  }
}

// Since 6.15 the log begins with the registers that each instruction's successors may read.
void Checker::log_live_registers() {
  if ((options_.log_level & log_level::states) == 0 || !model_.at_least(6, 15)) return;
  log_ += "Live regs before insn:\n";
  for (isa::Slot slot = 0; slot < code_.size(); slot++) {
    const Code& insn = code_[slot];
    if (insn.slots == 0) continue;
    if (insn.scc != 0)
      note("{:3} {:3}: ", insn.scc, slot);
    else
      note("    {:3}: ", slot);
    for (unsigned i = 0; i < 10; i++) log_ += (insn.live >> i & 1) != 0 ? static_cast<char>('0' + i) : '.';
    log_ += ' ';
    put_insn(slot);
    log_ += '\n';
  }
}

// Of a log that grows too long the end is kept. From then on precision is no longer traced in it, whose text
// grows with the square of a path's length.
// Takes the lines of a path that ended well out again.
void Checker::rewind_log(std::size_t to) {
  log_peak_ = std::max<std::uint64_t>(log_peak_, log_cut_ + log_.size());
  log_.resize(std::min(log_.size(), to));
}

void Checker::trim_log() {
  const std::size_t cut = log_.size() - options_.log_limit_bytes;
  log_.erase(0, cut);
  log_cut_ += cut;
  log_trimmed_ = true;
  insn_line_end_ = insn_line_end_ > cut ? insn_line_end_ - cut : 0;
  for (Pending& pending : pending_) pending.log_size = pending.log_size > cut ? pending.log_size - cut : 0;
}

void Checker::log_stats() {
  if (options_.log_level == 0) return;
  Stats& s = verdict_.stats;
  auto out = std::back_inserter(log_);
  if ((options_.log_level & log_level::stats) != 0) {
    log_ += "stack depth ";
    for (std::size_t i = 0; i < subprogs_.size(); i++)
      fmt::format_to(out, "{}{}", i != 0 ? "+" : "", subprogs_[i].stack_depth);
    log_ += '\n';
  }
  fmt::format_to(
      out,
      "processed {} insns (limit {}) max_states_per_insn {} total_states {} peak_states {} mark_read 0\n",
      s.insns_processed, insn_limit_, s.max_states_per_insn, s.total_states, s.peak_states);
}

}  // namespace skep::verify
