// Programs: each gets its own code and, behind it, every function that it reaches, once. Addresses are fixed
// to the new places; records of .BTF.ext move along.
#include <algorithm>
#include <unordered_map>

#include "skep/object/parsing.h"
#include "skep/uapi/sections.h"

namespace skep::object {
namespace {

// Records of a section that lie in [first, first + count): iterators into a vector sorted by slot.
template <class Record, class SlotOf>
std::span<const Record> within(const std::vector<Record>& records, const FunctionDef& f, SlotOf slot_of) {
  auto before = [&](const Record& record, Slot slot) { return slot_of(record) < slot; };
  auto begin = std::lower_bound(records.begin(), records.end(), f.first, before);
  auto end = std::lower_bound(begin, records.end(), f.first + f.count, before);
  return {begin, end};
}

class Linker {
 public:
  Linker(Parsing& p, ProgramSpec& program, std::uint64_t& budget)
      : p_(p), program_(program), budget_(budget) {}

  Result<void> run(std::uint32_t entry) {
    reach(entry);
    for (std::size_t i = 0; i < order_.size(); i++) TRY(append(order_[i]));  // grows while it runs
    for (const Pending& call : pending_) connect(call);
    return {};
  }

 private:
  struct Pending {
    Slot slot;
    const CodeReloc* target;
  };

  void reach(std::uint32_t function) {
    if (placed_.emplace(function, 0).second) order_.push_back(function);
  }

  Result<void> append(std::uint32_t index) {
    const FunctionDef& f = p_.functions[index];
    const CodeSection& code = p_.code[f.section];
    auto by_record = [](const auto& record) { return record.slot(); };
    auto funcs = within(code.func_info, f, by_record);
    auto lines = within(code.line_info, f, by_record);
    auto cores = within(code.core_relos, f, by_record);
    auto relocs = within(code.relocs, f, [](const CodeReloc& r) { return r.reloc.slot; });

    auto first = static_cast<Slot>(program_.insns.size());
    if (f.count > max_program_insns - first)
      return fail(E2BIG, "program '{}': with function '{}' it has more than {} instructions", program_.name,
                  f.name, max_program_insns);
    std::uint64_t cost = f.count + funcs.size() + lines.size() + cores.size() + relocs.size();
    if (cost > budget_)
      return fail(E2BIG,
                  "program '{}': the object's linked programs have more than {} instructions and records",
                  program_.name, max_linked_insns);
    budget_ -= cost;

    placed_[index] = first;
    program_.functions.push_back({.name = std::string(f.name), .first = first, .count = f.count});
    program_.insns.insert(program_.insns.end(), code.insns.begin() + f.first,
                          code.insns.begin() + f.first + f.count);
    auto moved = [&](Slot slot) { return slot - f.first + first; };
    for (const btf::FuncInfo& info : funcs)
      program_.func_info.push_back({.slot = moved(info.slot()), .type_id = info.type_id});
    for (const btf::LineInfo& info : lines) {
      if (!program_.line_info.empty() && program_.line_info.back().slot == moved(info.slot())) continue;
      program_.line_info.push_back({.slot = moved(info.slot()),
                                    .file_name_off = info.file_name_off,
                                    .line_off = info.line_off,
                                    .line = info.line(),
                                    .column = info.column()});
    }
    for (const btf::CoreRelocation& core : cores)
      program_.core_relos.push_back({.slot = moved(core.slot()),
                                     .type_id = core.type_id,
                                     .access = std::string(p_.btf->string(core.access_str_off)),
                                     .kind = core.kind});
    for (const CodeReloc& r : relocs) {
      Slot slot = moved(r.reloc.slot);
      if (r.kind != TargetKind::reloc) {
        reach(r.function);
        pending_.push_back({slot, &r});
        continue;
      }
      // lddw takes two slots, and its second may belong to the next function of a hostile object.
      if (r.reloc.kind != RelocKind::extern_call && slot + 1 >= program_.insns.size())
        return fail(EINVAL, "section '{}' offset {:#x}: lddw is cut by the end of function '{}'",
                    p_.file.section(f.section).name, std::uint64_t{r.reloc.slot} * 8, f.name);
      program_.relocs.push_back(r.reloc);
      program_.relocs.back().slot = slot;
      mark(program_.insns, program_.relocs.back());
    }
    return {};
  }

  // Makes the instruction say what it is until the loader fills it in.
  static void mark(std::vector<Insn>& insns, const Reloc& reloc) {
    Insn& insn = insns[reloc.slot];
    insn.imm = 0;
    switch (reloc.kind) {
      case RelocKind::map:
        insn.set_src(isa::pseudo::map_fd);
        insns[reloc.slot + 1].imm = 0;
        return;
      case RelocKind::map_value:
        insn.set_src(isa::pseudo::map_value);
        insns[reloc.slot + 1].imm = static_cast<std::int32_t>(reloc.offset);
        return;
      case RelocKind::extern_addr:
        insn.set_src(0);
        insns[reloc.slot + 1].imm = 0;
        return;
      case RelocKind::extern_call:
        insn.set_src(isa::pseudo::kfunc_call);
        insn.off = 0;
        return;
    }
  }

  void connect(const Pending& call) {
    Insn& insn = program_.insns[call.slot];
    insn.imm =
        static_cast<std::int32_t>(placed_[call.target->function]) - static_cast<std::int32_t>(call.slot) - 1;
    if (call.target->kind == TargetKind::function_addr) {
      insn.set_src(isa::pseudo::func);
      if (call.slot + 1 < program_.insns.size()) program_.insns[call.slot + 1].imm = 0;
    } else {
      insn.set_src(isa::pseudo::call);
    }
  }

  Parsing& p_;
  ProgramSpec& program_;
  std::uint64_t& budget_;
  std::vector<std::uint32_t> order_;                // functions, as they are placed
  std::unordered_map<std::uint32_t, Slot> placed_;  // function -> its first slot
  std::vector<Pending> pending_;
};

void read_section_name(Parsing& p, ProgramSpec& program) {
  uapi::SectionMatch match = uapi::find_section(program.section);
  program.autoload = !program.section.starts_with('?');
  if (!match) {
    p.warn(fmt::format("program '{}': section '{}' is not a known SEC() name; it has no program type",
                       program.name, program.section));
    return;
  }
  program.type = match.row->type;
  if (match.row->attach_type) program.attach_type = *match.row->attach_type;
  program.attach_type_optional = (match.row->flags & uapi::sec_attach_type_optional) != 0;
  program.attach_to = match.extras;
  program.sleepable = (match.row->flags & uapi::sec_sleepable) != 0;
  program.frags = (match.row->flags & uapi::sec_frags) != 0;
}

// Functions of .text are subprograms. Elsewhere a function is a program, unless it is static and called.
Result<bool> is_program(Parsing& p, const FunctionDef& f) {
  std::string_view section = p.file.section(f.section).name;
  if (section == ".text" || section.starts_with(".text.")) return false;
  if (f.global) return true;
  if (p.options.strict)
    return fail(ENOTSUP, "section '{}': program '{}' is static and not supported", section, f.name);
  if (f.called) return false;
  p.warn(fmt::format("section '{}': program '{}' is static (libbpf refuses it)", section, f.name));
  return true;
}

}  // namespace

Result<void> link_programs(Parsing& p) {
  std::uint64_t budget = max_linked_insns;
  for (std::uint32_t i = 0; i < p.functions.size(); i++) {
    FunctionDef& f = p.functions[i];
    bool program = TRY(is_program(p, f));
    if (!program) continue;
    ProgramSpec spec;
    spec.name = f.name;
    spec.section = p.file.section(f.section).name;
    spec.license = p.spec.license;
    read_section_name(p, spec);
    TRY(Linker(p, spec, budget).run(i));
    f.program = static_cast<std::uint32_t>(p.spec.programs.size());
    p.spec.programs.push_back(std::move(spec));
  }
  return {};
}

}  // namespace skep::object
