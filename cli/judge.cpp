// Judging one program through the loader and the verifier's Sys.
#include "cli/judge.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "skep/base/file.h"
#include "skep/isa/decode.h"
#include "skep/isa/print.h"
#include "skep/kernel/kernel.h"
#include "skep/object/load.h"
#include "skep/uapi/helpers.h"
#include "skep/uapi/prog_types.h"

namespace skep::cli {

namespace {

// The kernels that recorded verdicts exist of.
constexpr uapi::KernelVersion judged_kernels[] = {{6, 1, 0}, {6, 12, 0}, {6, 18, 0}};
// The last minor number of each major that the rules reach.
constexpr uapi::KernelVersion last_minors[] = {{5, 19, 0}, {6, 18, 0}};

// Leaves uncreated what only other programs use.
void keep_maps_of(object::ObjectSpec& spec, const object::ProgramSpec& program) {
  auto used_by = [&](const object::ProgramSpec& user, std::vector<bool>& used) {
    std::vector<std::uint32_t> open;
    for (const object::Reloc& reloc : user.relocs)
      if (reloc.kind == object::RelocKind::map || reloc.kind == object::RelocKind::map_value)
        open.push_back(reloc.index);
    while (!open.empty()) {
      std::uint32_t index = open.back();
      open.pop_back();
      if (index >= used.size() || used[index]) continue;
      used[index] = true;
      for (const object::InitialSlot& slot : spec.maps[index].initial)
        if (!slot.is_program) open.push_back(slot.index);
    }
  };
  std::vector<bool> by_any(spec.maps.size()), by_this(spec.maps.size());
  for (const object::ProgramSpec& other : spec.programs) used_by(other, by_any);
  used_by(program, by_this);
  for (std::size_t i = 0; i < spec.maps.size(); i++)
    if (by_any[i] && !by_this[i]) spec.maps[i].autocreate = false;
}

}  // namespace

Result<Kernel> read_kernel(std::string_view text) {
  uapi::KernelVersion version;
  const char* end = text.data() + text.size();
  auto [dot, bad_major] = std::from_chars(text.data(), end, version.major);
  bool whole = bad_major == std::errc() && dot != end && *dot == '.';
  if (whole) {
    auto [last, bad_minor] = std::from_chars(dot + 1, end, version.minor);
    whole = bad_minor == std::errc() && last == end;
  }
  bool known = whole && std::any_of(std::begin(last_minors), std::end(last_minors), [&](auto& last) {
                 return version.major == last.major && version.minor <= last.minor;
               });
  if (!known)
    return fail(EINVAL, "--kernel is '{}', must be a version from 5.0 to {}", text, newest_kernel().name);
  bool judged =
      std::find(std::begin(judged_kernels), std::end(judged_kernels), version) != std::end(judged_kernels);
  return Kernel{fmt::format("{}.{}", version.major, version.minor), version, judged};
}

Kernel newest_kernel() { return {"6.18", {6, 18, 0}, true}; }

std::string_view decision_name(Decision decision) {
  constexpr std::string_view names[] = {"accepted", "rejected", "undecided", "not loaded"};
  return names[static_cast<std::size_t>(decision)];
}

Result<void> read_side(const std::string& btf_path, const object::ObjectSpec& spec, Side& side) {
  std::string path = btf_path.empty() ? std::string(host_btf) : btf_path;
  Result<Buffer> bytes = base::read_file(path);
  if (bytes) {
    side.btf_bytes = std::move(*bytes);
    auto btf = btf::Btf::parse(side.btf_bytes);
    if (!btf) return Failure(std::move(btf).error().in(path));
    side.btf = std::move(*btf);
  } else if (!btf_path.empty()) {
    return Failure(std::move(bytes).error());
  }
  if (spec.externs.empty())
    return {};  // the symbols of a kernel take longer to read than most programs to verify
  kernel::Kernel here;
  if (auto text = here.kconfig()) side.kconfig = std::move(*text);
  if (auto text = here.kallsyms()) side.kallsyms = std::move(*text);
  return {};
}

Judgement judge(const object::ObjectSpec& spec, const object::ProgramSpec& program, const JudgeOptions& how,
                const Side& side) {
  runtime::VerifyOptions options;
  options.kernel_btf_bytes = side.btf_bytes;
  options.around.kernel_btf = side.btf ? &*side.btf : nullptr;
  options.around.version = how.version;
  if (how.unprivileged) options.around.privileges = verify::Privileges::none();
  options.around.cpus = kernel::Kernel().possible_cpus();
  options.kconfig = side.kconfig;
  options.kallsyms = side.kallsyms;
  options.own_log_level = true;
  options.verify.log_level = how.log_level;
  runtime::VerifySys sys(std::move(options));
  object::LoadOptions load;
  load.programs = {program.name};
  load.btf = side.btf ? &*side.btf : nullptr;
  load.log_level = 1;  // one attempt; the log is taken from the verdict
  object::ObjectSpec own = spec;
  if (how.own_maps) keep_maps_of(own, program);
  Result<object::Object> loaded = object::load(sys, std::move(own), load);

  Judgement out;
  out.program = &program;
  if (sys.judged().empty()) {
    out.decision = Decision::not_loaded;
    out.judged.verdict.missing = sys.missing();
    if (!loaded) {
      out.code = loaded.error().code;
      out.reason = loaded.error().message;
    }
    return out;
  }
  out.judged = sys.judged().back();
  out.code = out.verdict().code;
  out.reason = out.verdict().reason;
  out.decision = out.verdict().accepted      ? Decision::accepted
                 : out.verdict().unsupported ? Decision::undecided
                                             : Decision::rejected;
  return out;
}

Place place_of(const runtime::Judged& judged, isa::Slot slot) {
  Place out;
  if (!judged.model) return out;
  const verify::ProgModel& prog = judged.model->model.prog;
  isa::Slot function_start = 0;
  for (const verify::SubprogFacts& sub : judged.verdict.subprogs)
    if (slot >= sub.first && slot < sub.end) {
      out.function = sub.name;
      function_start = sub.first;
    }
  if (out.function.empty() && judged.verdict.subprogs.empty()) out.function = prog.name;
  if (!prog.btf) return out;
  auto after = std::upper_bound(prog.lines.begin(), prog.lines.end(), slot,
                                [](isa::Slot s, const verify::LineInfo& line) { return s < line.slot; });
  // Code that the compiler made up has line 0: it belongs to what stands before it.
  do {
    if (after == prog.lines.begin() || (--after)->slot < function_start) return out;
  } while (after->line_col >> 10 == 0);
  out.file = prog.btf->string(after->file_off);
  out.line = after->line_col >> 10;
  out.column = after->line_col & 0x3ff;
  out.text = prog.btf->string(after->line_off);
  return out;
}

std::string instruction_text(const runtime::Judged& judged, isa::Slot slot) {
  if (!judged.model || slot >= judged.model->model.prog.insns.size()) return "";
  auto decoded = isa::decode(judged.model->model.prog.insns, slot);
  if (!decoded) return "";
  constexpr std::string_view call = "call ";
  auto name = [](std::uint32_t id) {
    const uapi::Helper* helper = uapi::find_helper(id);
    return helper ? helper->name : std::string_view();
  };
  std::string text = isa::print(*decoded, {.dialect = isa::Dialect::log, .helper_name = name});
  bool named = decoded->row().operation == isa::Operation::call_helper &&
               uapi::find_helper(static_cast<std::uint32_t>(decoded->imm_low()));
  if (named && text.starts_with(call)) text.insert(call.size(), "bpf_");
  return text;
}

void put_place(base::JsonWriter& json, const Place& place) {
  if (!place.function.empty()) json.member("function", place.function);
  if (!place.line) return;
  json.member("file", place.file);
  json.member("line", place.line);
  if (place.column) json.member("column", place.column);
  json.member("source", place.text);
}

std::string type_name(const object::ProgramSpec& program) {
  const uapi::ProgTypeRow* row = uapi::find_prog_type(program.type);
  return row ? std::string(row->name) : "unknown type";
}

}  // namespace skep::cli
