// Bodies of story.h: names and sentences for the nodes of a trail.
#include "skep/verify/story.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

#include "skep/uapi/contexts.h"
#include "skep/uapi/helpers.h"

namespace skep::verify {

namespace {

constexpr std::size_t most_causes = 12;

bool same_line(const SourcePlace& a, const SourcePlace& b) {
  return a.line == b.line && a.file == b.file && a.text == b.text;
}

std::string bytes_words(std::uint64_t bytes) {
  return fmt::format("{} byte{}", bytes, bytes == 1 ? "" : "s");
}

}  // namespace

SourcePlace Story::place_of_slot(isa::Slot slot) const {
  SourcePlace out;
  isa::Slot function_start = 0;
  for (const ProgramText::Function& function : program.functions)
    if (slot >= function.first && slot < function.end) {
      out.function = function.name;
      function_start = function.first;
    }
  if (out.function.empty() && program.functions.empty()) out.function = program.name;
  auto after = std::upper_bound(program.lines.begin(), program.lines.end(), slot,
                                [](isa::Slot s, const ProgramText::Line& line) { return s < line.slot; });
  while (after != program.lines.begin() && (--after)->slot >= function_start) {
    if (after->place.line == 0) continue;  // code of the compiler's own
    std::string function = std::move(out.function);
    out = after->place;
    out.function = std::move(function);
    break;
  }
  return out;
}

SourcePlace Story::place(StepIndex index) const {
  if (index >= log.steps.size()) return {};
  const LogStep& step = log.steps[index];
  SourcePlace out = place_of_slot(step.slot);
  if (out.line == 0 && step.source >= 0 && static_cast<std::size_t>(step.source) < log.sources.size()) {
    std::string function = std::move(out.function);
    out = log.sources[static_cast<std::size_t>(step.source)];
    out.function = std::move(function);
  }
  return out;
}

std::string_view Story::leave() const {
  using uapi::ProgType;
  if (!log.validating.empty() || (has_steps() && failing().frame != 0)) return "return 0;";
  switch (program.type) {
    case ProgType::xdp: return "return XDP_PASS;";
    case ProgType::sched_cls:
    case ProgType::sched_act: return "return TC_ACT_OK;";
    case ProgType::cgroup_skb:
    case ProgType::cgroup_sock:
    case ProgType::cgroup_sock_addr: return "return 1;";
    case ProgType::sk_lookup: return "return SK_PASS;";
    default: return "return 0;";
  }
}

std::string Story::context_name() const {
  const std::string known = has_steps() ? parameter_name(place(0).text, 0) : "";
  if (!known.empty()) return known;
  for (NodeId id = 0; id < trail.size(); id++) {
    const Node& node = trail[id];
    const LogValue* address = node.kind == NodeKind::load ? value(node.a) : nullptr;
    if (!address || address->kind != "ctx" || node.step == no_step) continue;
    const SourcePlace at = place(node.step);
    const std::string read = expression_at(at.text, at.column);
    if (const std::size_t arrow = read.find("->"); arrow != std::string::npos) return read.substr(0, arrow);
  }
  return "ctx";
}

std::string Story::name(NodeId id) const {
  if (id == no_node) return "";
  const Node& node = trail[id];
  if (node.kind == NodeKind::truncate) return name(node.a);
  if (node.kind == NodeKind::entry && has_steps()) {
    std::string text = place(0).text;
    if (const std::string found = parameter_name(text, 0); !found.empty() && node.step == no_step && id == 1)
      return found;
    return "";
  }
  if (node.step == no_step) return "";
  if (node.kind == NodeKind::constant && node.latest && node.latest->is_pointer()) return "";
  const SourcePlace at = place(node.step);
  if (at.text.empty()) return "";
  // What the failing line uses is not what it assigns.
  if (has_steps() && node.step != last() && node.kind != NodeKind::constant && same_line(place(last()), at)) {
    std::string read = node.kind == NodeKind::load ? expression_at(at.text, at.column) : "";
    // Of a->b->c the pointer that is loaded is a->b.
    const std::size_t begin = read.empty() ? std::string::npos : at.text.rfind(read, at.column - 1);
    if (begin != std::string::npos && value(id) && value(id)->is_pointer()) {
      std::size_t end = at.column - 1;
      while (end < at.text.size() &&
             (std::isalnum(static_cast<unsigned char>(at.text[end])) || at.text[end] == '_'))
        end++;
      if (place(last()).column == at.column) end = begin + std::min(read.find_last_of("-."), read.size());
      read.resize(std::min(read.size(), end - begin));
    }
    return read;
  }
  if (node.kind == NodeKind::load) {
    const LogValue* address = value(node.a);
    if (address && address->kind == "ctx") {
      const uapi::Context* context = uapi::context_of(program.type);
      const auto off = address->off + node.imm;
      const uapi::ContextField* field = context && off >= 0 && off < UINT16_MAX
                                            ? uapi::find_field(*context, static_cast<std::uint32_t>(off))
                                            : nullptr;
      bool part = false;  // of what the line computes
      for (NodeId other = 0; other < trail.size(); other++) {
        const Node& user = trail[other];
        part |= user.kind == NodeKind::alu && user.b != no_node && (user.a == id || user.b == id) &&
                user.step != no_step && same_line(place(user.step), at);
      }
      const std::string assigned = part ? "" : assigned_name(at.text, at.column);
      if (!assigned.empty()) return assigned;
      if (field && field->offset == off) return fmt::format("ctx->{}", field->name);
      return "";
    }
  }
  // A part of the line's expression is not what the line assigns.
  for (std::size_t i = 0; i < trail.size(); i++) {
    const Node& user = trail[static_cast<NodeId>(i)];
    if (user.kind == NodeKind::truncate || user.step == no_step || (user.a != id && user.b != id)) continue;
    if (same_line(place(user.step), at))
      return node.kind == NodeKind::load ? expression_at(at.text, at.column) : "";
  }
  const std::string assigned = assigned_name(at.text, at.column);
  return assigned.empty() && node.kind == NodeKind::load ? expression_at(at.text, at.column) : assigned;
}

std::string Story::noun(NodeId id) const {
  if (id == no_node) return "the value";
  if (const std::string known = name(id); !known.empty()) return quoted(known);
  const Node& node = trail[id];
  switch (node.kind) {
    case NodeKind::truncate: return noun(node.a);
    case NodeKind::call: return fmt::format("the result of {}()", log.steps[node.step].callee);
    case NodeKind::constant: return fmt::format("the constant {}", node.imm);
    case NodeKind::frame: return "the stack";
    case NodeKind::load: {
      const LogValue* address = value(node.a);
      if (!address) return "the value read from memory";
      if (address->kind == "ctx")
        return fmt::format("the value read from the context at offset {}", address->off + node.imm);
      if (address->kind == "pkt") return "the value read from the packet";
      if (address->kind.starts_with("map_value"))
        return address->map.empty() ? "the value read from a map"
                                    : "the value read from map " + quoted(address->map);
      return "the value read from " + kind_words(address->kind);
    }
    case NodeKind::entry: return "the argument";
    case NodeKind::alu: {
      if (const Index scaled = unscaled(id); scaled.scale > 1)
        return fmt::format("{} times {}", noun(scaled.node), scaled.scale);
      // A constant that is added does not make another thing of it.
      if (node.base != id && node.base != no_node &&
          (trail[node.base].kind != NodeKind::constant || !name(node.base).empty()))
        return noun(node.base);
      const SourcePlace at = place(node.step);
      if (at.line != 0) return fmt::format("the value computed in line {}", at.line);
      return "the computed value";
    }
    case NodeKind::unknown:
    case NodeKind::unwritten:
    case NodeKind::destroyed:
    case NodeKind::written: break;
  }
  return out.culprit.empty() ? "the value" : "the value in " + out.culprit;
}

void Story::set_culprit(LogPlace place) {
  culprit_place = place;
  out.culprit = place >= 0 ? fmt::format("R{}", place) : fmt::format("fp{}", place);
  set_culprit_node(trail.node(place));
}

void Story::set_culprit_node(NodeId node) {
  culprit = node;
  out.expression.clear();
  out.state.clear();
  out.raw_state.clear();
  if (node == no_node) return;
  out.expression = name(node);
  if (const LogValue* known = value(node)) {
    out.state = words_of(*known);
    out.raw_state = known->text;
  } else if (trail[node].kind == NodeKind::unwritten) {
    out.state = "never written";
  } else if (trail[node].kind == NodeKind::destroyed) {
    out.state = "lost in a call";
  } else if (trail[node].kind == NodeKind::constant) {
    out.state = fmt::format("{}", trail[node].imm);
  }
  words["v"] = noun(node);
  words["state"] = out.state.empty() ? "something" : out.state;
}

std::string_view Story::detail(std::string_view part) const {
  if (out.reason.find(part) != std::string::npos) return out.reason;
  for (const std::string& line : out.details)
    if (line.find(part) != std::string::npos) return line;
  return {};
}

std::optional<std::int64_t> Story::detail_number(std::string_view name) const {
  for (std::string_view line : {detail(name)}) {
    for (std::size_t at = line.find(name); at != std::string_view::npos; at = line.find(name, at + 1)) {
      // "size=" is not the end of "value_size=".
      if (at > 0 && (line[at - 1] == '_' || (line[at - 1] >= 'a' && line[at - 1] <= 'z'))) continue;
      std::int64_t value = 0;
      const std::string_view rest = line.substr(at + name.size());
      if (std::from_chars(rest.data(), rest.data() + rest.size(), value).ec == std::errc{}) return value;
    }
  }
  return {};
}

void Story::cause(StepIndex step, std::string sentence, bool better) {
  if (step >= log.steps.size()) return;
  if (better)
    causes_[step] = std::move(sentence);
  else
    causes_.try_emplace(step, std::move(sentence));
}

void Story::trace(NodeId node) {
  if (node == no_node) return;
  trace_node(node);
}

void Story::trace_node(NodeId id) {
  if (id == no_node || traced_.size() > 64 || !traced_.insert(id).second) return;
  const Node& node = trail[id];
  trace_branches(id);
  if (node.step == no_step) return;
  const LogValue* first = node.first;
  const std::string state = first ? words_of(*first) : "";
  switch (node.kind) {
    case NodeKind::load: {
      const LogValue* address = value(node.a);
      const std::string what = noun(id);
      std::string text;
      if (address && address->kind == "pkt") {
        text = fmt::format("{} is read from the packet ({})", name(id).empty() ? "a value" : what,
                           bytes_words(node.bytes));
      } else if (first && first->kind == "pkt" && first->off == 0) {
        cause(node.step, fmt::format("{} is the beginning of the packet", name(id).empty() ? "this" : what));
        return;
      } else if (address && address->kind == "ctx") {
        text = fmt::format("{} is read from the context", name(id).empty() ? "a value" : what);
      } else if (address && address->kind.starts_with("map_value")) {
        text = fmt::format("{} is read from a value of map {}", name(id).empty() ? "a number" : what,
                           quoted(address->map.empty() ? "?" : address->map));
      } else {
        text = fmt::format("{} is read from {}", name(id).empty() ? "a value" : what,
                           address ? kind_words(address->kind) : "memory");
      }
      if (!state.empty())
        text += first->is_scalar() ? fmt::format(": {}", state) : fmt::format(": it is {}", state);
      cause(node.step, text);
      return;
    }
    case NodeKind::call: {
      const std::string& callee = log.steps[node.step].callee;
      std::string text = name(id).empty() ? fmt::format("{}() is called", callee)
                                          : fmt::format("{} comes from {}()", noun(id), callee);
      if (first && first->may_be_null())
        text += ", which gives NULL when it finds nothing";
      else if (!state.empty())
        text += fmt::format(": {}", state);
      cause(node.step, text);
      return;
    }
    case NodeKind::constant:
      if (first && first->is_pointer()) return;
      if (name(id).empty())
        cause(node.step,
              fmt::format("the constant {} is put in", first ? state : fmt::format("{}", node.imm)));
      else
        cause(node.step,
              fmt::format("{} is set to {}", noun(id), first ? state : fmt::format("{}", node.imm)));
      return;
    case NodeKind::truncate: trace_node(node.a); return;
    case NodeKind::alu: {
      if (node.b != no_node) {
        const LogValue *left = trail[node.a].latest, *right = trail[node.b].latest;
        const bool pointer = (left && left->is_pointer()) != (right && right->is_pointer());
        if (pointer && left && right) {
          const bool left_points = left->is_pointer();
          const LogValue& target = left_points ? *left : *right;
          cause(node.step, fmt::format("{} is added to {}", noun(left_points ? node.b : node.a),
                                       target.kind == "fp" ? "an address on the stack" : words_of(target)));
        } else if (!state.empty()) {
          cause(node.step, fmt::format("{} is computed: {}", name(id).empty() ? "a value" : noun(id), state));
        }
        trace_node(node.a);
        trace_node(node.b);
        return;
      }
      if (first && first->is_scalar() && node.a != no_node) {
        const LogValue* from = trail[node.a].latest;
        const bool changed = !from || range_words(*from) != range_words(*first);
        if (changed && node.base == id && (unscaled(id).scale == 1 || !name(id).empty()))
          cause(node.step, fmt::format("{} becomes {}", noun(id), state));
      }
      trace_node(node.a);
      return;
    }
    case NodeKind::written:
      cause(node.step, fmt::format("{}() writes it", log.steps[node.step].callee));
      return;
    case NodeKind::destroyed:
      cause(node.step,
            fmt::format("the call of {}() overwrites registers r0 to r5", log.steps[node.step].callee));
      return;
    case NodeKind::unknown:
    case NodeKind::entry:
    case NodeKind::frame:
    case NodeKind::unwritten: return;
  }
}

void Story::trace_branches(NodeId id) {
  const NodeId base = trail[id].base;
  for (const Branch& branch : trail.branches()) {
    const Node& left = trail[branch.left];
    const bool of_left = branch.left == id || left.base == base;
    const bool of_right = branch.right != no_node && (branch.right == id || trail[branch.right].base == base);
    if (!of_left && !of_right) continue;
    const LogValue *before = branch.before, *after = branch.after;
    const LogValue* other = branch.right == no_node ? nullptr : trail[branch.right].latest;
    const bool packet =
        (before && before->kind.starts_with("pkt")) || (other && other->kind.starts_with("pkt"));
    if (packet) {
      const LogValue* data = before && before->kind == "pkt" ? (after ? after : before) : other;
      const bool inside = before && other && before->kind == "pkt" && other->kind == "pkt";
      if (inside)
        cause(branch.step, "this compares two places of the packet, which proves nothing about its end");
      else if (data && data->kind == "pkt" && data->range && *data->range > 0)
        cause(branch.step, fmt::format("this check proves that {} of the packet are there",
                                       bytes_words(static_cast<std::uint64_t>(*data->range))));
      else
        cause(branch.step, "this check proves nothing about these bytes");
      continue;
    }
    if (!of_left) continue;
    const std::string what = noun(branch.left);
    if (before && before->may_be_null()) {
      if (after && after->constant && *after->constant == 0)
        cause(branch.step, fmt::format("on this path {} is NULL", what));
      else if (after && after->is_pointer() && !after->may_be_null())
        cause(branch.step, fmt::format("on this path {} is not NULL", what));
      continue;
    }
    const LogValue* was = trail[trail.origin(branch.left)].first;
    if (was && was->is_pointer()) continue;  // a pointer that a call has taken
    if (after && after->is_scalar() && (!before || range_words(*before) != range_words(*after))) {
      cause(branch.step, fmt::format("after this check {} is {}", what, range_words(*after)));
    } else if (after && after->is_scalar()) {
      cause(branch.step, fmt::format("this check leaves {} as it is: {}", what, range_words(*after)));
    }
  }
}

void Story::branches_since(StepIndex first, std::size_t most) {
  std::size_t count = 0;
  SourcePlace previous;
  for (auto branch = trail.branches().rbegin(); branch != trail.branches().rend() && count < most; ++branch) {
    if (branch->step < first) break;
    const SourcePlace at = place(branch->step);
    if (at.line != 0 && same_line(at, previous)) continue;
    previous = at;
    count++;
    const LogValue* after = branch->after;
    const std::string what = noun(branch->left);
    if (branch->before && branch->before->may_be_null() && after && after->constant && *after->constant == 0)
      cause(branch->step, fmt::format("the path on which {} is NULL", what));
    else if (branch->before && branch->before->may_be_null())
      cause(branch->step, fmt::format("{} is not NULL", what));
    else if (after && after->is_scalar() && !name(branch->left).empty() &&
             !range_words(*after).starts_with("any "))
      cause(branch->step, fmt::format("the path on which {} is {}", what, range_words(*after)));
    else
      cause(branch->step, "this condition leads to the path that fails");
  }
}

void Story::tell_causes() {
  std::vector<std::pair<StepIndex, std::string>> all(causes_.begin(), causes_.end());
  // Of the rounds of a loop the last one says most.
  std::set<isa::Slot> seen;
  for (std::size_t i = all.size(); i-- > 0;)
    if (!seen.insert(log.steps[all[i].first].slot).second)
      all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
  if (all.size() > most_causes)  // the root and what is near the failure say most
    all.erase(all.begin() + 3, all.end() - (most_causes - 3));
  for (auto& [step, sentence] : all) {
    Cause cause;
    cause.slot = log.steps[step].slot;
    cause.place = place(step);
    cause.insn = log.steps[step].text;
    cause.sentence = std::move(sentence);
    // One line that says the same again, in a loop or because it is compiled twice, is told once.
    const auto told = std::find_if(out.path.begin(), out.path.end(), [&](const Cause& other) {
      return other.sentence == cause.sentence && same_line(other.place, cause.place);
    });
    if (told == out.path.end()) out.path.push_back(std::move(cause));
  }
}

std::string Story::fill(std::string_view text) const {
  std::string filled;
  while (!text.empty()) {
    const std::size_t open = text.find('{');
    filled += text.substr(0, open);
    if (open == std::string_view::npos) break;
    text.remove_prefix(open);
    const std::size_t close = text.find('}');
    const auto word = close == std::string_view::npos ? words.end() : words.find(text.substr(1, close - 1));
    if (word == words.end()) {
      filled += '{';
      text.remove_prefix(1);
      continue;
    }
    filled += word->second;
    text.remove_prefix(close + 1);
  }
  return filled;
}

Story::Index Story::unscaled(NodeId node) const {
  Index index{node, 1};
  if (node == no_node) return index;
  // idx << 2, idx * 24: the index is what a person wrote.
  for (int scaled = 0; scaled < 4; scaled++) {
    const Node& scalar = trail[index.node];
    if (scalar.kind == NodeKind::truncate) {
      index.node = scalar.a;
      continue;
    }
    if (scalar.kind != NodeKind::alu || scalar.b != no_node || scalar.step == no_step) break;
    const auto& insn = log.steps[scalar.step].insn;
    if (!insn || insn->row().source != isa::Source::imm) break;
    if (insn->row().operation == isa::Operation::lsh && insn->imm >= 0 && insn->imm < 16)
      index.scale <<= insn->imm;
    else if (insn->row().operation == isa::Operation::mul && insn->imm > 0 && insn->imm < 65536)
      index.scale *= static_cast<std::uint64_t>(insn->imm);
    else
      break;
    index.node = scalar.a;
  }
  return index;
}

Story::Index Story::index_of(NodeId address) const {
  for (int depth = 0; depth < 32 && address != no_node; depth++) {
    const Node& node = trail[address];
    if (node.kind != NodeKind::alu && node.kind != NodeKind::truncate) return {};
    if (node.b == no_node) {
      address = node.a;
      continue;
    }
    const auto points = [&](NodeId id) {
      return trail[id].kind == NodeKind::frame || (trail[id].latest && trail[id].latest->is_pointer());
    };
    const bool left = points(node.a), right = points(node.b);
    if (left == right) return {};
    Index index{left ? node.b : node.a, 1};
    const LogValue* known = trail[index.node].latest;
    if (known && known->constant) {  // a constant in a register
      address = left ? node.a : node.b;
      continue;
    }
    return unscaled(index.node);
  }
  return {};
}

bool Story::was_compared(NodeId id) const {
  return std::any_of(trail.branches().begin(), trail.branches().end(), [&](const Branch& branch) {
    const LogValue* after = branch.after;
    const bool half = branch.narrow && after && after->umax.value_or(UINT64_MAX) > UINT32_MAX;
    return !half && (branch.left == id || branch.right == id);
  });
}

const Branch* Story::check_of_other_copy(NodeId id) const {
  if (id == no_node) return nullptr;
  for (auto branch = trail.branches().rbegin(); branch != trail.branches().rend(); ++branch) {
    const Node& left = trail[branch->left];
    if ((branch->left == id && !branch->narrow) || left.kind == NodeKind::constant) continue;
    if (left.latest && !left.latest->is_scalar()) continue;
    if (trail.same_to_people(branch->left, id)) return &*branch;
  }
  return nullptr;
}

StepIndex Story::last_call(bool (*matches)(std::string_view callee)) const {
  for (std::size_t i = log.steps.size(); i-- > 0;)
    if (!log.steps[i].callee.empty() && matches(log.steps[i].callee)) return static_cast<StepIndex>(i);
  return no_step;
}

std::string Story::callee() const {
  if (!has_steps() || failing().callee.starts_with("pc")) return "";
  return failing().callee;
}

}  // namespace skep::verify
