// Sections and functions as control-flow graphs.
#include <algorithm>

#include "skep/isa/cfg.h"
#include "skep/object/disassembling.h"

namespace skep::object {
namespace {

// The instructions of [first, end) bytes of a section, which other parts of the object complete: what a
// relocation names is shown by name, and calls that leave are calls of somebody else's function.
class Graph {
 public:
  Graph(const CodeView& view, const CodeSection& code, std::uint64_t first, std::uint64_t end)
      : view_(view), code_(code), first_(first), end_(end) {}

  Result<std::string> draw(std::string_view title, const isa::PrintOptions& options) {
    Bytes bytes = code_.section->bytes.subspan(first_, end_ - first_);
    insns_ = TRY(isa::parse_insns(bytes, view_.file->order()));
    for (const Label& label : code_.labels)
      if (label.offset >= first_ && label.offset < end_ && label.offset % sizeof(isa::Insn) == 0)
        names_.push_back({slot(label.offset), std::string(label.name)});
    for (isa::Slot at = 0; at < insns_.size();) {
      isa::Decoded insn = TRY(isa::decode(insns_, at));
      complete(insn, at);
      at += insn.slots;
    }
    isa::Cfg cfg = TRY(isa::build_cfg(insns_));
    return isa::print_dot(cfg, insns_, title, names_, options, texts_);
  }

 private:
  isa::Slot slot(std::uint64_t offset) const {
    return static_cast<isa::Slot>((offset - first_) / sizeof(isa::Insn));
  }

  void complete(const isa::Decoded& insn, isa::Slot at) {
    std::uint64_t offset = first_ + at * sizeof(isa::Insn);
    auto relocation =
        std::lower_bound(code_.relocations.begin(), code_.relocations.end(), offset,
                         [](const elf::Relocation& r, std::uint64_t place) { return r.offset < place; });
    bool relocated = relocation != code_.relocations.end() && relocation->offset == offset;
    bool is_call = insn.row().operation == isa::Operation::call_local;
    if (!relocated && !is_call) return;
    std::string text;
    if (is_call) {
      std::uint64_t target = offset + (1 + static_cast<std::uint64_t>(insn.imm)) * sizeof(isa::Insn);
      bool leaves = relocated || target < first_ || target >= end_;
      if (leaves) {
        insns_[at].set_src(0);  // a helper's call: it comes back
        insns_[at].imm = 1;
      }
      text = "call ";
      if (relocated)
        named(text, *relocation, (insn.imm + 1) * std::int64_t{sizeof(isa::Insn)});
      else
        print_place(text, code_, target);
    } else if (insn.row().action == isa::Class::load_imm64) {
      insns_[at].set_src(0);
      text = fmt::format("r{} = ", insn.dst);
      named(text, *relocation, insn.imm);
      text += " ll";
    } else {
      return;
    }
    texts_.push_back({at, std::move(text)});
  }

  // The symbol and what is beyond; the label there for sections that hold code.
  void named(std::string& out, const elf::Relocation& relocation, std::int64_t addend) const {
    const elf::Symbol& symbol = view_.file->symbol(relocation.symbol);
    if (symbol.type == elf::stt::section && symbol.place == elf::Place::section)
      for (const CodeSection& code : view_.sections)
        if (code.section->index == symbol.section)
          return print_place(out, code, static_cast<std::uint64_t>(addend));
    out += target_name(*view_.file, relocation);
    if (addend != 0) fmt::format_to(std::back_inserter(out), " + {:#x}", addend);
  }

  const CodeView& view_;
  const CodeSection& code_;
  std::uint64_t first_, end_;
  std::vector<isa::Insn> insns_;
  std::vector<isa::FunctionName> names_;
  std::vector<isa::SlotText> texts_;
};

// Where a function ends: as its symbol says, or where the next one begins.
std::uint64_t function_end(const Region& region) {
  std::uint64_t size = region.label->size;
  return size != 0 && size <= region.end - region.first ? region.first + size : region.end;
}

}  // namespace

Result<std::string> draw_cfg(const elf::File& file, const DisassembleOptions& options) {
  CodeView view = TRY(view_code(file, options));
  isa::PrintOptions print{.dialect = options.dialect, .exact = true};
  std::string out;
  for (const CodeSection& code : view.sections) {
    std::vector<Region> parts = regions(code, options);
    Label whole{.name = code.section->name};
    if (options.functions.empty()) parts = {{&whole, 0, code.section->bytes.size()}};
    for (const Region& part : parts) {
      auto dot = Graph(view, code, part.first, function_end(part)).draw(part.label->name, print);
      if (!dot)
        return Failure(std::move(dot).error().in(
            fmt::format("{} '{}'", options.functions.empty() ? "section" : "function", part.label->name)));
      out += *dot;
    }
  }
  return out;
}

}  // namespace skep::object
