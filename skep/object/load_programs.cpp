// Loading one program: CO-RE, relocations, records for the verifier, BPF_PROG_LOAD and what its log says.
#include <algorithm>

#include "skep/object/core.h"
#include "skep/object/loader.h"
#include "skep/uapi/flags.h"
#include "skep/uapi/sections.h"

namespace skep::object {
namespace {

// Records of .BTF.ext as the kernel takes them (struct bpf_func_info, struct bpf_line_info): 32-bit words.
constexpr std::uint32_t func_info_size = 8, line_info_size = 16;

Buffer func_records(const ProgramSpec& program) {
  base::Writer out;
  for (const FuncInfo& info : program.func_info) {
    out.u32(info.slot);
    out.u32(info.type_id);
  }
  return out.take();
}

Buffer line_records(const ProgramSpec& program) {
  base::Writer out;
  for (const LineInfo& info : program.line_info) {
    out.u32(info.slot);
    out.u32(info.file_name_off);
    out.u32(info.line_off);
    out.u32(info.line << 10 | (info.column & 0x3ff));
  }
  return out.take();
}

// The kernel wants records for every function of a program or for none.
template <class Record>
bool covers_functions(const ProgramSpec& program, const std::vector<Record>& records) {
  std::vector<Slot> slots;
  slots.reserve(records.size());
  for (const Record& record : records) slots.push_back(record.slot);
  return !slots.empty() && std::is_sorted(slots.begin(), slots.end()) &&
         std::all_of(program.functions.begin(), program.functions.end(), [&](const Function& f) {
           return std::binary_search(slots.begin(), slots.end(), f.first);
         });
}

// The line of a verifier's log that says what is wrong: the last that is no figure about the verifier.
std::string_view telling_line(std::string_view log) {
  constexpr std::string_view figures[] = {"processed ", "verification time", "stack depth", "peak_states",
                                          "max_states"};
  while (!log.empty()) {
    while (log.ends_with('\n') || log.ends_with('\0')) log.remove_suffix(1);
    std::size_t start = log.rfind('\n');
    std::string_view line = log.substr(start == log.npos ? 0 : start + 1);
    if (!line.empty() && std::none_of(std::begin(figures), std::end(figures),
                                      [&](std::string_view f) { return line.starts_with(f); }))
      return line;
    log = log.substr(0, start == log.npos ? 0 : start);
  }
  return {};
}

// The BTF type that an attach type hooks: the prefix of its name and its kind.
struct HookName {
  uapi::AttachType type;
  std::string_view prefix;
  btf::Kind kind;
};
constexpr HookName hook_names[] = {
    {uapi::AttachType::trace_raw_tp, "btf_trace_", btf::Kind::typedef_},
    {uapi::AttachType::trace_fentry, "", btf::Kind::func},
    {uapi::AttachType::trace_fexit, "", btf::Kind::func},
    {uapi::AttachType::modify_return, "", btf::Kind::func},
    {uapi::AttachType::trace_fsession, "", btf::Kind::func},
    {uapi::AttachType::lsm_mac, "bpf_lsm_", btf::Kind::func},
    {uapi::AttachType::lsm_cgroup, "bpf_lsm_", btf::Kind::func},
    {uapi::AttachType::trace_iter, "bpf_iter_", btf::Kind::func},
};

// Before 5.5 one helper read from both address spaces. libbpf puts it there for the newer two as well,
// without which no program that reads kernel memory by CO-RE would load.
struct OldHelper {
  std::int32_t id, before_5_5;
};
constexpr OldHelper old_helpers[] = {
    {112, 4},   // probe_read_user -> probe_read
    {113, 4},   // probe_read_kernel
    {114, 45},  // probe_read_user_str -> probe_read_str
    {115, 45},  // probe_read_kernel_str
};
void use_old_helpers(std::vector<Insn>& insns) {
  constexpr std::uint8_t call = 0x85, lddw = 0x18;
  for (std::size_t i = 0; i < insns.size(); i += insns[i].opcode == lddw ? 2 : 1)
    for (const OldHelper& old : old_helpers)
      if (insns[i].opcode == call && insns[i].src() == 0 && insns[i].imm == old.id) {
        insns[i].imm = old.before_5_5;
        break;
      }
}

}  // namespace

// The id of what a tracing or LSM program hooks; 0 for program types that name nothing.
Result<std::uint32_t> Loader::attach_target(const ProgramSpec& program) {
  if (program.type == uapi::ProgType::ext)
    return fail(ENOTSUP,
                "program '{}': freplace needs a loaded program to replace, which load() is not given",
                program.name);
  if (program.type != uapi::ProgType::tracing && program.type != uapi::ProgType::lsm) return 0u;
  auto hook = std::find_if(std::begin(hook_names), std::end(hook_names),
                           [&](const HookName& h) { return h.type == program.attach_type; });
  if (hook == std::end(hook_names)) return 0u;
  if (program.attach_to.empty())
    return fail(EINVAL, "program '{}': section '{}' does not say what it attaches to", program.name,
                program.section);
  if (std::size_t colon = program.attach_to.find(':'); colon != program.attach_to.npos)
    return fail(ENOTSUP, "program '{}': '{}' is in module '{}', and modules' types are not searched yet",
                program.name, program.attach_to.substr(colon + 1), program.attach_to.substr(0, colon));
  Result<const btf::Btf*> target = target_btf();
  if (!target) return Failure(std::move(target).error().in(fmt::format("program '{}'", program.name)));
  std::string name = fmt::format("{}{}", hook->prefix, program.attach_to);
  std::optional<btf::TypeId> id = (*target)->find(name, hook->kind);
  if (!id)
    return fail(ENOENT, "program '{}': the kernel's BTF has no {} '{}' to attach to", program.name,
                btf::kind_name(hook->kind), name);
  return *id;
}

Result<void> Loader::relocate(ProgramSpec& program) {
  for (const Reloc& reloc : program.relocs) {
    bool wide = reloc.kind != RelocKind::extern_call;
    if (reloc.slot >= program.insns.size() || (wide && reloc.slot + 1 >= program.insns.size()))
      return fail(EINVAL, "program '{}': relocation '{}' at slot {}, the program has {}", program.name,
                  reloc.symbol, reloc.slot, program.insns.size());
    Insn& insn = program.insns[reloc.slot];
    bool is_map = reloc.kind == RelocKind::map || reloc.kind == RelocKind::map_value;
    if (reloc.index >= (is_map ? object_.maps_.size() : externs_.size()))
      return fail(EINVAL, "program '{}': relocation '{}' at slot {} names number {} of a shorter list",
                  program.name, reloc.symbol, reloc.slot, reloc.index);
    switch (reloc.kind) {
      case RelocKind::map:
      case RelocKind::map_value: {
        const Map& map = object_.maps_[reloc.index];
        if (map.fd() < 0)
          return fail(ENOENT, "program '{}': slot {} uses map '{}', which is not created", program.name,
                      reloc.slot, map.name());
        bool value = reloc.kind == RelocKind::map_value;
        insn.set_src(value ? isa::pseudo::map_value : isa::pseudo::map_fd);
        insn.imm = map.fd();
        program.insns[reloc.slot + 1].imm = value ? static_cast<std::int32_t>(reloc.offset) : 0;
        break;
      }
      case RelocKind::extern_addr: {
        const Resolved& found = externs_[reloc.index];
        insn.set_src(found.btf_id != 0 ? isa::pseudo::btf_id : 0);
        insn.imm = static_cast<std::int32_t>(found.btf_id != 0 ? found.btf_id : found.address);
        program.insns[reloc.slot + 1].imm =
            found.btf_id != 0 ? 0 : static_cast<std::int32_t>(found.address >> 32);
        break;
      }
      case RelocKind::extern_call: {
        const Resolved& found = externs_[reloc.index];
        if (found.found) {
          insn.set_src(isa::pseudo::kfunc_call);
          insn.off = 0;
          insn.imm = static_cast<std::int32_t>(found.btf_id);
        } else {
          // A weak kfunc that is absent may stand behind a check: the verifier refuses it only if reached.
          insn.set_src(0);
          insn.imm = kfunc_poison + static_cast<std::int32_t>(reloc.index & 0xffff);
          note(fmt::format("program '{}': slot {} calls '{}', which this side does not have", program.name,
                           reloc.slot, spec_.externs[reloc.index].name));
        }
        break;
      }
    }
  }
  return {};
}

Result<void> Loader::load_program(Program& program) {
  ProgramSpec& spec = program.spec_;
  if (!spec.core_relos.empty()) {
    if (!spec_.btf) return fail(EINVAL, "program '{}': CO-RE records without the object's BTF", spec.name);
    std::vector<const btf::Btf*> targets;
    if (needs_target(spec) && options_.core_btf) {
      targets.push_back(options_.core_btf);
    } else if (needs_target(spec)) {
      Result<const btf::Btf*> target = target_btf();
      if (!target)
        return Failure(std::move(target).error().in(fmt::format("program '{}': CO-RE", spec.name)));
      targets.push_back(*target);
    }
    std::vector<std::string> notes;
    TRY(apply_core(spec, *spec_.btf, targets, notes));
    for (std::string& text : notes) note(std::move(text));
  }
  TRY(relocate(spec));
  if (sys_.kernel_version() < uapi::KernelVersion{5, 5, 0}) use_old_helpers(spec.insns);

  uapi::ProgLoad load;
  load.type = spec.type;
  load.expected_attach_type = spec.attach_type;
  load.name = spec.name;
  load.license = spec.license;
  load.kern_version = spec_.version != 0 ? spec_.version : sys_.kernel_version().code();
  load.flags = spec.flags;
  load.log_level = options_.log_level;
  load.log_size = options_.log_size;
  load.insns =
      Bytes(reinterpret_cast<const std::uint8_t*>(spec.insns.data()), spec.insns.size() * sizeof(Insn));
  if (spec.sleepable) load.flags |= uapi::load_sleepable;
  if (spec.frags) load.flags |= uapi::load_xdp_has_frags;
  load.attach_btf_id = TRY(attach_target(spec));
  if (spec.type == uapi::ProgType::struct_ops) {
    const StructOpsHook& hook = hooks_[static_cast<std::size_t>(&program - object_.programs_.data())];
    load.attach_btf_id = hook.struct_id;
    load.expected_attach_type = static_cast<uapi::AttachType>(hook.member);
  }

  Buffer funcs, lines;
  if (object_.btf_fd() >= 0 && covers_functions(spec, spec.func_info)) {
    load.btf_fd = object_.btf_fd();
    funcs = func_records(spec);
    load.func_info = funcs;
    load.func_info_rec_size = func_info_size;
    if (covers_functions(spec, spec.line_info)) {
      lines = line_records(spec);
      load.line_info = lines;
      load.line_info_rec_size = line_info_size;
    }
  } else if (object_.btf_fd() >= 0) {
    load.btf_fd = object_.btf_fd();
  }

  std::string log;
  Result<uapi::ProgLoadResult> loaded = uapi::prog_load(sys_, load, &log);
  if (!loaded && spec.attach_type_optional && loaded.error().code == EINVAL && log.empty()) {
    load.expected_attach_type = {};  // kernels before expected_attach_type refuse what they do not know
    Result<uapi::ProgLoadResult> again = uapi::prog_load(sys_, load, &log);
    if (again) loaded = std::move(again);
  }
  if (loaded) {
    program.handle_ = std::move(loaded->prog);
    program.log_ = std::move(loaded->log);
    return {};
  }
  if (options_.report) {
    options_.report->program = spec.name;
    options_.report->log = log;
  }
  int code = loaded.error().code;
  std::string why;
  if (options_.explain) why = options_.explain(options_.explain_context, spec, log, code);
  if (why.empty()) why = telling_line(log);
  if (why.empty()) return Failure(std::move(loaded).error().in(fmt::format("program '{}'", spec.name)));
  return fail(code, "program '{}': {}: {}", spec.name, base::errno_text(code), why);
}

}  // namespace skep::object
