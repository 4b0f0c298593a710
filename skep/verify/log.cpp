// Line by line: each is an instruction, registers, a source comment, a change of path, something that can be
// left out, or a message. Formats: the behaviour of Linux 4.14 to 6.18.
#include "skep/verify/log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_map>

#include "skep/isa/asm_match.h"
#include "skep/uapi/helpers.h"
#include "skep/verify/log_report.h"

namespace skep::verify {

namespace {

using Text = std::string_view;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

void skip_space(Text& text) { text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size())); }
Text trimmed(Text text) {
  skip_space(text);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}
bool take(Text& text, Text word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

template <class T>
bool take_decimal(Text& text, T& out) {
  const auto end = std::from_chars(text.data(), text.data() + text.size(), out);
  if (end.ec != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end.ptr - text.data()));
  return true;
}

// A number as logs write them: 12, -3, 0xffffffff. Takes it only if nothing but a separator follows.
bool take_number(Text& text, std::uint64_t& out) {
  Text rest = text;
  const bool negative = take(rest, "-");
  const bool hex = take(rest, "0x");
  const auto end = std::from_chars(rest.data(), rest.data() + rest.size(), out, hex ? 16 : 10);
  if (end.ec != std::errc{}) return false;
  rest.remove_prefix(static_cast<std::size_t>(end.ptr - rest.data()));
  if (!rest.empty() && Text(" ,;)(\t").find(rest.front()) == Text::npos) return false;
  if (negative) out = 0 - out;
  text = rest;
  return true;
}

// Length of text up to the character behind the closing parenthesis, or to a stop outside of parentheses.
std::size_t balanced(Text text, Text stops) {
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); i++) {
    if (text[i] == '(') depth++;
    if (text[i] == ')' && depth > 0) depth--;
    if (depth == 0 && text[i] != ')' && stops.find(text[i]) != Text::npos) return i;
  }
  return text.size();
}

void read_field(LogValue& out, Text field) {
  if (const std::size_t bits = field.find("var_off="); bits != Text::npos) {
    Text rest = field.substr(bits + 8);
    std::uint64_t value = 0, mask = 0;
    if (take(rest, "(") && take_number(rest, value) && take(rest, "; ") && take_number(rest, mask)) {
      if (mask != 0)
        out.variable = true;
      else
        out.constant = static_cast<std::int64_t>(value);
    }
    return;
  }
  const std::size_t last = field.rfind('=');
  if (last == Text::npos) return;
  Text number = field.substr(last + 1);
  std::uint64_t value = 0;
  const Text names = field.substr(0, last);
  if (names == "map") {
    out.map = std::string(number);
    return;
  }
  if (!take_number(number, value)) return;
  // One value may have several names: smin=umin=smin32=1.
  for (Text rest = names; !rest.empty();) {
    const std::size_t end = std::min(rest.find('='), rest.size());
    const Text name = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto is = [&](Text word) {
      return name == word || (name.starts_with(word) && name.substr(word.size()) == "_value");
    };
    if (is("smin")) out.smin = static_cast<std::int64_t>(value);
    if (is("smax")) out.smax = static_cast<std::int64_t>(value);
    if (is("umin")) out.umin = value;
    if (is("umax")) out.umax = value;
    if (is("smin") || is("smax") || is("umin") || is("umax")) out.variable = true;
    if (name == "id") out.id = value;
    if (name == "ref_obj_id") out.ref_id = value;
    if (name == "off") out.off += static_cast<std::int64_t>(value);
    if (name == "r") out.range = static_cast<std::int64_t>(value);
    if (name == "vs" || name == "sz" || name == "mem_size") out.size = value;
    if (name == "imm") {
      if (out.is_scalar() && !out.variable)
        out.constant = static_cast<std::int64_t>(value);
      else if (!out.is_scalar())
        out.off += static_cast<std::int64_t>(value);
    }
  }
}

}  // namespace

LogValue parse_log_value(Text text) {
  LogValue out;
  out.text = std::string(text);
  const auto letter = [](char c) { return Text("?rm0dif").find(c) != Text::npos; };
  if (text.size() == 8 && std::all_of(text.begin(), text.end(), letter)) {
    out.kind = "bytes";
    return out;
  }
  // Part of a slot in letters, then what was spilled into the rest.
  if (const std::size_t letters = text.find_first_not_of("?m0"); letters >= 4 && letters != Text::npos)
    text.remove_prefix(letters);
  take(text, "P");
  if (take(text, "inv")) take(text, "P");
  std::uint64_t number = 0;
  Text rest = text;
  if (take_number(rest, number) && rest.empty()) {
    out.kind = "scalar";
    out.constant = static_cast<std::int64_t>(number);
    return out;
  }
  const std::size_t open = std::min(text.find('('), text.size());
  Text kind = text.substr(0, open);
  if (kind.starts_with("fp") && !kind.starts_with("fp_")) {
    Text place = kind.substr(2);
    if (take(place, "[")) place.remove_prefix(std::min(place.find(']') + 1, place.size()));
    std::int64_t off = 0;
    if (take_decimal(place, off)) out.off = off;
    kind = "fp";
  }
  out.kind = kind.empty() || kind == "unknown" || kind == "?" ? "scalar" : std::string(kind);
  if (text.size() > open + 1) {
    Text fields = text.substr(open + 1);
    if (fields.back() == ')') fields.remove_suffix(1);
    while (!fields.empty()) {
      const std::size_t end = balanced(fields, ",");
      read_field(out, fields.substr(0, end));
      fields.remove_prefix(std::min(end + 1, fields.size()));
    }
  }
  if (!out.constant && out.umax && *out.umax <= INT64_MAX) {
    if (!out.smin) out.smin = static_cast<std::int64_t>(out.umin.value_or(0));
    if (!out.smax) out.smax = static_cast<std::int64_t>(*out.umax);
  }
  if (out.is_scalar() && !out.constant) out.variable = true;
  if (!out.is_scalar() && out.constant) {  // var_off=(0x8; 0x0) of a pointer
    if (out.off == 0) out.off = *out.constant;
    out.constant.reset();
  }
  return out;
}

namespace {

// "12: (bf) r6 = r1" at the start of the text.
bool begins_instruction(Text text) {
  std::size_t i = 0;
  while (i < text.size() && is_digit(text[i])) i++;
  if (i == 0 || i > 9) return false;
  const Text rest = text.substr(i);
  return rest.size() >= 6 && rest.starts_with(": (") && is_hex(rest[3]) && is_hex(rest[4]) && rest[5] == ')';
}

// "R1=", "R10_w=", "fp-8_r=": where it lies; the text is moved behind the '='.
bool take_place(Text& text, LogPlace& place) {
  Text rest = text;
  if (take(rest, "R")) {
    if (!take_decimal(rest, place) || place < 0 || place > 15) return false;
  } else if (take(rest, "fp-")) {
    if (!take_decimal(rest, place) || place <= 0) return false;
    place = -place;
  } else {
    return false;
  }
  if (take(rest, "_"))
    while (!rest.empty() && Text("rwDP").find(rest.front()) != Text::npos) rest.remove_prefix(1);
  if (!take(rest, "=")) return false;
  text = rest;
  return true;
}

// Where the text of an instruction ends: at the ';' before what it changed, or, if that is missing, behind a
// jump's target or a call's function.
std::size_t instruction_end(Text line) {
  const std::size_t comment = std::min(line.find(';'), line.size());
  std::size_t end = comment;
  if (const std::size_t jump = line.find("goto pc"); jump < comment)
    end = jump + 8;
  else if (const std::size_t call = line.find("call pc"); call < comment)
    end = call + 8;
  else if (const std::size_t number = line.find('#'); number < comment && line.find("call ") < number)
    end = number + 1;
  if (end >= comment) return comment;
  while (end < line.size() && is_digit(line[end])) end++;
  return end;
}

bool begins_registers(Text text) {
  skip_space(text);
  if (take(text, "frame")) {
    std::uint32_t frame = 0;
    if (!take_decimal(text, frame) || !take(text, ":")) return false;
    skip_space(text);
    return text.empty() || begins_registers(text);
  }
  LogPlace place = 0;
  return take_place(text, place);
}

std::optional<std::int64_t> constant_at(std::span<const isa::Token> tokens, std::int32_t at) {
  if (at < 0) return {};
  auto i = static_cast<std::size_t>(at);
  bool negative = false;
  for (; i < tokens.size() && (tokens[i].is('-') || tokens[i].is('+')); i++) negative ^= tokens[i].is('-');
  if (i >= tokens.size() || tokens[i].kind != isa::TokenKind::number) return {};
  return static_cast<std::int64_t>(negative ? 0 - tokens[i].value : tokens[i].value);
}

class LogReader {
 public:
  explicit LogReader(const LogLimits& limits) : limits_(limits) {}

  Log read(Text text) {
    learn_prefix(text);
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      line_++;
      read_line(without_prefix(text.substr(0, end)));
      text.remove_prefix(end == Text::npos ? text.size() : end + 1);
    }
    if (in_report_) end_report();
    return std::move(log_);
  }

 private:
  void end_report() {
    log_.report = report_.finish();
    in_report_ = false;
  }

  // What stands before the first instruction's line (a time, a program's name) stands before others, too.
  void learn_prefix(Text text) {
    for (int lines = 0; !text.empty() && lines < 10'000; lines++) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      const Text line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      for (std::size_t i = 0; i < std::min<std::size_t>(line.size(), 160); i++) {
        if (!is_digit(line[i]) || (i > 0 && is_digit(line[i - 1])) || !begins_instruction(line.substr(i)))
          continue;
        const Text before = line.substr(0, i);
        if (before.find("before") != Text::npos) break;  // precision is traced
        prefix_ = before;
        return;
      }
    }
  }
  bool has_prefix(Text line) const {
    if (line.size() < prefix_.size()) return false;
    for (std::size_t i = 0; i < prefix_.size(); i++) {
      const bool number = is_digit(prefix_[i]) || prefix_[i] == ' ';
      if (line[i] != prefix_[i] && !(number && (is_digit(line[i]) || line[i] == ' '))) return false;
    }
    return true;
  }
  Text without_prefix(Text line) const {
    if (!prefix_.empty() && has_prefix(line)) line.remove_prefix(prefix_.size());
    line = trimmed(line);
    if (take(line, "libbpf: ")) line = trimmed(line);
    if (line.starts_with("[") && line.size() > 1 && (line[1] == ' ' || is_digit(line[1])))  // dmesg
      if (const std::size_t end = line.find("] "); end < 20) line = trimmed(line.substr(end + 2));
    return line;
  }

  void read_line(Text line) {
    if (in_report_) {
      if (report_.read(line)) return;
      end_report();
    }
    if (line.empty()) return;
    if (line.find("-- BEGIN PROG LOAD LOG --") != Text::npos) {
      log_ = Log{};
      popped_.clear();
      forget_place();
      after_end_ = false;
      return;
    }
    if (line.find("-- END PROG LOAD LOG --") != Text::npos) after_end_ = true;
    if (after_end_) return;
    if (ReportReader::begins(line)) {
      report_.begin(line, line_);
      in_report_ = true;
      return;
    }
    if (begins_instruction(line)) return read_instruction(line);
    if (is_digit(line.front()) && read_numbered(line)) return;
    if (line.starts_with("from ") && read_from(line)) return;
    if (line.starts_with("; ") || line == ";") return read_source(line);
    if (begins_registers(line)) {
      if (!log_.steps.empty() && !in_states_) read_registers(line, log_.steps.back().after);
      return;
    }
    if (line.starts_with("processed ")) return read_stats(line);
    if (read_validating(line) || can_be_left_out(line)) return;
    in_states_ = line.starts_with("cur state:") || line.starts_with("old state:");
    if (in_states_) return;
    if (log_.messages.size() < limits_.messages)
      log_.messages.push_back({line_, std::string(line)});
    else
      log_.cut = true;
  }

  void read_instruction(Text line) {
    LogStep step;
    step.line = line_;
    take_decimal(line, step.slot);
    line.remove_prefix(3);
    std::from_chars(line.data(), line.data() + 2, step.opcode, 16);
    line.remove_prefix(3);
    const std::size_t end = instruction_end(line);
    Text behind = trimmed(line.substr(end));
    step.text = std::string(trimmed(line.substr(0, end)));
    step.source = source_;
    step.before = std::move(before_);
    before_.clear();
    step.frame = frame_;
    decode(step);
    if (log_.steps.empty() && step.slot != 0 && log_.validating.empty()) log_.cut = true;
    if (behind.starts_with(";") && begins_registers(behind.substr(1))) {
      read_registers(behind.substr(1), step.after);
      behind = {};
    }
    frame_ = step.frame;
    if (step.insn) {
      const isa::Operation operation = step.insn->row().operation;
      if (operation == isa::Operation::call_local) frame_++;
      if (step.insn->row().action == isa::Class::exit && frame_ > 0) frame_--;
    }
    log_.steps_read++;
    log_.messages.clear();
    in_states_ = false;
    if (log_.steps.size() >= limits_.steps) {
      const auto half = static_cast<std::ptrdiff_t>(log_.steps.size() / 2);
      log_.steps.erase(log_.steps.begin(), log_.steps.begin() + half);
      popped_.erase(popped_.begin(), popped_.begin() + half);
      log_.cut = true;
    }
    log_.steps.push_back(std::move(step));
    popped_.push_back(false);
    // The kernel loses the newline of a branch when it comes back to it: what follows stands on its line.
    if (!behind.empty()) read_line(behind);
  }

  // "12: R0=... R10=fp0", "12: safe".
  bool read_numbered(Text line) {
    isa::Slot slot = 0;
    if (!take_decimal(line, slot) || !take(line, ":")) return false;
    line = trimmed(line);
    if (line == "safe" || line.empty()) return true;
    // "  12: .12....... (b7) r0 = 0": which registers are alive.
    if (line.size() > 11 && line[10] == ' ' && line.find_first_not_of(".0123456789") == 10) return true;
    if (!begins_registers(line)) return false;
    if (!in_states_) read_registers(line, before_);
    return true;
  }

  // "from 4 to 7: R0=...": goes back to the branch and takes its other side.
  bool read_from(Text line) {
    take(line, "from ");
    std::int64_t from = 0, to = 0;
    if (!take_decimal(line, from) || !take(line, " to ") || !take_decimal(line, to)) return false;
    const std::size_t colon = line.find(':');
    if (colon == Text::npos) return false;
    line = trimmed(line.substr(colon + 1));
    if (line == "safe") return true;
    std::size_t at = log_.steps.size();
    while (at > 0 && (popped_[at - 1] || log_.steps[at - 1].slot != from)) at--;
    if (at == 0) {
      if (!log_.steps.empty()) log_.cut = true;
      log_.steps.clear();
    } else {
      log_.steps.erase(log_.steps.begin() + static_cast<std::ptrdiff_t>(at), log_.steps.end());
      popped_[at - 1] = true;
    }
    popped_.resize(log_.steps.size());
    forget_place();
    if (begins_registers(line)) read_registers(line, before_);
    return true;
  }

  void forget_place() {
    before_.clear();
    frame_ = log_.steps.empty() ? 0 : log_.steps.back().frame;
    source_ = log_.steps.empty() ? -1 : log_.steps.back().source;
  }

  // "; text @ file.c:12"; older kernels give the text alone.
  void read_source(Text line) {
    line = trimmed(line.substr(1));
    SourcePlace place;
    if (const std::size_t at = line.rfind(" @ "); at != Text::npos) {
      Text where = line.substr(at + 3);
      const std::size_t colon = where.rfind(':');
      Text number = colon == Text::npos ? Text{} : where.substr(colon + 1);
      std::uint32_t n = 0;
      if (take_decimal(number, n) && number.empty()) {
        place.line = n;
        place.file = std::string(where.substr(0, colon));
        line = trimmed(line.substr(0, at));
      }
    } else if (line.starts_with("@ ")) {
      line = {};
    }
    if (line.empty()) {  // code of the compiler's own: belongs to what stands before it
      return;
    }
    place.text = std::string(line);
    auto [known, is_new] =
        places_.try_emplace(place.file + '\n' + std::to_string(place.line) + '\n' + place.text,
                            static_cast<std::int32_t>(log_.sources.size()));
    if (is_new || static_cast<std::size_t>(known->second) >= log_.sources.size() ||
        log_.sources[static_cast<std::size_t>(known->second)] != place) {
      known->second = static_cast<std::int32_t>(log_.sources.size());
      log_.sources.push_back(std::move(place));
    }
    source_ = known->second;
  }

  void read_registers(Text line, std::vector<LogRegister>& out) {
    std::uint32_t frame = 0;
    bool any = false;
    while (true) {
      skip_space(line);
      if (line.empty()) break;
      Text rest = line;
      if (take(rest, "frame") && take_decimal(rest, frame) && take(rest, ":")) {
        frame = std::min(frame, 64u);
        any = true;
        line = rest;
        continue;
      }
      LogRegister reg;
      if (!take_place(line, reg.place)) {
        line.remove_prefix(balanced(line, " "));  // refs=2, cb
        continue;
      }
      reg.frame = frame;
      const std::size_t end = balanced(line, " ");
      reg.value = parse_log_value(line.substr(0, end));
      line.remove_prefix(end);
      out.push_back(std::move(reg));
      any = true;
    }
    if (any) frame_ = frame;
  }

  void read_stats(Text line) {
    LogStats stats;
    const auto number = [&](Text before, auto& out) {
      const std::size_t at = line.find(before);
      if (at == Text::npos) return;
      Text rest = line.substr(at + before.size());
      take_decimal(rest, out);
    };
    number("processed ", stats.insns_processed);
    number("(limit ", stats.insn_limit);
    number("max_states_per_insn ", stats.max_states_per_insn);
    number("total_states ", stats.total_states);
    number("peak_states ", stats.peak_states);
    number("mark_read ", stats.mark_read);
    log_.stats = stats;
  }

  // "Validating foo() func#1...": a global function is checked on its own from here.
  bool read_validating(Text line) {
    if (take(line, "Func#")) return line.find("is safe for any args") != Text::npos;
    if (!take(line, "Validating ")) return false;
    const std::size_t end = line.find("() func#");
    if (end == Text::npos) return false;
    log_.validating = std::string(line.substr(0, end));
    log_.steps.clear();
    popped_.clear();
    forget_place();
    return true;
  }

  static bool can_be_left_out(Text line) {
    constexpr std::array<Text, 15> begins = {"mark_precise:",
                                             "last_idx ",
                                             "regs=",
                                             "parent ",
                                             "parent:",
                                             "func#",
                                             "-- ",
                                             "Live regs",
                                             "caller:",
                                             "callee:",
                                             "returning from callee:",
                                             "to caller at ",
                                             "verification time ",
                                             "stack depth ",
                                             "propagating "};
    if (line.starts_with("frame ") && line.size() > 6 && is_digit(line[6])) return true;
    return std::any_of(begins.begin(), begins.end(), [&](Text word) { return line.starts_with(word); });
  }

  void decode(LogStep& step) {
    const std::string key = std::to_string(step.opcode) + step.text;
    if (const auto known = decoded_.find(key); known != decoded_.end()) {
      step.insn = known->second.insn;
      step.callee = known->second.callee;
      step.callee_id = known->second.id;
      return;
    }
    if (Text rest = step.text; take(rest, "call "))
      decode_call(step, trimmed(rest));
    else
      decode_other(step);
    decoded_.emplace(key, Known{step.insn, step.callee, step.callee_id});
  }

  static void decode_call(LogStep& step, Text name) {
    isa::Decoded insn;
    const std::size_t hash = name.rfind('#');
    Text number = hash == Text::npos ? Text{} : name.substr(hash + 1);
    take_decimal(number, step.callee_id);
    step.callee = std::string(name.substr(0, hash));
    insn.imm = step.callee_id;
    if (Text rest = name; take(rest, "pc")) {
      take(rest, "+");
      take_decimal(rest, insn.imm);
      insn.op = isa::op("call_local");
    } else {
      const uapi::Helper* helper = uapi::find_helper(step.callee_id);
      const bool is_helper = helper && Text(step.callee).ends_with(helper->name);
      insn.op = is_helper || step.callee == "unknown" ? isa::op("call_helper") : isa::op("call_kfunc");
    }
    step.insn = insn;
  }

  static void decode_other(LogStep& step) {
    bool in_comment = false;
    const std::vector<isa::Token> tokens = isa::lex_line(step.text, in_comment);
    const isa::Match match = isa::match_instruction(tokens, isa::Dialect::kernel);
    if (!match.found) return;
    isa::Decoded insn;
    insn.op = match.op;
    if (match.places.dst >= 0) insn.dst = static_cast<std::uint8_t>(match.places.dst);
    if (match.places.src >= 0) insn.src = static_cast<std::uint8_t>(match.places.src);
    const auto off = constant_at(tokens, match.places.off), imm = constant_at(tokens, match.places.imm),
               target = constant_at(tokens, match.places.target);
    if (off) insn.off = static_cast<std::int16_t>(*off);
    if (imm) insn.imm = *imm;
    if (target)
      (isa::jumps_by_imm(insn.row()) ? insn.imm = *target : insn.off = static_cast<std::int16_t>(*target));
    if (insn.row().width == 32 && insn.row().action != isa::Class::load_imm64)
      insn.imm = static_cast<std::int32_t>(insn.imm);
    if (step.opcode == isa::row(isa::op("lddw")).opcode) {  // written as the mov
      insn.op = isa::op("lddw");
      insn.slots = 2;
    }
    if (insn.row().opcode != step.opcode) return;
    step.insn = insn;
  }

  struct Known {
    std::optional<isa::Decoded> insn;
    std::string callee;
    std::uint32_t id = 0;
  };

  LogLimits limits_;
  Log log_;
  std::vector<bool> popped_;  // by step: the other side of this branch was taken
  std::vector<LogRegister> before_;
  std::unordered_map<std::string, std::int32_t> places_;
  std::unordered_map<std::string, Known> decoded_;
  std::string prefix_;
  std::uint32_t line_ = 0, frame_ = 0;
  std::int32_t source_ = -1;
  bool after_end_ = false, in_states_ = false, in_report_ = false;
  ReportReader report_;
};

}  // namespace

Log parse_log(Text text, const LogLimits& limits) { return LogReader(limits).read(text); }

}  // namespace skep::verify
