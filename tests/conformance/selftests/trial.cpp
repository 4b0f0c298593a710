#include "tests/conformance/selftests/trial.h"

#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>

#include "skep/base/file.h"
#include "skep/elf/file.h"
#include "skep/kernel/kernel.h"
#include "skep/object/load.h"
#include "skep/object/parse.h"
#include "skep/uapi/flags.h"
#include "skep/uapi/history.h"

namespace skep::selftests {
namespace {

constexpr std::string_view answer_names[] = {"accept",     "reject", "before_verifier", "not_reached",
                                             "open_error", "crash",  "timeout"};

std::string object_path(const TrialOptions& options, std::string_view file) {
  return fmt::format("{}/{}.o", options.objects, file.substr(0, file.rfind('.')));
}

// The line of a log that states the rejection, as the recorded reasons were taken.
std::string telling_line(std::string_view log) {
  constexpr std::string_view figures[] = {"processed ", "verification time", "stack depth"};
  std::string_view last;
  while (!log.empty()) {
    std::size_t end = log.find('\n');
    std::string_view line = log.substr(0, end);
    log.remove_prefix(end == log.npos ? log.size() : end + 1);
    if (!line.empty() && std::none_of(std::begin(figures), std::end(figures),
                                      [&](std::string_view f) { return line.starts_with(f); }))
      last = line;
  }
  return std::string(last);
}

// The flags that a test asks to be loaded with: __flag(BPF_F_…), a tag on its function.
struct FlagName {
  std::string_view name;
  std::uint32_t flag;
};
constexpr FlagName flag_names[] = {
    {"BPF_F_STRICT_ALIGNMENT", uapi::load_strict_alignment},
    {"BPF_F_ANY_ALIGNMENT", uapi::load_any_alignment},
    {"BPF_F_TEST_RND_HI32", uapi::load_test_rnd_hi32},
    {"BPF_F_TEST_STATE_FREQ", uapi::load_test_state_freq},
    {"BPF_F_SLEEPABLE", uapi::load_sleepable},
    {"BPF_F_XDP_HAS_FRAGS", uapi::load_xdp_has_frags},
    {"BPF_F_TEST_REG_INVARIANTS", uapi::load_test_reg_invariants},
};

// Flags that the version does not know are left out, as they were when its answers were recorded.
void apply_flags(object::ObjectSpec& spec, const uapi::KernelVersion& version) {
  constexpr std::string_view prefix = "comment:test_prog_flags=";
  if (!spec.btf) return;
  const btf::Btf& btf = *spec.btf;
  for (btf::TypeId id = btf.first_id(); id < btf.type_count(); id++) {
    btf::Type tag = btf.type(id);
    if (tag.kind != btf::Kind::decl_tag || !tag.name().starts_with(prefix)) continue;
    btf::Type func = btf.type(tag.type());
    object::ProgramSpec* program = func.kind == btf::Kind::func ? spec.find_program(func.name()) : nullptr;
    if (!program) continue;
    std::string_view name = tag.name().substr(prefix.size());
    bool clear = name.starts_with('!');
    if (clear) name.remove_prefix(1);
    for (const FlagName& row : flag_names)
      if (row.name == name) program->flags = clear ? program->flags & ~row.flag : program->flags | row.flag;
    const std::uint16_t number = uapi::since(version.major, version.minor);
    while (const uapi::FlagRow* unknown =
               uapi::unknown_flag(uapi::program_flag_rows(), program->flags, number))
      program->flags &= ~unknown->bit;
  }
}

// The types that a test's CO-RE is to adapt to instead of the kernel's: __btf_path("btf__….bpf.o").
struct OtherBtf {
  base::Buffer object;
  std::optional<btf::Btf> types;
};
void find_other_btf(const object::ObjectSpec& spec, const Record& record, const TrialOptions& options,
                    OtherBtf& out) {
  constexpr std::string_view prefix = "comment:test_btf_path=", ending = ".bpf.o";
  if (!spec.btf) return;
  const btf::Btf& btf = *spec.btf;
  for (btf::TypeId id = btf.first_id(); id < btf.type_count(); id++) {
    btf::Type tag = btf.type(id);
    if (tag.kind != btf::Kind::decl_tag || !tag.name().starts_with(prefix)) continue;
    if (btf.type(tag.type()).name() != record.prog) continue;
    std::string name(tag.name().substr(prefix.size()));
    if (name.ends_with(ending)) name.resize(name.size() - ending.size());
    auto bytes = base::read_file(object_path(options, name + ".c"));
    if (!bytes) return;
    out.object = std::move(*bytes);
    auto file = elf::File::parse(out.object);
    const elf::Section* section = file ? file->find_section(".BTF") : nullptr;
    if (!section) return;
    if (auto types = btf::Btf::parse(section->bytes)) out.types = std::move(*types);
  }
}

// The loader's way to one program of the object, on any side.
Result<object::Object> load_one(uapi::Sys& sys, const object::ObjectSpec& spec, const Record& record,
                                const TrialOptions& options, object::LoadOptions load) {
  OtherBtf other;
  find_other_btf(spec, record, options, other);
  load.programs = {record.prog};
  load.core_btf = other.types ? &*other.types : nullptr;
  load.pin_root = "/sys/fs/bpf/skep-selftests";
  return object::load(sys, spec, load);
}

void try_live(const object::ObjectSpec& spec, const Record& record, const TrialOptions& options,
              Outcome& out) {
  kernel::Kernel kernel;
  object::LoadReport report;
  object::LoadOptions load;
  load.report = &report;
  if (!options.ours)
    load.btf = options.verify.around.kernel_btf;  // read once by the caller, not by each process
  Result<object::Object> loaded = load_one(kernel, spec, record, options, std::move(load));
  if (loaded) {
    out.live = Answer::accept;
    return;
  }
  if (report.program == record.prog) out.live = report.log.empty() ? Answer::before_verifier : Answer::reject;
  out.live_error = loaded.error().code;
  out.live_reason = report.log.empty() ? loaded.error().message : telling_line(report.log);
}

Outcome try_one(const Result<object::ObjectSpec>& spec, const Record& record, const TrialOptions& options) {
  Outcome out;
  out.file = record.file;
  out.prog = record.prog;
  if (!spec) {
    out.answer = Answer::open_error;
    out.reason = out.live_reason = spec.error().message;
    return out;
  }
  if (options.live) try_live(*spec, record, options, out);
  if (!options.ours) return out;
  const std::uint32_t log_level = options.log_level ? options.log_level
                                  : !record.messages.empty() && options.every_message
                                      ? verify::log_level::states | verify::log_level::stats
                                      : 0;
  Result<runtime::Judged> mine = judge(*spec, record, options, log_level);
  if (!mine) {
    out.answer = Answer::not_reached;
    out.reason = mine.error().message;
  } else {
    const verify::Verdict& verdict = mine->verdict;
    out.answer = mine->before_verifier ? Answer::before_verifier
                 : verdict.accepted    ? Answer::accept
                                       : Answer::reject;
    out.unsupported = verdict.unsupported;
    out.reason = verdict.reason;
    out.insn = verdict.insn;
    out.insns = verdict.stats.insns_processed;
    out.peak_bytes = verdict.stats.peak_memory_bytes;
    out.verify_ns = mine->verify_ns;
    if (!record.messages.empty()) {
      std::string log = verdict.log;
      if (log.find(verdict.reason) == log.npos) log += verdict.reason + "\n";
      out.messages = static_cast<std::uint32_t>(count_messages(log, record.messages));
    }
    if (options.log_level) {
      fmt::print("--- {} {}\n{}", record.file, record.prog, verdict.log);
      std::fflush(stdout);
    }
  }
  return out;
}

// --- Outcomes through a pipe: numbers, and texts with their length in front ---

void put_text(base::Writer& to, std::string_view text) {
  to.u32(static_cast<std::uint32_t>(text.size()));
  to.bytes(base::as_bytes(text));
}
Result<std::string> take_text(base::Reader& from) {
  std::uint32_t size = TRY(from.u32());
  base::Bytes bytes = TRY(from.take(size));
  return std::string(base::as_text(bytes));
}

base::Buffer pack(const Outcome& out) {
  base::Writer to;
  to.put<std::uint8_t>(static_cast<std::uint8_t>(out.answer));
  to.put<std::uint8_t>(out.unsupported);
  to.put<std::uint8_t>(static_cast<std::uint8_t>(out.live));
  to.u32(static_cast<std::uint32_t>(out.live_error));
  to.u32(out.insn);
  to.u32(out.messages);
  for (std::uint64_t number : {out.insns, out.verify_ns, out.peak_bytes}) to.put(number);
  put_text(to, out.reason);
  put_text(to, out.live_reason);
  return to.take();
}

Result<void> unpack(base::Reader& from, Outcome& out) {
  out.answer = static_cast<Answer>(TRY(from.u8()));
  out.unsupported = TRY(from.u8()) != 0;
  out.live = static_cast<Answer>(TRY(from.u8()));
  out.live_error = static_cast<int>(TRY(from.u32()));
  out.insn = TRY(from.u32());
  out.messages = TRY(from.u32());
  out.insns = TRY(from.u64());
  out.verify_ns = TRY(from.u64());
  out.peak_bytes = TRY(from.u64());
  out.reason = TRY(take_text(from));
  out.live_reason = TRY(take_text(from));
  return {};
}

bool write_all(int fd, base::Bytes bytes) {
  while (!bytes.empty()) {
    ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(wrote));
  }
  return true;
}

// In the child: the records from `first` on, one packed outcome each, its size in front.
[[noreturn]] void work(std::span<const Record> records, const TrialOptions& options, int to) {
  Result<object::ObjectSpec> spec = open_object(records[0].file, options);
  for (const Record& record : records) {
    ::alarm(options.seconds);
    base::Buffer packed = pack(try_one(spec, record, options));
    base::Writer size;
    size.u32(static_cast<std::uint32_t>(packed.size()));
    if (!write_all(to, size.take()) || !write_all(to, packed)) break;
  }
  std::fflush(stdout);
  ::_exit(0);
}

// One child process and what it has said.
struct Worker {
  pid_t pid = 0;
  int pipe = -1;
  std::span<const Record> records;  // of one file
  std::size_t first = 0;            // index of records[0] among all
  base::Buffer heard;
};

class Pool {
 public:
  Pool(std::span<const Record> records, const TrialOptions& options)
      : records_(records), options_(options), out_(records.size()) {}

  Result<std::vector<Outcome>> run() {
    for (std::size_t i = 0; i < records_.size();) {
      std::size_t end = i;
      while (end < records_.size() && records_[end].file == records_[i].file) end++;
      waiting_.push_back({i, end});
      i = end;
    }
    std::reverse(waiting_.begin(), waiting_.end());
    while (!waiting_.empty() || !workers_.empty()) {
      while (workers_.size() < std::max(options_.jobs, 1u) && !waiting_.empty()) TRY(start());
      listen();
    }
    return std::move(out_);
  }

 private:
  Result<void> start() {
    auto [first, end] = waiting_.back();
    waiting_.pop_back();
    int ends[2];
    if (::pipe(ends) != 0) return fail(errno, "pipe: {}", base::errno_text(errno));
    std::fflush(stdout);
    pid_t pid = ::fork();
    if (pid < 0) return fail(errno, "fork: {}", base::errno_text(errno));
    if (pid == 0) {
      ::close(ends[0]);
      work(records_.subspan(first, end - first), options_, ends[1]);
    }
    ::close(ends[1]);
    workers_.push_back({pid, ends[0], records_.subspan(first, end - first), first, {}});
    return {};
  }

  void listen() {
    std::vector<pollfd> fds;
    for (const Worker& worker : workers_) fds.push_back({worker.pipe, POLLIN, 0});
    if (::poll(fds.data(), fds.size(), -1) < 0) return;
    for (std::size_t i = fds.size(); i-- > 0;) {
      if (!fds[i].revents) continue;
      std::uint8_t buffer[1 << 16];
      ssize_t got = ::read(fds[i].fd, buffer, sizeof buffer);
      if (got > 0)
        hear(workers_[i], {buffer, static_cast<std::size_t>(got)});
      else
        finish(i);
    }
  }

  void hear(Worker& worker, base::Bytes bytes) {
    worker.heard.insert(worker.heard.end(), bytes.begin(), bytes.end());
    while (worker.heard.size() >= 4) {
      auto size = base::load<std::uint32_t>(worker.heard.data());
      if (worker.heard.size() < 4 + std::size_t{size}) break;
      base::Reader from(base::Bytes(worker.heard).subspan(4, size), "outcome");
      Outcome& out = next_outcome(worker);
      if (!unpack(from, out)) out.answer = Answer::crash;
      worker.heard.erase(worker.heard.begin(), worker.heard.begin() + 4 + size);
    }
  }

  // The slot of the worker's first record without an answer, which is then answered.
  Outcome& next_outcome(Worker& worker) {
    Outcome& out = out_[worker.first];
    out.file = worker.records[0].file;
    out.prog = worker.records[0].prog;
    worker.records = worker.records.subspan(1);
    worker.first++;
    return out;
  }

  void finish(std::size_t index) {
    Worker worker = std::move(workers_[index]);
    workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(index));
    ::close(worker.pipe);
    int status = 0;
    ::waitpid(worker.pid, &status, 0);
    if (worker.records.empty()) return;
    int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    Outcome& out = next_outcome(worker);
    out.answer = signal == SIGALRM ? Answer::timeout : Answer::crash;
    out.reason = signal == SIGALRM ? fmt::format("more than {} seconds", options_.seconds)
                                   : fmt::format("ended by signal {}", signal);
    if (!worker.records.empty()) waiting_.push_back({worker.first, worker.first + worker.records.size()});
  }

  std::span<const Record> records_;
  const TrialOptions& options_;
  std::vector<Outcome> out_;
  std::vector<std::pair<std::size_t, std::size_t>> waiting_;  // ranges of records of one file, the next last
  std::vector<Worker> workers_;
};

}  // namespace

std::string_view answer_name(Answer answer) { return answer_names[static_cast<std::size_t>(answer)]; }

Result<object::ObjectSpec> open_object(std::string_view file, const TrialOptions& options) {
  base::Buffer bytes = TRY(base::read_file(object_path(options, file)));
  Diagnostics warnings;
  object::OpenOptions open;
  open.name = object::object_name(file);
  object::ObjectSpec spec = TRY(object::parse(bytes, open, warnings));
  apply_flags(spec, options.verify.around.version);
  if (options.weak_externs)
    for (object::ExternSpec& ext : spec.externs) ext.weak = true;
  return spec;
}

Result<runtime::Judged> judge(const object::ObjectSpec& spec, const Record& record,
                              const TrialOptions& options, std::uint32_t log_level) {
  runtime::VerifyOptions verify = options.verify;
  verify.own_log_level = true;
  verify.verify.log_level = log_level;
  runtime::VerifySys sys(std::move(verify));
  object::LoadOptions load;
  load.btf = options.verify.around.kernel_btf;
  load.log_level = 1;  // one attempt; the log is looked at where it is made
  Result<object::Object> loaded = load_one(sys, spec, record, options, std::move(load));
  auto mine = std::find_if(sys.judged().begin(), sys.judged().end(), [&](const runtime::Judged& judged) {
    return judged.before_verifier || judged.model->model.prog.name == record.prog.substr(0, 15);
  });
  if (mine != sys.judged().end()) return *mine;
  return fail(ENOENT, "{}", loaded ? "the program was not among those loaded" : loaded.error().message);
}

Result<KernelFigures> load_timed(const object::ObjectSpec& spec, const Record& record,
                                 const TrialOptions& options, const btf::Btf& types) {
  kernel::Kernel kernel;
  object::LoadOptions load;
  load.btf = &types;
  load.log_level = verify::log_level::stats;
  object::Object loaded = TRY(load_one(kernel, spec, record, options, std::move(load)));
  const object::Program* program = loaded.program(record.prog);
  if (!program) return fail(ENOENT, "the program was not among those loaded");
  auto number = [&](std::string_view before) -> std::uint64_t {
    std::size_t at = program->log().find(before);
    return at == std::string::npos ? 0
                                   : std::strtoull(program->log().c_str() + at + before.size(), nullptr, 10);
  };
  return KernelFigures{number("processed "), number("verification time ")};
}

Result<std::vector<Outcome>> run_trials(std::span<const Record> records, const TrialOptions& options) {
  return Pool(records, options).run();
}

}  // namespace skep::selftests
