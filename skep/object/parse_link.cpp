// Programs: each gets its own code and, behind it, every function that it reaches, once. Addresses are fixed
// to the new places; records of .BTF.ext move along.
#include <algorithm>
#include <map>
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

  // `behind`: a function that comes last although nothing calls it; none: there is none.
  Result<void> run(std::uint32_t entry, std::uint32_t behind) {
    TRY(place_all(entry));
    if (behind != none) TRY(place_all(behind));
    for (const Pending& call : pending_) connect(call);
    return {};
  }

 private:
  struct Pending {
    Slot slot;
    const CodeReloc* target;
  };
  // A function whose callees are being placed.
  struct Walk {
    std::span<const CodeReloc> relocs;
    std::size_t next = 0;
  };

  // The function and all that it reaches, each behind the first that names it: the order of libbpf, in which
  // the kernel numbers functions.
  Result<void> place_all(std::uint32_t function) {
    std::vector<Walk> walks;
    auto place = [&](std::uint32_t index) -> Result<void> {
      if (placed_.contains(index)) return {};
      TRY(append(index));
      walks.push_back({relocs_of(index)});
      return {};
    };
    TRY(place(function));
    while (!walks.empty()) {
      Walk& walk = walks.back();
      if (walk.next == walk.relocs.size()) {
        walks.pop_back();
        continue;
      }
      const CodeReloc& reloc = walk.relocs[walk.next++];
      if (reloc.kind != TargetKind::reloc) TRY(place(reloc.function));
    }
    return {};
  }

  std::span<const CodeReloc> relocs_of(std::uint32_t index) const {
    const FunctionDef& f = p_.functions[index];
    return within(p_.code[f.section].relocs, f, [](const CodeReloc& r) { return r.reloc.slot; });
  }

  Result<void> append(std::uint32_t index) {
    const FunctionDef& f = p_.functions[index];
    const CodeSection& code = p_.code[f.section];
    auto by_record = [](const auto& record) { return record.slot(); };
    auto funcs = within(code.func_info, f, by_record);
    auto lines = within(code.line_info, f, by_record);
    auto cores = within(code.core_relos, f, by_record);
    auto relocs = relocs_of(index);

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
  std::unordered_map<std::uint32_t, Slot> placed_;  // function -> its first slot
  std::vector<Pending> pending_;
};

// The functions that handle the exceptions of programs, by program: a tag on the program names them,
// "exception_callback:NAME". Two tags on one are for the verifier to refuse: none.
std::map<std::string_view, std::uint32_t> exception_callbacks(const Parsing& p) {
  constexpr std::string_view prefix = "exception_callback:";
  std::map<std::string_view, std::uint32_t> out;
  if (!p.btf) return out;
  for (btf::TypeId id = p.btf->first_id(); id < p.btf->type_count(); id++) {
    btf::Type tag = p.btf->type(id);
    if (tag.kind != btf::Kind::decl_tag || !tag.name().starts_with(prefix)) continue;
    btf::Type of = p.btf->type(tag.type());
    if (of.kind != btf::Kind::func) continue;
    auto [entry, is_first] = out.emplace(of.name(), none);
    if (is_first) {
      std::string_view name = tag.name().substr(prefix.size());
      for (std::uint32_t i = 0; i < p.functions.size(); i++)
        if (p.functions[i].name == name && p.functions[i].global && !p.functions[i].hidden) entry->second = i;
    } else {
      entry->second = none;
    }
  }
  return out;
}

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
  std::map<std::string_view, std::uint32_t> callbacks = exception_callbacks(p);
  for (std::uint32_t i = 0; i < p.functions.size(); i++) {
    FunctionDef& f = p.functions[i];
    bool program = TRY(is_program(p, f));
    if (!program) continue;
    ProgramSpec spec;
    spec.name = f.name;
    spec.section = p.file.section(f.section).name;
    spec.license = p.spec.license;
    read_section_name(p, spec);
    auto callback = callbacks.find(f.name);
    TRY(Linker(p, spec, budget).run(i, callback == callbacks.end() ? none : callback->second));
    f.program = static_cast<std::uint32_t>(p.spec.programs.size());
    p.spec.programs.push_back(std::move(spec));
  }
  return {};
}

}  // namespace skep::object
