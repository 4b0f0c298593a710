// live: what the running kernel answers to each of its selftest programs, as JSON lines like those of the
// records. Started as process 1 it is a whole user space: `rerun` boots other kernels with it.
#include <fcntl.h>
#include <fmt/core.h>
#include <getopt.h>
#include <linux/module.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "skep/base/file.h"
#include "skep/kernel/kernel.h"
#include "tests/conformance/selftests/record.h"
#include "tests/conformance/selftests/trial.h"

using namespace skep;
using namespace skep::selftests;

namespace {

constexpr char usage_text[] =
    R"(live --objects DIR --list FILE [options]: what the running kernel answers to selftest programs, as JSON lines

  --objects DIR     the objects, as `build` makes them
  --list FILE       lines "FILE.c PROGRAM", those of one file together
  --out FILE        where the answers go; standard output if not given
  --unprivileged    give up all privileges before loading
  --weak-externs    kernel functions that it lacks are poisoned, not an error of the loader
  --seconds N       time for one program, 60 if not given
)";

struct Settings {
  TrialOptions trial;
  std::string list, out;
  bool unprivileged = false;
};

bool parse(int count, char** words, Settings& settings) {
  enum : int { objects = 1000, list, out, unprivileged, weak_externs, seconds };
  const option known[] = {{"objects", required_argument, nullptr, objects},
                          {"list", required_argument, nullptr, list},
                          {"out", required_argument, nullptr, out},
                          {"unprivileged", no_argument, nullptr, unprivileged},
                          {"weak-externs", no_argument, nullptr, weak_externs},
                          {"seconds", required_argument, nullptr, seconds},
                          {}};
  for (int what; (what = getopt_long(count, words, "", known, nullptr)) != -1;) switch (what) {
      case objects: settings.trial.objects = optarg; break;
      case list: settings.list = optarg; break;
      case out: settings.out = optarg; break;
      case unprivileged: settings.unprivileged = true; break;
      case weak_externs: settings.trial.weak_externs = true; break;
      case seconds: settings.trial.seconds = static_cast<unsigned>(std::atoi(optarg)); break;
      default: return false;
    }
  return optind == count && !settings.trial.objects.empty() && !settings.list.empty();
}

int report(const Error& error) {
  fmt::print(stderr, "live: {}\n", error.message);
  return 1;
}

Result<std::vector<Record>> read_list(const std::string& path) {
  base::Buffer bytes = TRY(base::read_file(path));
  std::string_view text = base::as_text(bytes);
  std::vector<Record> out;
  for (std::size_t number = 1; !text.empty(); number++) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.empty()) continue;
    std::size_t space = line.find(' ');
    if (space == line.npos || space == 0 || space + 1 == line.size())
      return fail(EINVAL, "{}:{}: a line is \"FILE PROGRAM\"", path, number);
    Record record;
    record.file = line.substr(0, space);
    record.prog = line.substr(space + 1);
    out.push_back(std::move(record));
  }
  return out;
}

// As the records name it.
std::string_view verdict_of(const Outcome& out) {
  switch (out.live) {
    case Answer::accept: return "accept";
    case Answer::reject: return "reject";
    case Answer::before_verifier: return out.live_error == EPERM ? "blocked_eperm" : "reject_preverifier";
    default: break;
  }
  if (out.answer == Answer::crash || out.answer == Answer::timeout) return answer_name(out.answer);
  return out.answer == Answer::open_error ? "open_error" : "not_reached";
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

// Answers are written file by file: a kernel that dies leaves those before it.
int judge(Settings& settings, int to) {
  auto records = read_list(settings.list);
  if (!records) return report(records.error());
  kernel::Kernel kernel;
  std::optional<btf::Btf> types;
  auto btf_bytes = base::read_file("/sys/kernel/btf/vmlinux");
  if (!btf_bytes) return report(btf_bytes.error());
  if (auto parsed = btf::Btf::parse(*btf_bytes))
    types = std::move(*parsed);
  else
    return report(parsed.error());
  types->find("task_struct", btf::Kind::struct_);  // builds the index of names once, before the forks
  settings.trial.verify.around.kernel_btf = &*types;
  settings.trial.ours = false;
  settings.trial.live = true;
  settings.trial.jobs = 1;
  for (std::size_t i = 0; i < records->size();) {
    std::size_t end = i;
    while (end < records->size() && (*records)[end].file == (*records)[i].file) end++;
    auto outcomes = run_trials(std::span(*records).subspan(i, end - i), settings.trial);
    if (!outcomes) return report(outcomes.error());
    std::string lines;
    for (const Outcome& out : *outcomes) {
      nlohmann::ordered_json line{
          {"file", out.file}, {"prog", out.prog}, {"verdict", verdict_of(out)}, {"errno", out.live_error}};
      const std::string& why = out.live_reason.empty() ? out.reason : out.live_reason;
      if (!why.empty()) line["reason"] = why;
      lines += line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    }
    if (!write_all(to, lines)) return report({errno, "the answers cannot be written"});
    i = end;
  }
  return 0;
}

bool give_up_privileges() {
  return ::setresgid(65534, 65534, 65534) == 0 && ::setresuid(65534, 65534, 65534) == 0;
}

// --- As process 1 ---

void write_text(const char* path, std::string_view text) {
  int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  write_all(fd, text);
  ::close(fd);
}

bool mount_all() {
  struct Mount {
    const char *type, *where;
    bool needed;
  };
  constexpr Mount mounts[] = {{"proc", "/proc", true},
                              {"sysfs", "/sys", true},
                              {"devtmpfs", "/dev", true},
                              {"bpf", "/sys/fs/bpf", true},
                              {"cgroup2", "/sys/fs/cgroup", false},
                              {"debugfs", "/sys/kernel/debug", false},
                              {"tracefs", "/sys/kernel/tracing", false}};
  for (const Mount& row : mounts) {
    ::mkdir(row.where, 0755);
    if (::mount(row.type, row.where, row.type, 0, nullptr) != 0 && row.needed && errno != EBUSY) {
      fmt::print(stderr, "live: {} on {}: {}\n", row.type, row.where, base::errno_text(errno));
      return false;
    }
  }
  return true;
}

// /modules/NN-NAME.ko, in their order.
void load_modules() {
  std::vector<std::string> paths;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator("/modules", none))
    paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || ::syscall(SYS_finit_module, fd, "", 0) != 0)
      fmt::print(stderr, "live: {}: {}\n", path, base::errno_text(errno));
    if (fd >= 0) ::close(fd);
  }
}

// The virtio-serial port that answers leave the machine by: it appears some time after the drivers.
int open_port() {
  for (int tries = 0; tries < 100; tries++) {
    int fd = ::open("/dev/vport0p1", O_WRONLY | O_CLOEXEC);
    if (fd < 0) fd = ::open("/dev/vport1p1", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) return fd;
    ::usleep(100'000);
  }
  return -1;
}

[[noreturn]] void be_init(int count, char** words) {
  Settings settings;
  settings.trial.objects = "/objects";
  settings.list = "/list";
  settings.trial.seconds = 600;  // the processor is emulated
  if (mount_all()) {
    load_modules();
    parse(count, words, settings);
    int to = open_port();
    if (to < 0) fmt::print(stderr, "live: no virtio-serial port\n");
    if (settings.unprivileged) write_text("/proc/sys/kernel/unprivileged_bpf_disabled", "0");
    if (to >= 0 && (!settings.unprivileged || give_up_privileges()) && judge(settings, to) == 0)
      write_all(to, "{\"done\": true}\n");
  }
  std::fflush(nullptr);
  ::sync();
  if (settings.unprivileged) ::_exit(0);  // may not switch the machine off: the kernel's panic does
  ::reboot(RB_AUTOBOOT);
  ::_exit(1);
}

}  // namespace

int main(int count, char** words) {
  if (::getpid() == 1) be_init(count, words);
  Settings settings;
  if (!parse(count, words, settings)) {
    fmt::print(stderr, "{}", usage_text);
    return 2;
  }
  int to = STDOUT_FILENO;
  if (!settings.out.empty()) {
    to = ::open(settings.out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (to < 0) return report({errno, fmt::format("{}: {}", settings.out, base::errno_text(errno))});
  }
  if (settings.unprivileged && !give_up_privileges()) return report({errno, "cannot give up privileges"});
  return judge(settings, to);
}
