// skep run: a capture through a program, packet by packet, over bpf(2).
#include <fmt/core.h>
#include <sys/stat.h>

#include <csignal>
#include <memory>

#include "cli/batch.h"
#include "cli/commands.h"
#include "cli/compile.h"
#include "cli/run_report.h"
#include "cli/text.h"
#include "cli/verdicts.h"
#include "skep/base/file.h"
#include "skep/kernel/kernel.h"
#include "skep/net/capture.h"
#include "skep/net/summary.h"
#include "skep/object/load.h"
#include "skep/object/parse.h"
#include "skep/object/ring_reader.h"
#include "skep/runtime/runtime.h"
#include "skep/uapi/calls.h"
#include "skep/uapi/map_types.h"

namespace skep::cli {

namespace {

struct RunOptions {
  std::string source, capture, program, write, batch;
  std::vector<std::pair<std::string, std::string>> events;  // ring buffer -> struct
  std::vector<std::pair<std::string, std::string>> sort;    // map -> field of its values
  std::uint32_t repeat = 1;
  std::uint64_t count = ~std::uint64_t{0};
  std::uint64_t budget = 16'000'000;   // instructions that one run may execute, without a verdict
  std::uint64_t time_limit_ms = 1000;  // that one run may take, with one
  bool packets = false, kernel = false, strict = false, json = false, verify = true, interpret = false;
};

// Set by SIGINT: the run ends after the packet under way and what was found is reported.
volatile std::sig_atomic_t interrupted = 0;

// The MAP=... values of an option.
Result<std::vector<std::pair<std::string, std::string>>> read_pairs(const Arguments& arguments,
                                                                    std::string_view option,
                                                                    std::string_view what) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const std::string& pair : arguments.all(option)) {
    std::size_t equals = pair.find('=');
    if (equals == pair.npos || equals == 0 || equals + 1 == pair.size())
      return fail(EINVAL, "--{} is '{}', must be MAP={}", option, pair, what);
    out.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return out;
}

Result<RunOptions> read_options(const Arguments& arguments) {
  RunOptions out;
  out.source = arguments.positional[0];
  const std::string* capture = arguments.find("pcap");
  if (!capture) return fail(EINVAL, "'skep run' needs --pcap FILE");
  out.capture = *capture;
  if (const std::string* name = arguments.find("prog")) out.program = *name;
  if (const std::string* file = arguments.find("write")) out.write = *file;
  if (const std::string* file = arguments.find("batch")) out.batch = *file;
  if (const std::string* n = arguments.find("repeat"))
    out.repeat = static_cast<std::uint32_t>(TRY(parse_number("repeat", *n, 1, 1'000'000)));
  if (const std::string* n = arguments.find("count"))
    out.count = TRY(parse_number("count", *n, 1, out.count));
  if (const std::string* n = arguments.find("budget"))
    out.budget = TRY(parse_number("budget", *n, 1, ~std::uint64_t{0}));
  if (const std::string* n = arguments.find("time-limit"))
    out.time_limit_ms = TRY(parse_number("time-limit", *n, 1, 86'400'000));
  out.events = TRY(read_pairs(arguments, "event", "STRUCT"));
  out.sort = TRY(read_pairs(arguments, "sort", "FIELD"));
  out.packets = arguments.has("packets");
  out.kernel = arguments.has("kernel");
  out.verify = !arguments.has("no-verify");
  out.interpret = arguments.has("interpret");
  out.strict = arguments.has("strict");
  out.json = arguments.has("json");
  if (out.packets && out.json) return fail(EINVAL, "--packets and --json cannot be combined");
  if (out.verify && arguments.has("budget"))
    return fail(EINVAL,
                "--budget counts what only --no-verify counts; --time-limit ends runs of verified programs");
  if (!out.verify && arguments.has("time-limit"))
    return fail(EINVAL, "--time-limit and --no-verify cannot be combined; --budget ends unverified runs");
  for (std::string_view of_runtime : {"no-verify", "interpret", "time-limit"})
    if (out.kernel && arguments.has(of_runtime))
      return fail(EINVAL, "--kernel and --{} cannot be combined", of_runtime);
  return out;
}

// Leaves only `chosen` and the programs that slots of prog_arrays name to be loaded.
void load_only(object::ObjectSpec& spec, const std::string& chosen) {
  for (object::ProgramSpec& program : spec.programs) program.autoload = program.name == chosen;
  for (const object::MapSpec& map : spec.maps)
    for (const object::InitialSlot& slot : map.initial)
      if (slot.is_program && slot.index < spec.programs.size()) spec.programs[slot.index].autoload = true;
}

// The program that --prog names, or the only one that takes packets.
Result<std::string> choose_program(object::ObjectSpec& spec, const std::string& wanted) {
  std::vector<std::string> candidates;
  for (const object::ProgramSpec& program : spec.programs)
    if (takes_packets(program.type)) candidates.push_back(program.name);
  std::string names;
  for (const std::string& name : candidates) names += (names.empty() ? "" : ", ") + name;
  std::string chosen = wanted;
  if (chosen.empty()) {
    if (candidates.empty()) return fail(EINVAL, "{}: no program in it takes packets", spec.name);
    if (candidates.size() > 1) return fail(EINVAL, "{}: which program? --prog one of {}", spec.name, names);
    chosen = candidates[0];
  }
  const object::ProgramSpec* program = spec.find_program(chosen);
  if (!program) return fail(ENOENT, "{}: no program '{}'; there is {}", spec.name, chosen, names);
  if (!takes_packets(program->type))
    return fail(EINVAL, "{}: program '{}' (SEC \"{}\") does not take packets", spec.name, chosen,
                program->section);
  load_only(spec, chosen);
  return chosen;
}

Result<void> fill_maps(uapi::Sys& sys, const object::Object& object, const std::string& file) {
  Buffer text = TRY(base::read_file(file));
  Diagnostics problems;
  std::vector<MapUpdate> updates = parse_batch(base::as_text(text), file, problems);
  if (problems.has_errors()) {
    std::string all = problems.print();
    all.pop_back();
    return fail(EINVAL, "{}", all);
  }
  for (const MapUpdate& update : updates) {
    const object::Map* made = object.map(update.map);
    if (!made || made->fd() < 0)
      return fail(ENOENT, "{}:{}: the object has no map '{}'", file, update.line, update.map);
    const object::MapSpec* map = &made->spec();
    if (update.key.size() != map->key_size || update.value.size() != map->value_size)
      return fail(EINVAL, "{}:{}: map '{}' has keys of {} and values of {} bytes, not {} and {}", file,
                  update.line, update.map, map->key_size, map->value_size, update.key.size(),
                  update.value.size());
    Buffer value = update.value;
    const uapi::MapTypeRow* row = uapi::find_map_type(map->type);
    if (row && row->per_cpu) {  // every CPU gets the same
      value.resize((value.size() + 7) / 8 * 8);
      Buffer one = value;
      for (std::uint32_t cpu = 1; cpu < sys.possible_cpus(); cpu++)
        value.insert(value.end(), one.begin(), one.end());
    }
    long error = uapi::map_update(sys, made->fd(), update.key.data(), value.data(), update.flags);
    if (error < 0)
      return fail(static_cast<int>(-error), "{}:{}: map '{}': {}", file, update.line, update.map,
                  base::errno_text(static_cast<int>(-error)));
  }
  return {};
}

Result<btf::TypeId> find_event_type(const object::Object& object, const std::string& map,
                                    const std::string& name) {
  const object::Map* ring = object.map(map);
  if (!ring || ring->spec().type != uapi::MapType::ringbuf)
    return fail(ENOENT, "--event: no ring buffer '{}'", map);
  if (!object.btf()) return fail(ENOENT, "--event: the object has no BTF");
  for (btf::Kind kind : {btf::Kind::struct_, btf::Kind::union_, btf::Kind::typedef_})
    if (auto id = object.btf()->find(name, kind)) return *id;
  return fail(ENOENT,
              "--event: the object's BTF has no struct '{}' (compilers keep only what a global, map or "
              "function names: "
              "add `struct {} *unused_{} __attribute__((unused));`)",
              name, name, name);
}

// Why BPF_PROG_TEST_RUN takes no such packet, on either side; null: that is not the packet's fault. Programs
// on struct sk_buff need the whole IP header that the ethertype promises.
const char* refusal(long error, Bytes packet) {
  constexpr std::size_t ethernet = 14, ipv4 = 20, ipv6 = 40, linear = 3520;
  if (packet.size() > linear && (error == -EINVAL || error == -ENOMEM))
    return "larger than the program can be given";
  if (error != -EINVAL) return nullptr;
  if (packet.size() < ethernet) return "shorter than an Ethernet header";
  auto type = base::load<std::uint16_t>(packet.data() + 12, std::endian::big);
  std::size_t promised = type == 0x0800 ? ipv4 : type == 0x86dd ? ipv6 : 0;
  return packet.size() < ethernet + promised ? "shorter than its IP header" : nullptr;
}

// One capture through one loaded program.
class Judge {
 public:
  Judge(uapi::Sys& sys, runtime::RuntimeSys* runtime, const RunOptions& options, int prog_fd,
        RunReport& report)
      : sys_(sys), runtime_(runtime), options_(options), prog_fd_(prog_fd), report_(report), out_(1 << 17) {}

  Result<void> add_ring(const object::Map& map, btf::TypeId type) {
    object::RingReader reader = TRY(object::RingReader::open(sys_, map.fd(), map.spec().max_entries));
    rings_.push_back(std::move(reader));
    report_.records.push_back({&map.spec(), type, 0, {}});
    return {};
  }

  Result<void> run(net::CaptureReader& capture, net::CaptureWriter* writer, std::uint64_t capture_size) {
    Progress progress(capture_size);
    double started = now_seconds();
    net::Packet packet;
    while (seen_ < options_.count && !interrupted) {
      auto more = capture.next(packet);
      if (!more) {
        report_.capture_error = std::move(more).error();
        break;
      }
      if (!*more) break;
      seen_++;
      TRY(judge(packet, writer));
      if (seen_ % 64 == 0) TRY(drain());
      if (seen_ % 1024 == 0) progress.update(capture.bytes_read(), seen_);
    }
    TRY(drain());
    report_.seconds = now_seconds() - started;
    return {};
  }

 private:
  void skip(const char* reason) { report_.skipped[reason]++; }

  Result<void> judge(const net::Packet& packet, net::CaptureWriter* writer) {
    if (packet.link != net::LinkType::ethernet) {
      skip("not Ethernet");
      return {};
    }
    uapi::TestRun run;
    run.data_in = packet.data;
    if (writer) run.data_out = out_;
    run.repeat = options_.repeat;
    long error = uapi::test_run(sys_, prog_fd_, run);
    if (error == -EFAULT && runtime_) {
      fault(packet);
      return {};
    }
    if (const char* reason = error < 0 ? refusal(error, packet.data) : nullptr) {
      skip(reason);
      return {};
    }
    if (error < 0)
      return fail(static_cast<int>(-error), "packet {} ({} bytes): test run: {}", packet.number,
                  packet.data.size(), base::errno_text(static_cast<int>(-error)));
    report_.packets++;
    report_.bytes += packet.data.size();
    Tally& tally = report_.verdicts[run.retval];
    tally.packets++;
    tally.bytes += packet.data.size();
    if (options_.packets) say("{:<8} {}\n", verdict_name(report_.type, run.retval), net::summary(packet));
    if (writer && lets_through(report_.type, run.retval)) {
      net::Packet left = packet;
      left.data = Bytes(out_).first(run.data_size_out);
      std::uint64_t cut =
          packet.original_length > packet.data.size() ? packet.original_length - packet.data.size() : 0;
      left.original_length = static_cast<std::uint32_t>(left.data.size() + cut);
      TRY(writer->write(left));
    }
    return {};
  }

  void fault(const net::Packet& packet) {
    report_.packets++;
    report_.bytes += packet.data.size();
    std::string text = runtime_->take_fault().value_or("no reason was given");
    if (report_.faults++ == 0) report_.first_fault = fmt::format("packet {}: {}", packet.number, text);
    if (options_.packets) say("{:<8} {}\n", "(fault)", net::summary(packet));
  }

  Result<void> drain() {
    for (std::size_t i = 0; i < rings_.size(); i++) {
      Records& records = report_.records[i];
      std::uint64_t count = TRY(rings_[i].consume([&](Bytes record) {
        if (records.kept.size() < Records::max_kept) records.kept.emplace_back(record.begin(), record.end());
      }));
      records.count += count;
    }
    return {};
  }

  uapi::Sys& sys_;
  runtime::RuntimeSys* runtime_;
  const RunOptions& options_;
  int prog_fd_;
  RunReport& report_;
  Buffer out_;
  std::vector<object::RingReader> rings_;
  std::uint64_t seen_ = 0;
};

void collect_printk(void* user, std::string_view line) {
  auto* report = static_cast<RunReport*>(user);
  constexpr std::size_t kept = 1000;
  report->printk_lines++;
  if (report->printk.size() < kept) report->printk.emplace_back(line);
}

// Whether both paths name the same existing file.
bool same_file(const std::string& a, const std::string& b) {
  struct stat one{}, other{};
  return ::stat(a.c_str(), &one) == 0 && ::stat(b.c_str(), &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino && S_ISREG(one.st_mode);
}

std::uint64_t file_size(const std::string& path) {
  struct stat st{};
  return path != "-" && ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode)
             ? static_cast<std::uint64_t>(st.st_size)
             : 0;
}

// What the runtime says of a program that it refuses, in place of the last line of the log.
std::string say_why(void* context, const object::ProgramSpec&, std::string_view, int) {
  return static_cast<runtime::RuntimeSys*>(context)->last_error();
}

// Why the load failed, with what to do next.
Error explain(Error error, const RunOptions& options, const runtime::RuntimeSys& sys,
              const std::string& program) {
  error = std::move(error).in(options.source);
  if (options.kernel && error.code == EPERM)
    error.message += "; loading into the kernel takes root, or CAP_BPF and CAP_NET_ADMIN";
  if (!options.kernel && sys.refusal())
    error.message += fmt::format("; 'skep verify {} --prog {}' says more, --no-verify runs it all the same",
                                 options.source, program);
  return error;
}

std::string engine_name(const RunOptions& options, uapi::Sys& sys, int prog_fd) {
  if (options.kernel) return "the Linux kernel";
  if (!options.verify) return "user space, checked interpreter";
  auto info = uapi::prog_info(sys, prog_fd);
  return info && info->jited_prog_len != 0 ? "user space, JIT" : "user space, interpreter";
}

Result<int> run(const RunOptions& options) {
  Buffer bytes = TRY(read_object(options.source));
  Diagnostics warnings;
  object::OpenOptions open;
  open.name = object_name(options.source);
  open.strict = options.strict;
  auto parsed = object::parse(bytes, open, warnings);
  say(stderr, "{}", printable(warnings.print()));
  if (!parsed) return Failure(std::move(parsed).error().in(options.source));
  object::ObjectSpec spec = std::move(*parsed);
  std::string chosen = TRY(choose_program(spec, options.program));

  RunReport report;
  runtime::Options runtime_options;
  runtime_options.verify = options.verify;
  runtime_options.jit = !options.interpret;
  runtime_options.budget = options.budget;
  runtime_options.time_limit_ns = options.time_limit_ms * 1'000'000;
  std::unique_ptr<runtime::Runtime> runtime = TRY(runtime::Runtime::create(runtime_options));
  runtime->on_printk(collect_printk, &report);
  runtime::RuntimeSys runtime_sys(*runtime);
  kernel::Kernel kernel;
  uapi::Sys& sys = options.kernel ? static_cast<uapi::Sys&>(kernel) : runtime_sys;

  object::LoadReport notes;
  object::LoadOptions load_options;
  load_options.report = &notes;
  if (!options.kernel) load_options.explain = say_why;
  load_options.explain_context = &runtime_sys;
  auto loaded = object::load(sys, spec, load_options);
  for (const std::string& note : notes.notes) say(stderr, "skep: note: {}\n", printable(note));
  if (!loaded) return Failure(explain(std::move(loaded).error(), options, runtime_sys, notes.program));
  object::Object object = std::move(*loaded);
  if (!options.batch.empty()) TRY(fill_maps(sys, object, options.batch));

  report.source = options.source;
  report.capture = options.capture == "-" ? "standard input" : options.capture;
  report.program = chosen;
  report.types = object.btf();
  report.type = spec.find_program(chosen)->type;
  report.side = std::string(sys.side());
  report.engine = engine_name(options, sys, object.program(chosen)->fd());
  report.repeat = options.repeat;

  Judge judge(sys, options.kernel ? nullptr : &runtime_sys, options, object.program(chosen)->fd(), report);
  for (const auto& [map, type] : options.events) TRY(find_event_type(object, map, type));
  for (const object::Map& map : object.maps()) {
    if (map.spec().type != uapi::MapType::ringbuf || map.fd() < 0) continue;
    btf::TypeId type = 0;
    for (const auto& [name, struct_name] : options.events)
      if (name == map.name()) type = TRY(find_event_type(object, name, struct_name));
    TRY(judge.add_ring(map, type));
  }

  std::vector<SortField> sort;
  for (const auto& [map, name] : options.sort) {
    SortField field = TRY(find_sort_field(object, map, name));
    sort.push_back(std::move(field));
  }

  net::CaptureReader capture = TRY(net::CaptureReader::open(options.capture));
  std::optional<net::CaptureWriter> writer;
  if (!options.write.empty()) {
    if (same_file(options.write, options.capture))
      return fail(EINVAL, "--write {}: is the capture that is being read", options.write);
    net::WriteOptions format;
    format.format =
        options.write.ends_with(".pcapng") ? net::CaptureFormat::pcapng : net::CaptureFormat::pcap;
    writer = TRY(net::CaptureWriter::create(options.write, format));
    report.written_to = options.write;
  }
  std::signal(SIGINT, [](int) { interrupted = 1; });
  Result<void> ran = judge.run(capture, writer ? &*writer : nullptr, file_size(options.capture));
  if (writer && ran) ran = writer->close();
  if (writer) report.written = writer->packets_written();
  report.maps = read_maps(sys, object, sort);
  if (options.packets && !options.json) say("\n");
  say("{}", options.json ? print_json(report) : print_text(report));
  std::fflush(stdout);
  if (report.capture_error) say(stderr, "skep: {}\n", printable(report.capture_error->message));
  if (report.faults) say(stderr, "skep: {} of {} runs faulted\n", report.faults, report.packets);
  if (interrupted) say(stderr, "skep: interrupted\n");
  TRY(std::move(ran));
  return report.capture_error || report.faults || interrupted ? Exit::failed : Exit::ok;
}

}  // namespace

int run_run(const Arguments& arguments) {
  auto options = read_options(arguments);
  if (!options) {
    report(options.error());
    return Exit::usage;
  }
  auto code = run(*options);
  return code ? *code : report(code.error());
}

}  // namespace skep::cli
