// Basic blocks: a block begins at an entry, at a jump's target and after a jump.
#include "skep/isa/cfg.h"

#include <algorithm>

#include "skep/base/check.h"
#include "skep/isa/decode.h"

namespace skep::isa {
namespace {

struct At {
  Slot slot;
  Decoded insn;
  Slot next() const { return slot + insn.slots; }
  Slot target() const { return static_cast<Slot>(next() + insn.distance()); }
};

bool ends_block(const Op& op) {
  return jumps(op) || op.action == Class::exit || op.action == Class::jump_indirect;
}

// Where a function begins whose call or address this is; no_slot if it is neither.
constexpr std::int64_t no_slot = -1;
std::int64_t function_named(const At& at) {
  Operation operation = at.insn.row().operation;
  if (operation == Operation::call_local) return std::int64_t{at.next()} + at.insn.imm;
  if (operation == Operation::function) return std::int64_t{at.slot} + 1 + at.insn.imm_low();
  return no_slot;
}

// Every gotox may go to every table target; more edges than this are refused.
constexpr std::size_t most_edges = std::size_t{1} << 24;

void sort_unique(std::vector<Slot>& slots) {
  std::sort(slots.begin(), slots.end());
  slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
}

std::string escape(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\t' ? ' ' : c;
  }
  return out;
}

}  // namespace

std::uint32_t Cfg::block_at(Slot slot) const {
  auto after = std::upper_bound(blocks.begin(), blocks.end(), slot,
                                [](Slot at, const Block& block) { return at < block.first; });
  check(after != blocks.begin() && slot < (after - 1)->end, "the slot is in the program");
  return static_cast<std::uint32_t>(after - blocks.begin() - 1);
}

Result<Cfg> build_cfg(std::span<const Insn> insns, std::span<const Slot> table_targets) {
  TRY(validate(insns));
  std::vector<At> all;
  std::vector<bool> starts(insns.size());
  for (Slot slot = 0; slot < insns.size(); slot = all.back().next()) {
    Decoded decoded = TRY(decode(insns, slot));
    all.push_back({slot, decoded});
    starts[slot] = true;
  }
  for (Slot target : table_targets)
    if (target >= insns.size() || !starts[target])
      return fail(EINVAL, "jump table: slot {} is not the start of an instruction ({} slots)", target,
                  insns.size());

  Cfg cfg;
  cfg.entries.push_back(0);
  std::vector<Slot> leaders(table_targets.begin(), table_targets.end());
  for (const At& at : all) {
    if (std::int64_t entry = function_named(at); entry != no_slot)
      cfg.entries.push_back(static_cast<Slot>(entry));
    if (jumps(at.insn.row())) leaders.push_back(at.target());
    if (ends_block(at.insn.row()) && at.next() < insns.size()) leaders.push_back(at.next());
  }
  sort_unique(cfg.entries);
  leaders.insert(leaders.end(), cfg.entries.begin(), cfg.entries.end());
  sort_unique(leaders);

  std::size_t leader = 0;
  std::uint32_t function = 0;
  for (const At& at : all) {
    if (leader < leaders.size() && leaders[leader] == at.slot) {
      ++leader;
      if (function + 1 < cfg.entries.size() && cfg.entries[function + 1] == at.slot) ++function;
      cfg.blocks.push_back({.first = at.slot, .function = function});
    }
    cfg.blocks.back().end = at.next();
    cfg.blocks.back().last = at.slot;
  }

  std::size_t index = 0;
  for (std::uint32_t from = 0; from < cfg.blocks.size(); ++from) {
    while (all[index].slot != cfg.blocks[from].last) ++index;
    const At& last = all[index];
    Class action = last.insn.row().action;
    if (cfg.edges.size() + table_targets.size() > most_edges)
      return fail(E2BIG, "the control-flow graph has more than {} edges", most_edges);
    auto edge = [&](Slot to, EdgeKind kind) { cfg.edges.push_back({from, cfg.block_at(to), kind}); };
    bool goes_on = action != Class::exit && action != Class::jump && action != Class::jump_indirect;
    if (goes_on && last.next() < insns.size()) edge(last.next(), EdgeKind::next);
    if (jumps(last.insn.row())) {
      edge(last.target(), EdgeKind::taken);
      if (last.target() <= last.slot) cfg.back_to.push_back(cfg.edges.back().to);
    }
    if (action == Class::jump_indirect)
      for (Slot target : table_targets) edge(target, EdgeKind::indirect);
  }
  sort_unique(cfg.back_to);
  return cfg;
}

std::string print_dot(const Cfg& cfg, std::span<const Insn> insns, std::string_view title,
                      std::span<const FunctionName> names, const PrintOptions& options,
                      std::span<const SlotText> texts) {
  std::string out =
      fmt::format("digraph \"{}\" {{\n  node [shape=box, fontname=monospace];\n", escape(title));
  std::size_t block = 0;
  for (std::uint32_t function = 0; function < cfg.entries.size(); ++function) {
    auto known = std::find_if(names.begin(), names.end(),
                              [&](const FunctionName& of) { return of.entry == cfg.entries[function]; });
    std::string name = known == names.end() ? "" : known->name;
    if (name.empty()) name = fmt::format("function at {}", cfg.entries[function]);
    out += fmt::format("  subgraph cluster_{} {{\n    label=\"{}\";\n", function, escape(name));
    for (; block < cfg.blocks.size() && cfg.blocks[block].function == function; ++block) {
      out += fmt::format("    b{} [label=\"", block);
      for (Slot slot = cfg.blocks[block].first; slot < cfg.blocks[block].end;) {
        auto decoded = decode(insns, slot);
        check(decoded.has_value(), "the graph belongs to these instructions");
        while (!texts.empty() && texts.front().slot < slot) texts = texts.subspan(1);
        bool known = !texts.empty() && texts.front().slot == slot;
        out += fmt::format("{}: {}\\l", slot, escape(known ? texts.front().text : print(*decoded, options)));
        slot += decoded->slots;
      }
      out += "\"];\n";
    }
    out += "  }\n";
  }
  for (const BlockEdge& edge : cfg.edges) {
    std::string_view style;
    switch (edge.kind) {
      case EdgeKind::next: break;
      case EdgeKind::taken: style = " [label=taken]"; break;
      case EdgeKind::indirect: style = " [style=dashed]"; break;
    }
    out += fmt::format("  b{} -> b{}{};\n", edge.from, edge.to, style);
  }
  return out + "}\n";
}

}  // namespace skep::isa
