// Rules about memory: loads, stores, the offsets and sizes that they use, NULL, and what was never written.
#include <bit>

#include <fmt/format.h>

#include "skep/uapi/attach_types.h"
#include "skep/uapi/contexts.h"
#include "skep/uapi/helpers.h"
#include "skep/uapi/prog_types.h"
#include "skep/verify/rules.h"

namespace skep::verify {

namespace {

bool moves_packet(std::string_view callee) {
  const uapi::Helper* helper = uapi::find_helper(callee);
  return helper && (helper->traits & uapi::helper_changes_packet) != 0;
}

std::string bytes_of(std::int64_t first, std::int64_t count) {
  return count == 1 ? fmt::format("byte {}", first) : fmt::format("bytes {} to {}", first, first + count - 1);
}

std::string or_(const std::string& text, std::string_view otherwise) {
  return text.empty() ? std::string(otherwise) : text;
}

// The name of a variable in a snippet: "head" for r->head.
std::string local_name(const Story& story, NodeId node, std::string_view otherwise) {
  std::string name = story.name(node);
  while (!name.empty() && name.back() == ']') name.resize(std::min(name.rfind('['), name.size() - 1));
  if (const std::size_t member = name.find_last_of(".>"); member != std::string::npos)
    name.erase(0, member + 1);
  return or_(name, otherwise);
}

// How the limit of an index is written; what is read from memory is read once.
std::string limit_snippet(const Story& story, NodeId node, std::uint64_t count) {
  const std::string source = story.name(node), name = local_name(story, node, "index");
  std::string text;
  if (name != source) text = fmt::format("__u32 {} = {};\n", name, or_(source, "..."));
  text += fmt::format("if ({} >= {})   /* unsigned */\n    {{leave}}", name, count);
  if (std::has_single_bit(count))
    text += fmt::format("\n/* or, as {1} is a power of two: */\n{0} &= {2};", name, count, count - 1);
  return text;
}

// The check was made, but of another copy of the value.
bool tell_lost_check(Story& story, NodeId node) {
  const Branch* check = story.check_of_other_copy(node);
  if (!check || story.was_compared(node)) return false;
  const SourcePlace at = story.place(check->step);
  const Node &checked = story.trail[check->left], &used = story.trail[node];
  const std::string what = story.noun(node);
  const NodeId a = story.trail.origin(check->left), b = story.trail.origin(node);
  const LogValue *now = story.value(node), *after = check->after;
  const std::uint64_t most = now ? now->umax.value_or(UINT64_MAX) : UINT64_MAX;
  if (check->narrow ? most < UINT32_MAX : a == b && after && most <= after->umax.value_or(0))
    return false;  // the copy has the limit as well: it is too high
  set_category(story, "lost-bounds-check");
  const std::string where = at.line ? fmt::format(" in line {}", at.line) : "";
  story.out.headline =
      fmt::format("the check{} does not hold for the copy of {} that is used here", where, what);
  if (a != b) {
    story.cause(checked.step, "the value that is checked is read here", true);
    story.cause(used.step, "the same memory is read again: the value that is used may be another one", true);
    story.out.needed = "one read into a local variable, which is both checked and used";
    story.out.advice = "read the value once, check that copy, and keep the compiler from reading it again";
  } else {
    const bool narrow =
        check->narrow || checked.kind == NodeKind::truncate || used.kind == NodeKind::truncate;
    if (check->narrow && check->left == node) {
      story.cause(check->step, fmt::format("this checks the low 32 bits of {} only", what), true);
      story.out.headline =
          fmt::format("the check{} looks at 32 bits of {}, but all 64 are used here", where, what);
      story.out.advice = "compare the 64-bit value, or use the 32-bit variable that was checked";
    } else if (narrow && used.step != no_step) {
      story.cause(used.kind == NodeKind::truncate ? used.step : checked.step,
                  "only the low 32 bits are copied here", true);
    }
    story.out.needed = "the check on the very register that is used as the offset";
    suggest(
        story.out.advice,
        "the compiler checked a copy of the value (another width, or before a computation). Make it use one "
        "register: an empty asm statement hides the value from the optimiser between computing and checking "
        "it");
  }
  const std::string name = local_name(story, node, "i");
  if (a != b)
    story.out.snippet = fmt::format(
        "__u32 {0} = *(volatile __u32 *)&...;   /* read once */\n"
        "if ({0} >= LIMIT)\n"
        "    {{leave}}\n"
        "/* use {0}, not the memory, here */",
        name);
  else
    story.out.snippet = fmt::format(
        "__u64 {0} = ...;                 /* 64 bits wide */\n"
        "asm volatile(\"\" : \"+r\"({0}));    /* one register from here on */\n"
        "if ({0} >= LIMIT)\n"
        "    {{leave}}\n"
        "/* use {0} here */",
        name);
  story.cause(check->step, fmt::format("this checks another copy of {}, not the one that is used", what));
  story.trace(a);
  story.trace(b);
  return true;
}

// A constant is taken off a number that was checked from above only.
bool tell_underflow(Story& story, NodeId node) {
  if (node == no_node) return false;
  const Node& made = story.trail[node];
  if (made.kind != NodeKind::alu || made.b != no_node || made.step == no_step) return false;
  const auto& insn = story.log.steps[made.step].insn;
  if (!insn || insn->row().source != isa::Source::imm) return false;
  std::int64_t taken = 0;
  if (insn->row().operation == isa::Operation::add) taken = -insn->imm;
  if (insn->row().operation == isa::Operation::sub) taken = insn->imm;
  const NodeId compared = made.a;
  NodeId from = compared;
  while (from != no_node && story.trail[from].kind == NodeKind::truncate) from = story.trail[from].a;
  if (taken <= 0 || taken > INT32_MAX || from == no_node) return false;
  if (!story.was_compared(compared) && !story.was_compared(from) && !story.check_of_other_copy(node))
    return false;
  const LogValue *range = story.value(node), *before = story.value(compared);
  if (!range || range->constant || (before && before->smin.value_or(INT64_MIN) >= taken)) return false;
  if (range->umax.value_or(UINT64_MAX) < UINT32_MAX) return false;
  const std::string what = story.noun(from), name = or_(story.name(from), "len");
  set_category(story, "unbounded-offset");
  story.out.headline = fmt::format(
      "{} may be less than {}: then the difference wraps around to a very large number", what, taken);
  story.out.needed = fmt::format("{} of more than {} before {} is subtracted", what, taken, taken);
  story.out.advice = "check the lower end as well, and the difference against the size of the buffer";
  story.out.snippet =
      fmt::format("if ({0} <= {1} || {0} > MAX)\n    {{leave}}\n__u32 n = {0} - {1};", name, taken);
  return true;
}

// A quotient or a remainder: nobody can tell from the program that its range is known.
bool tell_division(Story& story, NodeId node) {
  if (node == no_node) return false;
  NodeId made = node;
  while (story.trail[made].kind == NodeKind::truncate) made = story.trail[made].a;
  const StepIndex step = story.trail[made].step;
  if (step == no_step || !story.log.steps[step].insn) return false;
  const isa::Operation operation = story.log.steps[step].insn->row().operation;
  const bool quotient = operation == isa::Operation::div || operation == isa::Operation::sdiv;
  const bool remainder = operation == isa::Operation::mod || operation == isa::Operation::smod;
  const bool shift = operation == isa::Operation::rsh || operation == isa::Operation::arsh;
  if (story.was_compared(node) || (!quotient && !remainder && !shift && operation != isa::Operation::mul))
    return false;
  const std::string name = or_(story.name(node), "i");
  if (quotient || remainder)
    story.cause(step,
                fmt::format("the verifier knows nothing about a {}", quotient ? "quotient" : "remainder"));
  story.out.advice = fmt::format(
      "check it against a constant. If the source does: the compiler, which can divide, found that check "
      "superfluous and left it out; hide {} from it with an empty asm statement before the check",
      quoted(name));
  story.out.snippet = fmt::format(
      "asm volatile(\"\" : \"+r\"({0}));\nif ({0} >= MAX)   /* MAX a constant */\n    {{leave}}", name);
  return true;
}

// Places for what may be accessed: "the value of map `m` has 64 bytes".
std::string target_words(const Story& story, std::int64_t size) {
  const LogValue* address = story.value(story.trail.node(story.culprit_place));
  const auto holds = [&](std::string_view end) { return address->map.find(end) != std::string::npos; };
  if (address && address->kind.starts_with("map_value") &&
      (holds(".bss") || holds(".data") || holds(".rodata")))
    return fmt::format("the program's global variables have {} bytes", size);
  if (address && address->kind.starts_with("map_value"))
    return address->map.empty() ? fmt::format("a map value has {} bytes", size)
                                : fmt::format("a value of map {} has {} bytes", quoted(address->map), size);
  if (address && address->kind == "map_key") return fmt::format("the map's key has {} bytes", size);
  return fmt::format("the memory has {} bytes", size);
}

// The failing instruction did not fail when the path came here before, in the same call of its function.
bool in_later_pass(const Story& story) {
  if (!story.has_steps()) return false;
  const LogStep& now = story.failing();
  for (StepIndex i = story.last(); i-- > 0;) {
    const LogStep& step = story.log.steps[i];
    if (step.frame < now.frame) return false;
    if (step.frame == now.frame && step.slot == now.slot) return true;
  }
  return false;
}

// Reads and writes that may lie outside: the offset is a constant, or an index makes it vary.
void out_of_bounds(Story& story) {
  const NodeId address = story.trail.node(story.culprit_place);
  if (address == no_node) return;
  const LogValue* known = story.value(address);
  std::int64_t size = 0;
  for (std::string_view word : {"value_size=", "mem_size=", "key_size="})
    if (const auto n = story.detail_number(word)) size = *n;
  if (size == 0 && known) size = static_cast<std::int64_t>(known->size);
  const std::int64_t width = story.detail_number("size=").value_or(1);
  const std::int64_t off = story.detail_number("off=").value_or(0);
  if (!story.detail("invalid access to memory").empty() ||
      (known && known->kind.find("mem") != std::string::npos))
    set_category(story, "memory-out-of-bounds");
  const std::string target = target_words(story, size);
  const Story::Index index = story.index_of(address);
  const std::string callee = story.callee();
  if (index.node == no_node) {
    const std::string who = callee.empty() ? "this accesses" : callee + "() is to access";
    story.out.headline = fmt::format("{} bytes {} to {}, but {}", who, off, off + width - 1, target);
    story.out.needed = fmt::format("an access that ends at byte {} or before", size - 1);
    story.out.advice = callee.empty() ? "access fewer bytes, or make the type of the value larger"
                                      : "pass the size of what the pointer points to";
    if (callee.empty() && off > 0 && in_later_pass(story)) {
      story.out.headline = fmt::format("the loop comes to {} here, but {}", bytes_of(off, width), target);
      story.out.needed = fmt::format("a loop that ends at byte {} or before", size - 1);
      story.out.advice =
          "let the condition end the loop before that: a constant limit is at most the number of elements, "
          "and "
          "of a limit that is read from memory the verifier knows nothing, so add a constant one";
      story.out.snippet = "for (int i = 0; i < n && i < MAX; i++)   /* MAX: the number of elements */";
    }
    // An index of which this path knows the number.
    const Node& added = story.trail[address];
    if (added.kind == NodeKind::alu && added.b != no_node) {
      const LogValue* left = story.value(added.a);
      const Story::Index fixed = story.unscaled(left && left->is_scalar() ? added.a : added.b);
      const LogValue* number = story.value(fixed.node);
      if (number && number->constant && *number->constant > 0 && fixed.scale > 1) {
        const std::int64_t count = size / static_cast<std::int64_t>(fixed.scale);
        story.out.headline = fmt::format("the index can be {} here, which is bytes {} to {}, but {}",
                                         *number->constant, off, off + width - 1, target);
        story.out.needed = fmt::format("an index from 0 to {}", count - 1);
        story.out.advice =
            fmt::format("of {} elements the last has the number {}: let the check leave at {} already", count,
                        count - 1, count);
        story.out.snippet = fmt::format("if (index >= {})   /* not > */\n    {{leave}}", count);
        return;
      }
    }
    const Node& object = story.trail[story.trail.origin(address)];
    if (callee.empty() && object.kind == NodeKind::call &&
        story.log.steps[object.step].callee == "bpf_ringbuf_reserve") {
      const std::string name = or_(story.name(story.trail.origin(address)), "record");
      story.out.headline =
          fmt::format("this accesses bytes {} to {}, but only {} were reserved", off, off + width - 1, size);
      story.out.advice = "reserve as many bytes as the struct has, not as its pointer has";
      story.out.snippet = fmt::format("{0} = bpf_ringbuf_reserve(&events, sizeof(*{0}), 0);", name);
    }
    const NodeId count = callee.empty() ? no_node : story.trail.node(story.culprit_place + 1);
    if (const LogValue* most = story.value(count);
        most && most->is_scalar() && !most->constant && most->smax) {
      story.set_culprit_node(count);
      const std::string name = or_(story.name(count), "len");
      story.out.headline =
          fmt::format("the size that {}() gets can be up to {}, but {}", callee, *most->smax, target);
      story.out.needed = fmt::format("a size of at most {}", size - (known ? known->off : 0));
      story.out.advice = "limit the size to that of the buffer before the call";
      story.out.snippet = fmt::format("if ({0} > sizeof(buf))\n    {0} = sizeof(buf);", name);
      return;
    }
    if (!callee.empty())
      story.out.snippet =
          "/* sizeof of the object itself, not of a pointer or another type */\nsizeof(*value)";
    return;
  }
  story.set_culprit_node(index.node);
  const LogValue* range = story.value(index.node);
  const std::string what = story.noun(index.node), name = or_(story.name(index.node), "index");
  const auto& insn = story.failing().insn;
  const std::int64_t fixed = (known ? known->off : 0) + (callee.empty() && insn ? insn->off : 0);
  const std::int64_t room = size - width - fixed;
  const std::int64_t limit = room < 0 ? -1 : room / static_cast<std::int64_t>(index.scale);
  const bool low = story.out.reason.find("min value is") != std::string::npos;
  if (low) {
    set_category(story, "negative-offset");
    story.out.headline = fmt::format("{} may be negative ({}), which is before the beginning: {}", what,
                                     range ? range_words(*range) : "any number", target);
  } else if (range && range->smax && *range->smax < (std::int64_t{1} << 32) - 1) {
    const std::string reach = fixed > 0 ? fmt::format(", counted from byte {}", fixed) : "";
    story.out.headline = fmt::format("{} can be up to {}{}, but {}", what, *range->smax, reach, target);
  } else {
    story.out.headline =
        fmt::format("{} can be {}, but {}", what, range ? range_words(*range) : "any number", target);
  }
  story.trace(address);
  if (tell_lost_check(story, index.node)) return;
  if (limit < 0) {
    story.out.needed = "an access that fits at all";
    return;
  }
  story.out.needed = fmt::format("{} from 0 to {}", what, limit);
  const auto count = static_cast<std::uint64_t>(limit) + 1;
  story.out.advice = std::has_single_bit(count) ? "compare it with the limit before the access, or mask it"
                                                : "compare it with the limit before the access";
  story.out.snippet = limit_snippet(story, index.node, count);
}

// Where the size of what is indexed is known, so is the limit.
void tell_limit(Story& story, NodeId scalar) {
  const auto& insn = story.failing().insn;
  if (scalar == no_node || !insn) return;
  const bool access = insn->row().action != isa::Class::alu;
  const NodeId address = access ? story.trail.node(story.culprit_place) : story.trail.node(insn->dst);
  const LogValue* target = story.value(address);
  if (!target || target->size == 0 || target->is_scalar()) return;
  std::uint64_t scale =
      access ? story.index_of(address).scale : story.unscaled(story.trail.node(insn->src)).scale;
  const std::int64_t width = access ? insn->row().width / 8 : static_cast<std::int64_t>(scale);
  const std::int64_t room =
      static_cast<std::int64_t>(target->size) - target->off - (access ? insn->off : 0) - width;
  if (room < 0) return;
  const std::uint64_t count = static_cast<std::uint64_t>(room) / scale + 1;
  story.out.needed = fmt::format("{} from 0 to {}", story.noun(scalar), count - 1);
  story.out.snippet = limit_snippet(story, scalar, count);
}

// "R0 unbounded memory access, make sure to bounds check any such access", "math between ...".
void unbounded(Story& story) {
  NodeId scalar = story.culprit;
  if (const Story::Index index = story.index_of(story.culprit); index.node != no_node) {
    story.trace(story.culprit);
    scalar = index.node;
    story.set_culprit_node(scalar);
  } else if (const auto& insn = story.failing().insn; insn && insn->row().action == isa::Class::alu) {
    story.trace(story.trail.node(insn->dst));
    if (scalar != no_node) story.trace(scalar);
    scalar = story.unscaled(scalar).node;
    if (scalar != no_node) story.set_culprit_node(scalar);
  }
  story.words["name"] = local_name(story, scalar, "i");
  if (tell_underflow(story, scalar)) return;
  if (tell_lost_check(story, scalar)) return;
  tell_limit(story, scalar);
  if (tell_division(story, scalar)) return;
  const LogValue* range = story.value(scalar);
  if (!range || !range->smax || *range->smax > INT32_MAX || (range->smin && *range->smin >= 0)) return;
  // Somebody checked against the end.
  set_category(story, "negative-offset");
  story.out.headline = fmt::format("{} may be negative: it is {}", story.noun(scalar), range_words(*range));
  story.out.needed = "a number of 0 or more";
  story.out.advice =
      "make it unsigned, so that one check covers both ends, or check that it is not negative as well";
  story.out.snippet = story.fill("if ({name} < 0 || {name} >= MAX)\n    {leave}");
}

// "math between pkt pointer and 8589934584 is not allowed"
void math_with_constant(Story& story) {
  const auto& insn = story.failing().insn;
  if (!insn || insn->row().operation == isa::Operation::add || insn->row().operation == isa::Operation::sub)
    return;
  set_category(story, "pointer-arithmetic");
  story.out.headline = fmt::format("{} cannot be done to a pointer", insn->row().symbol);
  story.out.needed = "addition and subtraction of numbers only";
  story.out.advice = "to align, compute the offset as a number first, and add it to the pointer";
  story.out.snippet = "__u64 offset = 5 & ~7;\nvoid *p = data + offset;";
}

void size_argument(Story& story) {
  unbounded(story);
  story.words["name"] = or_(story.name(story.culprit), "len");
  const LogValue* size = story.value(story.culprit);
  if (!size || range_words(*size) != "any number" || !story.out.headline.empty()) return;
  set_category(story, "unbounded-offset");
  story.out.headline = story.fill("nothing limits the size that {callee} gets: {v} is any number");
  story.out.needed = "a size that is at most that of the buffer";
  story.out.advice = "limit the size to that of the buffer before the call; keep it unsigned";
  story.out.snippet = story.fill("if ({name} > sizeof(buf))\n    {name} = sizeof(buf);");
}

void zero_size(Story& story) {
  size_argument(story);
  const LogValue* size = story.value(story.culprit);
  if (!size || !size->constant) return;
  story.out.headline = fmt::format("the size that {} gets is 0", story.words["callee"]);
  story.out.needed = "a size of at least 1";
  story.out.advice = "pass the size of the buffer; sizeof of an array without elements is 0";
  story.out.snippet = "char buf[16];\nf(buf, sizeof(buf));";
}

void packet_bounds(Story& story) {
  const NodeId address = story.trail.node(story.culprit_place);
  if (address == no_node) return;
  const LogValue* known = story.value(address);
  const std::int64_t range = known && known->range ? *known->range : story.detail_number("r=").value_or(0);
  const std::int64_t off = story.detail_number("off=").value_or(0),
                     size = story.detail_number("size=").value_or(1);
  const std::string callee = story.callee();
  const Story::Index index = story.index_of(address);
  const std::string who = callee.empty() ? "this reads" : callee + "() is to access";
  const bool store = story.failing().insn && (story.failing().insn->row().action == isa::Class::store ||
                                              story.failing().insn->row().action == isa::Class::store_imm);
  const std::string verb = callee.empty() && store ? "this writes" : who;
  const LogValue* varies = story.value(index.node);
  if (known && known->kind.starts_with("pkt_meta")) {
    story.out.headline =
        fmt::format("{} {} bytes of metadata without a check that they are there", verb, size);
    story.out.needed = fmt::format("a comparison of data_meta plus {} with data", off + size);
    story.out.advice = "metadata ends where the packet begins: compare with data, not with data_end";
    story.out.snippet = fmt::format(
        "void *meta = (void *)(long){{ctx}}->data_meta, *data = (void *)(long){{ctx}}->data;\n"
        "if (meta + {} > data)\n    {{leave}}",
        off + size);
    story.trace(address);
    return;
  }
  if (varies && varies->umax.value_or(UINT64_MAX) > UINT16_MAX && range == 0) {
    const std::string name = or_(story.name(index.node), "offset"), what = story.noun(index.node);
    story.out.headline =
        fmt::format("{} is {}: added to a packet pointer, no check can prove anything any more", what,
                    range_words(*varies));
    story.out.needed =
        fmt::format("{} below 65536 before it is added, then the comparison with data_end", what);
    story.out.advice = "limit the offset first: comparisons with data_end count only for offsets below 65536";
    story.out.snippet = fmt::format(
        "if ({0} > 1500)   /* any constant below 65536 */\n    {{leave}}\nvoid *p = data + {0};\n"
        "if (p + {1} > data_end)\n    {{leave}}",
        name, size);
    story.trace(index.node);
    story.trace(address);
  } else if (const NodeId count = callee.empty() ? no_node : story.trail.node(story.culprit_place + 1);
             index.node == no_node && story.value(count) && story.value(count)->is_scalar() &&
             !story.value(count)->constant && story.value(count)->smax.value_or(-1) > 0) {
    const std::string what = story.noun(count);
    story.out.headline =
        fmt::format("{} as many bytes of the packet as {} says, up to {}, but only the first {} are checked",
                    who, what, *story.value(count)->smax, range);
    story.out.needed =
        fmt::format("a constant limit for {}, and a comparison with data_end that proves that many", what);
    story.out.advice =
        "the verifier does not connect a length with data_end: limit the length with a constant, and compare "
        "the "
        "pointer plus that constant with data_end. Packets that are shorter than the constant are better "
        "copied "
        "in pieces, with bpf_skb_load_bytes() or bpf_xdp_load_bytes()";
    story.out.snippet = fmt::format(
        "if ({0} > MAX)          /* MAX a small constant */\n    {{leave}}\n"
        "if (p + MAX > data_end)\n    {{leave}}",
        local_name(story, count, "len"));
    story.trace(count);
    story.trace(address);
  } else if (index.node != no_node) {
    story.out.headline =
        fmt::format("{} the packet at an offset that varies with {}, and no check covers that place", verb,
                    story.noun(index.node));
    story.out.needed = fmt::format("a comparison of that very pointer plus {} with data_end", size);
    story.out.advice =
        "compute the pointer once, compare the pointer that is used (not another one) with data_end, and "
        "keep the "
        "offset small: below 65536";
    story.out.snippet = fmt::format(
        "void *p = data + offset;\nif (p + {} > data_end)\n    {{leave}}\n/* read through p */", size);
    story.trace(index.node);
  } else {
    for (const Branch& branch : story.trail.branches()) {
      const Node& left = story.trail[branch.left];
      if (left.kind != NodeKind::alu || left.b == no_node) continue;
      const LogValue *end = story.trail[left.a].first, *begin = story.trail[left.b].first;
      if (end && begin && end->kind == "pkt_end" && begin->kind.starts_with("pkt"))
        story.cause(
            branch.step,
            "this compares the length, which is a number: only a comparison of pointers proves bytes");
    }
    const std::string bytes = bytes_of(off, size);
    story.out.headline =
        range > 0
            ? fmt::format("{} {} of the packet, but only the first {} are checked", verb, bytes, range)
            : fmt::format("{} {} of the packet without a check that the packet is that long", verb, bytes);
    story.out.needed = fmt::format("a comparison with data_end that proves {} bytes", off + size);
    story.out.advice = "compare the end of what is read with data_end first, and leave if it is beyond";
    story.out.snippet =
        fmt::format("if (data + {} > data_end)\n    {{leave}}   /* the packet is shorter */", off + size);
  }
}

// "R1 invalid mem access 'scalar'"
void scalar_access(Story& story) {
  const NodeId node = story.culprit;
  if (node == no_node) return;
  const LogValue* known = story.value(node);
  const Node& made = story.trail[node];
  // A call has made a number of the pointer that it was.
  const LogValue* was =
      made.first && made.first->is_pointer() ? made.first : story.trail[story.trail.origin(node)].first;
  if (known && known->is_scalar() && !known->constant && was && was->is_pointer()) known = was;
  if (known && known->kind.starts_with("pkt")) {
    const StepIndex call = story.last_call(moves_packet);
    set_category(story, "stale-packet-pointer");
    const std::string name = call == no_step ? "a helper" : story.log.steps[call].callee + "()";
    story.out.headline = fmt::format("{} points into the packet as it was before {}", story.noun(node), name);
    story.out.needed = "pointers that are read from the context again, and checked again, after the call";
    story.out.advice = fmt::format("{} may move the packet: load data and data_end anew afterwards", name);
    story.out.snippet =
        "void *data = (void *)(long){ctx}->data;\nvoid *data_end = (void *)(long){ctx}->data_end;\n"
        "if (data + sizeof(struct ethhdr) > data_end)\n    {leave}";
    if (call != no_step)
      story.cause(call, fmt::format("{} may move the packet: pointers into it are lost", name));
    return;
  }
  if (known && known->is_pointer()) {
    if (const StepIndex call = story.last_call(releases); call != no_step)
      story.cause(call, fmt::format("{}() gives it back: it cannot be used from here on",
                                    story.log.steps[call].callee));
    const std::string name = or_(story.name(node), "object");
    story.out.snippet = fmt::format("value = *{0};   /* first use it */\nrelease({0});", name);
    set_category(story, "double-release");
    story.out.headline = fmt::format("{} is used after it was given back", story.noun(node));
    story.out.needed = "no use after the release (or the end of the section that protects it)";
    story.out.advice = "move the use before the release";
    return;
  }
  if (known && known->constant && *known->constant == 0 && made.kind != NodeKind::call) {
    story.out.headline = fmt::format("{} is NULL here", story.noun(node));
    story.out.needed = "a pointer to memory";
    story.out.advice = "pass the address of something, or do not use the pointer";
    story.out.snippet = "struct state state = {};\nbpf_loop(100, step, &state, 0);   /* not NULL */";
    return;
  }
  if (known && known->constant && *known->constant == 0) {
    set_category(story, "missing-null-check");
    story.out.headline = fmt::format("{} is NULL here", story.noun(node));
    story.out.needed = "the access on the path where the pointer is not NULL";
    story.out.advice =
        "the check is the wrong way round, or the path goes on after it: leave when the pointer is NULL";
    story.out.snippet = "if (!value)\n    {leave}\nvalue->count++;   /* after the check */";
    return;
  }
  story.words["name"] = or_(story.name(node), "ptr");
}

void null_check(Story& story) {
  const NodeId node = story.culprit;
  if (node == no_node) return;
  story.words["name"] = or_(story.name(node), "value");
  story.trace(node);
  const Branch* other = nullptr;
  for (const Branch& branch : story.trail.branches()) {
    const LogValue* left = branch.before;
    if (branch.left != node && left && left->may_be_null() && branch.right == no_node && branch.imm == 0)
      other = &branch;
  }
  const Node& made = story.trail[node];
  const Node* tested = other ? &story.trail[other->left] : nullptr;
  if (tested && made.kind == NodeKind::call && tested->kind == NodeKind::call &&
      story.log.steps[tested->step].callee == story.log.steps[made.step].callee) {
    story.cause(other->step, "this checks the result of another call, not this one");
    story.out.advice = "check the very pointer that is used: each call gives a new one";
  }
}

bool is_stack_read(const Story& story) {
  const auto& insn = story.failing().insn;
  return insn && insn->row().action == isa::Class::load;
}

// "R2 !read_ok"
void not_written(Story& story) {
  const NodeId node = story.culprit;
  if (node == no_node) return;
  const bool exits = story.failing().insn && story.failing().insn->row().action == isa::Class::exit;
  const Node& made = story.trail[node];
  const uapi::Helper* helper = uapi::find_helper(story.callee());
  if (helper && made.kind == NodeKind::unwritten) {
    story.out.headline = fmt::format("argument {} of {}() is not there: nothing was put into {}",
                                     story.culprit_place, story.callee(), story.out.culprit);
    story.out.needed = "all arguments of the function";
    story.out.advice = "compare the call and the declaration with the function's prototype";
    story.out.snippet = fmt::format("{};", helper->prototype);
    return;
  }
  if (exits) {
    story.out.headline = "the program ends without a return value on this path";
    story.out.needed = "a value in r0 at each end of the program";
    story.out.advice = "return a value on every path";
    story.out.snippet = "{leave}   /* or 0, as the program type wants */";
    story.branches_since(0, 4);
    return;
  }
  if (made.kind == NodeKind::destroyed && made.step != no_step) {
    story.out.headline = fmt::format("{} is read after a call, which overwrites it", story.out.culprit);
    story.out.needed = "a value that is kept in r6 to r9 or on the stack";
    story.out.advice =
        "calls overwrite r0 to r5. In C this comes from inline assembly, from a function without a "
        "prototype, "
        "or from a function that returns nothing used as if it returned something";
    story.out.snippet = "r6 = r1;      /* keep what is needed later */\ncall bpf_get_prandom_u32;\nr1 = r6;";
    return;
  }
  story.branches_since(0, 4);
}

void stack_read(Story& story) {
  if (!is_stack_read(story)) {
    const std::string callee = story.callee();
    if (!callee.empty()) {
      story.out.headline =
          fmt::format("{}() is passed stack memory of which some bytes were never written", callee);
      story.out.snippet =
          "struct key key;\n__builtin_memset(&key, 0, sizeof(key));   /* padding, too */\nkey.port = port;";
      story.out.advice = "set all of it to zero first: padding between the fields counts, too";
      story.out.needed = "all bytes of the argument written on every path";
    }
  }
  story.branches_since(0, 3);
}

void stack_bounds(Story& story) {
  const auto off = story.detail_number("off=");
  if (const Story::Index index = story.index_of(story.culprit); index.node != no_node) {
    story.trace(story.culprit);
    story.set_culprit_node(index.node);
    story.words["name"] = or_(story.name(index.node), "i");
    if (tell_lost_check(story, index.node)) return;
    story.out.headline =
        fmt::format("{} is {}, so this leaves the array on the stack", story.noun(index.node),
                    story.out.state.empty() ? "not bounded" : story.out.state);
    story.out.needed = "an index that is proven to be inside of the array";
    story.out.advice = "compare the index with the number of elements before the access";
    story.out.snippet = story.fill(
        "if ({name} >= sizeof(buf) / sizeof(buf[0]))   /* unsigned */\n    {leave}\nbuf[{name}] = x;");
    return;
  }
  const auto size = story.detail_number("size=");
  if (off && size && *off >= -512 && *off < 0 && *size > -*off) {
    const std::string callee = story.callee();
    story.out.headline =
        fmt::format("{} {} bytes at fp{}, but only {} bytes of the stack lie there",
                    callee.empty() ? "this accesses" : callee + "() is to access", *size, *off, -*off);
    story.out.needed = fmt::format("at most {} bytes", -*off);
    story.out.advice = "the size must be that of the variable: use sizeof";
    story.out.snippet = callee.empty() ? "" : fmt::format("char buf[16];\n{}(buf, sizeof(buf));", callee);
    return;
  }
  if (off && *off < -512)
    story.out.headline =
        fmt::format("this needs stack at {} bytes below the frame; a function has 512", -*off);
}

void context_field(Story& story) {
  const uapi::Context* context = uapi::context_of(story.program.type);
  const uapi::ProgTypeRow* type = uapi::find_prog_type(story.program.type);
  const auto off = story.detail_number("off="), size = story.detail_number("size=");
  if (!context || !type || !off || *off < 0 || *off >= UINT16_MAX ||
      story.program.type == uapi::ProgType::unspec)
    return;
  if (context->size && *off >= static_cast<std::int64_t>(context->size)) {
    story.out.headline =
        fmt::format("the context of {} programs is {}, which has {} bytes: there is nothing at offset {}",
                    type->name, context->c_name, context->size, *off);
    story.out.needed = fmt::format("a program whose argument is {} *", context->c_name);
    story.out.advice =
        "the type of the argument and the program type that SEC() names do not belong together: change one "
        "of them";
    story.out.snippet = fmt::format("int program({} *ctx)", context->c_name);
    return;
  }
  const uapi::ContextField* field = uapi::find_field(*context, static_cast<std::uint32_t>(*off));
  if (!field) return;
  const auto& insn = story.failing().insn;
  const bool store = insn && insn->row().action != isa::Class::load;
  const std::uint64_t bit = std::uint64_t{1} << static_cast<unsigned>(story.program.type);
  const std::string name = quoted(field->name);
  const std::uint64_t attach = store ? field->write_attach : field->read_attach;
  const auto attaches = [&](uapi::AttachType to) { return (attach >> static_cast<unsigned>(to) & 1) != 0; };
  const uapi::Widths widths = store ? field->store : field->load;
  if (store && (field->writable & bit) == 0) {
    story.out.headline =
        fmt::format("{} of {} cannot be written by {} programs", name, context->c_name, type->name);
    story.out.needed = "a field that this program type may write";
    story.out.advice = (field->readable & bit) != 0
                           ? "the field can only be read here; what changes the packet are helpers"
                           : "this program type has no access to the field";
  } else if (!store && (field->readable & bit) == 0) {
    story.out.headline =
        fmt::format("{} of {} cannot be read by {} programs", name, context->c_name, type->name);
    story.out.needed = "a field that this program type may read";
    story.out.advice =
        "use another program type, or get the value by a helper (packet bytes: bpf_skb_load_bytes)";
  } else if (const uapi::AttachTypeRow* here = uapi::find_attach_type(story.program.attach_type);
             here && !attaches(story.program.attach_type)) {
    std::string others;
    for (const uapi::AttachTypeRow& row : uapi::attach_types())
      if (row.prog_type == story.program.type && attaches(row.type))
        others += fmt::format("{}{}", others.empty() ? "" : ", ", row.name);
    const std::string_view done = store ? "written" : "read";
    story.out.headline = fmt::format("{} of {} cannot be {} by a program that attaches to {}", name,
                                     context->c_name, done, here->name);
    story.out.needed =
        fmt::format("an attach type where it can be {}: {}", done, or_(others, "there is none"));
    story.out.advice = "use a field that this attach type has, or another attach type (SEC() names it)";
  } else if (size && *size != field->size && (*size < widths.min || *size > widths.max)) {
    story.out.headline =
        fmt::format("{} of {} has {} bytes, and {} are accessed", name, context->c_name, field->size, *size);
    story.out.needed = "an access of the field's size";
    story.out.advice = "use the field by its name; do not cast its address";
    story.out.snippet = fmt::format("value = {{ctx}}->{};", field->name);
  }
}

// "dereference of modified ctx ptr R1 off=8 disallowed", also where it is an argument
void moved_context(Story& story) {
  const std::string callee = story.callee();
  if (callee.empty()) return;
  story.out.headline = fmt::format("{}() takes the context, and is passed an address inside of it", callee);
  story.out.needed = "the context as the program got it";
  story.out.advice = fmt::format("pass {}", quoted(story.context_name()));
  story.out.snippet = fmt::format("{}({}, ...);", callee, story.context_name());
}

// "cannot write into packet"
void packet_write(Story& story) {
  const uapi::ProgTypeRow* type = uapi::find_prog_type(story.program.type);
  const uapi::Helper* store = uapi::find_helper("bpf_skb_store_bytes");
  if (!type || !store || story.program.type == uapi::ProgType::unspec) return;
  story.out.headline = fmt::format("{} programs may read the packet, not write it", type->name);
  if (uapi::may_call(*store, story.program.type)) return;
  story.out.needed = "a program type that may change packets";
  story.out.advice = "change packets in a tc or XDP program";
  story.out.snippet = "SEC(\"tc\")   /* or \"xdp\" */";
}

// "BPF_ATOMIC stores into R1 ctx is not allowed"
void special_store(Story& story) {
  if (story.captured.size() < 3) return;
  const bool atomic = story.captured[0] == "ATOMIC" || story.captured[0] == "XADD";
  if (story.captured[2] == "ctx") set_category(story, "context-access");
  if (!atomic) return;
  const std::string_view where = story.captured[2] == "ctx"   ? "the context"
                                 : story.captured[2] == "pkt" ? "the packet"
                                                              : std::string_view(story.words["state"]);
  story.out.headline = fmt::format("an atomic operation on {} is not possible", where);
  if (story.captured[2] != "ctx")
    story.out.snippet = "*p += 1;   /* instead of __sync_fetch_and_add(p, 1) */";
}

constexpr std::string_view null_needed = "a comparison with NULL between the call and the use";
constexpr std::string_view null_advice = "leave when the pointer is NULL, before it is used";
constexpr std::string_view null_snippet = "if (!{name})\n    {leave}";
constexpr std::string_view bound_snippet = "if ({name} >= MAX)   /* unsigned, MAX a constant */\n    {leave}";
constexpr std::string_view size_snippet =
    "__u32 {name} = ...;\nif ({name} > sizeof(buf))\n    {name} = sizeof(buf);\nbpf_probe_read_user(buf, "
    "{name}, src);";

// clang-format off
constexpr Rule rows[] = {
    // Bounds of maps, memory, packet.
    {"{reg} max value is outside of the allowed memory range", "map-out-of-bounds", Culprit::reg,
     "this may access memory behind the end", "an access inside of the memory", "compare the offset with the size first", "", out_of_bounds},
    {"{reg} min value is outside of the allowed memory range", "map-out-of-bounds", Culprit::reg,
     "this may access memory outside of the area", "an access inside of the memory", "compare the offset with the size first", "", out_of_bounds},
    {"{reg} min value is negative, either use unsigned index or do a if (index >=0) check.", "negative-offset", Culprit::reg,
     "{v} may be negative: {state}", "an index of 0 or more", "make the index unsigned, or check that it is not negative as well", "if ({name} < 0 || {name} >= MAX)\n    {leave}", unbounded},
    {"{reg} unbounded memory access, make sure to bounds check any such access", "unbounded-offset", Culprit::reg,
     "{v} has no upper bound: {state}", "an upper bound that the verifier sees", "compare the index with a constant before the access", bound_snippet, unbounded},
    {"{reg} offset is outside of the packet", "packet-out-of-bounds", Culprit::reg,
     "this accesses the packet without a sufficient check", "a comparison with data_end first", "compare with data_end first", "", packet_bounds},
    {"invalid access to packet, *", "packet-out-of-bounds", Culprit::none,
     "this accesses the packet without a sufficient check", "a comparison with data_end that covers it", "compare with data_end first", "if (data + N > data_end)\n    {leave}"},
    {"invalid access to map value, *", "map-out-of-bounds", Culprit::none, "this accesses bytes outside of the map value", "an access inside of the value", "compare the offset with the size first"},
    {"invalid access to memory, *", "memory-out-of-bounds", Culprit::none, "this accesses bytes outside of the memory area", "an access inside of it", "compare the offset with the size first"},
    // Sizes and offsets.
    {"{reg} unbounded memory access, use 'var &= const' or 'if (var < const)'", "unbounded-offset", Culprit::reg,
     "the size that {callee} gets has no upper bound: {v} is {state}", "a size that is at most that of the buffer", "limit the size to that of the buffer before the call; keep it unsigned", size_snippet, size_argument},
    {"{reg} min value is negative, either use unsigned or 'var &= const'", "negative-offset", Culprit::reg,
     "the size that {callee} gets may be negative: {v} is {state}", "a size of 0 or more", "make the size unsigned, or leave when it is below zero, as after a failed call", "if ({name} < 0)\n    {leave}\nif ({name} > sizeof(buf))\n    {name} = sizeof(buf);", size_argument},
    {"{reg} invalid zero-sized read*", "zero-size", Culprit::reg,
     "the size that {callee} gets may be 0: {v} is {state}", "a size of at least 1, and at most that of the buffer", "leave when the size is 0 or too large", "if ({name} == 0 || {name} > sizeof(buf))\n    {leave}", zero_size},
    {"invalid zero-sized read", "zero-size", Culprit::none, "the size that {callee} gets is 0", "a size of at least 1", "pass the size of the buffer"},
    {"math between {name} pointer and register with unbounded min value is not allowed", "unbounded-offset", Culprit::scalar,
     "{v} is added to a pointer, but may be {state}", "a number with known bounds, below 2^29", "check the number on both sides before it is added; unsigned types need only the upper bound", bound_snippet, unbounded},
    {"value {num} makes {name} pointer be out of bounds", "unbounded-offset", Culprit::scalar, "{v} ({1}) is too large to be added to a pointer", "an offset below 2^29"},
    {"math between {name} pointer and {num} is not allowed", "unbounded-offset", Culprit::scalar, "{2} is too large to be added to a pointer", "an offset below 2^29", "", "", math_with_constant},
    {"{name} pointer offset {num} is not allowed", "unbounded-offset", Culprit::pointer, "the offset {2} is too far from where the pointer began", "an offset below 2^29"},
    {"{reg} has unknown scalar with mixed signed bounds*", "unbounded-offset", Culprit::reg, "{v} has bounds that do not fit together: {state}", "both bounds by unsigned comparisons"},
    // NULL.
    {"{reg} invalid mem access '{name}_or_null{name}'", "missing-null-check", Culprit::reg,
     "{v} may be NULL and is used without a check", null_needed, null_advice, null_snippet, null_check},
    {"{reg} invalid mem access '{name}_or_null_'", "missing-null-check", Culprit::reg,
     "{v} may be NULL and is used without a check", null_needed, null_advice, null_snippet, null_check},
    {"{reg} invalid mem access '*_or_null*'", "missing-null-check", Culprit::reg,
     "{v} may be NULL and is used without a check", null_needed, null_advice, null_snippet, null_check},
    {"{reg} pointer arithmetic on *_or_null* prohibited, null-check it first", "missing-null-check", Culprit::reg,
     "{v} may be NULL, and something is added to it without a check", "a comparison with NULL before anything is added", null_advice, null_snippet, null_check},
    {"Possibly NULL pointer passed to helper arg{arg}", "missing-null-check", Culprit::argument,
     "{v} may be NULL and is passed to {callee}", null_needed, null_advice, null_snippet, null_check},
    {"Possibly NULL pointer passed to *arg{arg}", "missing-null-check", Culprit::arg0,
     "{v} may be NULL and is passed to {callee}", null_needed, null_advice, null_snippet, null_check},
    {"dereference of modified *_or_null* ptr {reg} off={num} disallowed", "missing-null-check", Culprit::reg,
     "{v} may be NULL and is used without a check", null_needed, null_advice, null_snippet, null_check},
    // No pointer.
    {"{reg} invalid mem access 'scalar'", "not-a-pointer", Culprit::reg,
     "{v} is a number to the verifier, not a pointer that may be dereferenced", "a pointer that the verifier knows, or a helper that reads any address",
     "memory that the kernel did not hand to the program as a pointer is read with a helper", "bpf_probe_read_kernel(&copy, sizeof(copy), {name});   /* user memory: bpf_probe_read_user */\n/* fields of kernel structs: BPF_CORE_READ({name}, field) */", scalar_access},
    {"{reg} invalid mem access 'inv'", "not-a-pointer", Culprit::reg,
     "{v} is a number to the verifier, not a pointer that may be dereferenced", "a pointer that the verifier knows, or a helper that reads any address",
     "memory that the kernel did not hand to the program as a pointer is read with a helper", "bpf_probe_read_kernel(&copy, sizeof(copy), {name});   /* user memory: bpf_probe_read_user */\n/* fields of kernel structs: BPF_CORE_READ({name}, field) */", scalar_access},
    {"{reg} invalid mem access '{name}'", "not-a-pointer", Culprit::reg,
     "{v} is {state}, which cannot be read or written", "a pointer to memory"},
    {"{reg} is bpf_array invalid negative access: off={num}", "negative-offset", Culprit::reg, "this accesses a map before its beginning", "an offset of 0 or more"},
    // Never written.
    {"{reg} !read_ok", "uninitialised-read", Culprit::reg,
     "{v} is read, but nothing has written it on this path", "a value on every path to here", "give the variable a value where it is declared, or on every path", "__u32 value = 0;", not_written},
    {"invalid read from stack *", "uninitialised-read", Culprit::none,
     "stack memory is read that was never written on this path", "all bytes written before they are read", "initialise the variable where it is declared; structs with padding by memset", "struct key key = {};\n/* or, with padding: */\n__builtin_memset(&key, 0, sizeof(key));", stack_read},
    {"invalid indirect read from stack *", "uninitialised-read", Culprit::none,
     "{callee} reads stack memory that was never written on this path", "all bytes of the argument written", "set all of it to zero first: padding between the fields counts, too", "struct key key;\n__builtin_memset(&key, 0, sizeof(key));   /* padding, too */", stack_read},
    {"invalid size of register fill", "uninitialised-read", Culprit::none, "part of a pointer that was saved on the stack is read", "pointers are read whole"},
    {"corrupted spill memory", "uninitialised-read", Culprit::none, "a saved pointer on the stack was partly overwritten", "pointers are written and read whole"},
    // The stack.
    {"invalid variable-offset {name} {name} stack {reg} *", "stack-out-of-bounds", Culprit::reg,
     "this may leave the stack", "an offset inside of the array", "compare the index with the array's size first", "", stack_bounds},
    {"invalid unbounded variable-offset {name} {name} stack {reg}", "stack-out-of-bounds", Culprit::reg,
     "{v} is not bounded", "an offset inside of the array", "compare the index with the array's size first", "", stack_bounds},
    {"invalid unbounded variable-offset {name} {name} {name} stack {reg}", "stack-out-of-bounds", Culprit::reg,
     "{v} is not bounded", "an offset inside of the array", "compare the index with the array's size first", "", stack_bounds},
    {"invalid indirect access to stack {reg} off={num} size={num}", "stack-out-of-bounds", Culprit::reg, "{callee} is to access {3} bytes at fp{2}, which is not all inside of the function's stack", "a size that fits into the variable", "pass sizeof of the variable"},
    {"invalid variable-offset indirect access to stack {reg}*", "stack-out-of-bounds", Culprit::reg,
     "{callee} may access memory outside of the stack", "an offset inside of the array", "compare the index with the array's size first", "", stack_bounds},
    {"invalid {name} {name} stack {reg} off={num} size={num}", "stack-out-of-bounds", Culprit::reg,
     "this is outside of the function's 512 bytes of stack, or larger than the variable", "an offset from -512 to -1", "make the local variables smaller; large buffers belong into a per-CPU array map",
     "struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1);\n         __type(key, __u32); __type(value, struct big); } scratch SEC(\".maps\");", stack_bounds},
    {"{reg} variable stack access prohibited*", "stack-out-of-bounds", Culprit::reg, "the place on the stack varies", "an address that is known", "", "", stack_bounds},
    {"invalid stack type {reg} off={num} access_size={num}", "stack-out-of-bounds", Culprit::reg, "{callee} is to access {3} bytes at fp{2}, which is not all on the stack", "a size that fits into the variable", "pass sizeof of the variable"},
    {"attempt to corrupt spilled pointer on stack", "stack-out-of-bounds", Culprit::none, "a pointer that was saved on the stack would be partly overwritten", "pointers on the stack are overwritten whole"},
    {"leaking pointer from stack off {num}", "pointer-leak", Culprit::none, "a pointer on the stack would become readable", "memory without pointers"},
    {"misaligned {name} access off *", "misaligned-access", Culprit::none,
     "the address of this access is not a multiple of its size", "an aligned address; on the stack always", "access packed or unaligned fields byte by byte, or copy them", "__builtin_memcpy(&copy, p, sizeof(copy));"},
    // The context.
    {"invalid bpf_context access off={num} size={num}", "context-access", Culprit::none,
     "the context cannot be accessed at offset {1} with {2} bytes by this program type", "a field that this program type may access, in its size", "look up which fields the program type may read and write; read whole fields, and copy the context's pointer nowhere", "", context_field},
    {"dereference of modified ctx ptr {reg} off={num} disallowed", "context-access", Culprit::reg,
     "a pointer to the context is changed before it is used", "accesses with constant offsets from the context's start", "the compiler computed the field's address first; keep it from that with a volatile access", "__u32 len = *(volatile __u32 *)&{ctx}->len;", moved_context},
    {"negative offset ctx ptr {reg} off={num} disallowed", "context-access", Culprit::reg, "the context is accessed before its beginning", "a field of the context"},
    {"variable ctx access var_off=* disallowed", "context-access", Culprit::none,
     "the offset into the context varies", "a constant offset", "context arrays are read with constant indices only: unroll the loop, or use a switch", "#pragma unroll\nfor (int i = 0; i < 4; i++)\n    sum += {ctx}->cb[i];"},
    {"dereference of modified {name} ptr {reg} off={num} disallowed", "pointer-arithmetic", Culprit::reg, "{v} was changed before it is used", "the pointer as it was given"},
    {"negative offset {name} ptr {reg} off={num} disallowed", "pointer-arithmetic", Culprit::reg, "{v} was moved before its beginning", "an offset of 0 or more"},
    {"variable {name} access var_off=* disallowed", "pointer-arithmetic", Culprit::none, "the offset varies where it must be constant", "a constant offset"},
    {"{reg} invalid {name} access off={num} size={num}", "context-access", Culprit::reg, "{v} ({state}) cannot be accessed at offset {3} with {4} bytes", "a field that may be accessed"},
    {"{reg} invalid {name} buffer access: off={num}, size={num}", "memory-out-of-bounds", Culprit::reg, "this accesses byte {3} of a buffer that does not allow it", "an offset inside of the buffer"},
    {"{reg} invalid variable buffer offset: *", "memory-out-of-bounds", Culprit::reg, "the offset into the buffer varies", "a constant offset"},
    {"{reg} {name} write to *", "read-only", Culprit::reg, "this memory is read-only", "memory that may be written"},
    // Read only.
    {"{reg} cannot write into {name}", "read-only", Culprit::reg, "{v} points to something that this program may only read ({2})", "memory that may be written", "copy it, and change the copy"},
    {"write into map forbidden, *", "read-only", Culprit::none, "this map is read-only for programs", "a map without BPF_F_RDONLY_PROG; global variables that are not const", "remove const (or the flag) from what is to be written"},
    {"write into map forbidden", "read-only", Culprit::none, "this map is read-only for programs", "a map without BPF_F_RDONLY_PROG", "remove the flag from the map's definition, or let user space write it"},
    {"read from map forbidden, *", "read-only", Culprit::none, "this map is write-only for programs", "a map without BPF_F_WRONLY_PROG"},
    {"bpf_probe_read_kernel() may write into memory pointed by *", "read-only", Culprit::none, "bpf_probe_read_kernel() would write into a kernel object", "a buffer on the stack or in a map as its first argument", "the first argument is where the bytes go", "bpf_probe_read_kernel(&copy, sizeof(copy), src);"},
    {"cannot write into packet", "read-only", Culprit::none, "this program type may not write the packet directly", "a helper such as bpf_skb_store_bytes", "write through the helper", "bpf_skb_store_bytes(skb, offset, &value, sizeof(value), 0);", packet_write},
    {"the prog does not allow writes to packet data", "read-only", Culprit::none, "this program may not write the packet", "a program type that may write packets"},
    {"helper access to the packet is not allowed", "wrong-argument-type", Culprit::none, "{callee} cannot take a pointer into the packet", "memory on the stack or in a map", "copy the bytes to the stack first", "__builtin_memcpy(&copy, data, sizeof(copy));"},
    {"only read is supported", "kernel-object", Culprit::none, "kernel structures are read-only", "no direct write", "use the helper or kfunc that changes the field"},
    {"only read from {name} is supported", "kernel-object", Culprit::none, "kernel structures are read-only", "no direct write"},
    {"no write support to {name} at off {num}", "kernel-object", Culprit::none, "this field of {1} cannot be written", "a field that the kernel lets programs write"},
    {"cannot access ptr member {name} with moff {num} in struct {name} with off {num} size {num}", "kernel-object", Culprit::none, "the pointer {1} of struct {3} is read in part", "the whole pointer"},
    {"access beyond *", "kernel-object", Culprit::none, "this reads outside of the field or structure", "an access inside of one field", "the program's idea of the structure differs from the kernel's: use CO-RE (preserve_access_index), or vmlinux.h of the kernel"},
    // Pointer arithmetic.
    {"{reg} pointer arithmetic on {name} prohibited*", "pointer-arithmetic", Culprit::reg, "nothing can be added to {v}: it is {state}", "the pointer as it was given", "compare with it only, and calculate with a pointer to the beginning", "if (data + offset + 4 > data_end)   /* not: data_end - 4 */\n    {leave}"},
    {"{reg} pointer arithmetic prohibited", "pointer-arithmetic", Culprit::reg, "this arithmetic on a pointer is not allowed", "a pointer plus a bounded number"},
    {"{reg} pointer arithmetic of map value goes out of range, prohibited for !root", "privileges", Culprit::reg, "{v} may point outside of the map value in between, which a task without privileges must not compute", "CAP_PERFMON, or a check before the addition", "compare the index before it is added to the pointer"},
    {"{reg} pointer arithmetic with {name} operator prohibited", "pointer-arithmetic", Culprit::reg, "{2} cannot be done to a pointer", "addition and subtraction of numbers only", "an address is no number to the verifier: use something that the object holds instead, such as a pid, a port or an index", "__u32 key = bpf_get_current_pid_tgid() >> 32;"},
    {"{reg} bitwise operator {name} on pointer prohibited", "pointer-arithmetic", Culprit::reg, "{2} cannot be done to a pointer", "addition and subtraction of numbers only", "to compare or hash the address, get the value through a helper; to align, compute the offset as a number"},
    {"{reg} 32-bit pointer arithmetic prohibited", "pointer-arithmetic", Culprit::reg, "a pointer goes through 32-bit arithmetic, which would cut it", "64-bit arithmetic", "keep pointers in pointer or 64-bit types; data and data_end of the context are cast before anything is added", "void *p = (void *)(long){ctx}->data + 12;"},
    {"{reg} pointer += pointer prohibited", "pointer-arithmetic", Culprit::reg, "two pointers are added", "a pointer plus a number", "compute the distance first: a packet's length is data_end - data", "__u64 half = (data_end - data) / 2;   /* a number; check it, then add it to data */"},
    {"{reg} pointer -= pointer prohibited", "pointer-arithmetic", Culprit::reg, "two pointers are subtracted that do not both point into the packet", "a pointer minus a number"},
    {"{reg} tried to subtract pointer from scalar", "pointer-arithmetic", Culprit::reg, "a pointer is subtracted from a number", "a pointer minus a number"},
    {"{reg} tried to add from *", "pointer-arithmetic", Culprit::reg, "this arithmetic on a pointer is not allowed", "a pointer plus a bounded number"},
    {"{reg} has pointer with unsupported alu operation*", "pointer-arithmetic", Culprit::reg, "this arithmetic on a pointer is not allowed", "addition and subtraction only"},
    {"{reg} subtraction from stack pointer prohibited", "pointer-arithmetic", Culprit::reg, "something is subtracted from a stack address", "addition of negative constants"},
    {"{reg} stack pointer arithmetic goes out of range*", "stack-out-of-bounds", Culprit::reg, "an address outside of the stack is computed", "an offset from -512 to -1"},
    {"frame pointer is read only", "pointer-arithmetic", Culprit::none, "r10 is written", "a copy of r10 in another register", "", "r2 = r10;\nr2 += -8;"},
    {"{reg} sign-extension part of pointer", "pointer-arithmetic", Culprit::reg, "part of a pointer is sign-extended", "the whole pointer"},
    {"{reg} partial copy of pointer", "pointer-leak", Culprit::reg, "part of a pointer is copied", "the whole pointer"},
    {"same insn cannot be used with different pointers", "pointer-arithmetic", Culprit::none, "this access gets pointers of different kinds on different paths", "one kind of pointer per access", "the compiler merged two accesses: write them in different branches and keep them apart with a barrier", "asm volatile(\"\" ::: \"memory\");"},
    {"{reg} leaks addr *", "pointer-leak", Culprit::reg, "the address in {v} would become visible to user space", "a number, no address", "store what the pointer points to, not the pointer", "__u32 copy = *ptr;   /* and store the copy */"},
    {"{reg} pointer comparison prohibited", "pointer-leak", Culprit::reg, "pointers are compared in a way that reveals an address", "comparison with NULL, or of packet pointers with data_end"},
    {"BPF_{name} stores into {reg} {name} is not allowed", "read-only", Culprit::reg, "this kind of store cannot go to {state}", "a map value or the stack for atomic operations", "read, change and write the field with plain C; count in a map value", "{ctx}->mark = {ctx}->mark + 1;   /* instead of __sync_fetch_and_add(&{ctx}->mark, 1) */", special_store},
    {"{reg} is invalid", "wrong-argument-type", Culprit::reg, "the register does not exist"},
    {"cannot pass *pointer* to *", "wrong-argument-type", Culprit::none, "this pointer cannot be passed here"},
};
// clang-format on

}  // namespace

std::span<const Rule> memory_rules() { return rows; }

}  // namespace skep::verify
