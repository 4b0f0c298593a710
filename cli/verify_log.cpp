#include "cli/verify_log.h"

#include <algorithm>

#include "cli/commands.h"
#include "cli/compile.h"
#include "cli/explain_text.h"
#include "cli/text.h"
#include "skep/base/file.h"
#include "skep/base/json.h"
#include "skep/kernel/kernel.h"
#include "skep/object/load.h"
#include "skep/object/parse.h"
#include "skep/runtime/verify_sys.h"

namespace skep::cli {

namespace {

constexpr std::string_view host_btf = "/sys/kernel/btf/vmlinux";

// The programs of an object as a kernel would get them. Keeps what they point into.
class Programs {
 public:
  static Result<std::unique_ptr<Programs>> open(const LogCommand& command) {
    auto out = std::make_unique<Programs>();
    Buffer bytes = TRY(read_object(command.object));
    object::OpenOptions open;
    open.name = object_name(command.object);
    open.strict = command.strict;
    Diagnostics warnings;
    Result<object::ObjectSpec> spec = object::parse(bytes, open, warnings);
    say(stderr, "{}", printable(warnings.print()));
    if (!spec) return Failure(std::move(spec).error().in(command.object));
    if (!command.program.empty() && !spec->find_program(command.program))
      return fail(ENOENT, "{}: has no program '{}'", command.object, command.program);
    if (auto types = base::read_file(command.btf.empty() ? std::string(host_btf) : command.btf)) {
      out->btf_bytes_ = std::move(*types);
      out->btf_ = TRY(btf::Btf::parse(out->btf_bytes_));
    } else if (!command.btf.empty()) {
      return Failure(std::move(types).error());
    }
    for (const object::ProgramSpec& program : spec->programs)
      if (command.program.empty() || program.name == command.program) out->judge(*spec, program);
    return out;
  }

  // The program whose instructions the log's steps are; null: none of them.
  const runtime::Judged* find(const verify::Log& log) const {
    const runtime::Judged* best = nullptr;
    std::size_t most = 0;
    for (const runtime::Judged& judged : judged_) {
      const std::span<const isa::Insn> insns = judged.model->model.prog.insns;
      std::size_t same = 0;
      for (const verify::LogStep& step : log.steps)
        same += step.slot < insns.size() && insns[step.slot].opcode == step.opcode;
      if (same * 10 < log.steps.size() * 9 || (best && same <= most)) continue;
      best = &judged;
      most = same;
    }
    return best;
  }

 private:
  void judge(const object::ObjectSpec& spec, const object::ProgramSpec& program) {
    runtime::VerifyOptions options;
    options.kernel_btf_bytes = btf_bytes_;
    options.around.kernel_btf = btf_ ? &*btf_ : nullptr;
    if (auto text = kernel::Kernel().kconfig()) options.kconfig = std::move(*text);
    runtime::VerifySys sys(std::move(options));
    object::LoadOptions load;
    load.programs = {program.name};
    load.btf = btf_ ? &*btf_ : nullptr;
    load.log_level = 1;
    (void)object::load(sys, spec, load);  // the verdict is the log's, not ours
    for (const runtime::Judged& judged : sys.judged())
      if (judged.model) judged_.push_back(judged);
  }

  Buffer btf_bytes_;
  std::optional<btf::Btf> btf_;
  std::vector<runtime::Judged> judged_;
};

}  // namespace

Result<int> explain_log_file(const LogCommand& command) {
  Buffer bytes = TRY(base::read_file(command.file == "-" ? "/dev/stdin" : command.file));
  const verify::Log log = verify::parse_log(base::as_text(bytes));
  verify::ProgramText program;
  std::unique_ptr<Programs> programs;
  if (!command.object.empty()) {
    programs = TRY(Programs::open(command));
    if (const runtime::Judged* judged = programs->find(log))
      program = program_text(judged->model->model.prog, judged->verdict);
    else
      say(stderr, "note: {}: none of its programs is the log's\n", command.object);
  }
  const verify::Explanation explanation = verify::explain(log, program);
  // Text without a step, a figure or a known reason may be anything: the last line is no reason.
  const bool of_verifier =
      log.steps_read > 0 || log.stats || log.report || explanation.category->id != "other";
  if (explanation.reason.empty() || !of_verifier) {
    if (log.stats && log.messages.empty())
      return fail(EINVAL, "{}: the log of a program that was accepted", command.file);
    return fail(EINVAL, "{}: has no line that says why a program was refused", command.file);
  }
  if (command.json) {
    base::JsonWriter json(true);
    json.object();
    json.member("log", command.file);
    if (!program.name.empty()) json.member("program", program.name);
    put_explanation(json, explanation);
    json.end();
    say("{}", json.take());
  } else {
    say("{}", explain_text(explanation));
  }
  return Exit::ok;
}

}  // namespace skep::cli
