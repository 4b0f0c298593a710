// The two sources of nondeterministic inputs.
#include "skep/runtime/inputs.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <random>

namespace skep::runtime {
namespace {

// splitmix64: every state is a good one, so any seed will do.
std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

constexpr std::uint64_t jiffy_ns = 4'000'000;  // HZ=250, as Debian's kernels

class MachineInputs final : public image::Inputs {
 public:
  std::uint64_t ktime_ns() override { return read(CLOCK_MONOTONIC); }
  std::uint64_t boot_ns() override { return read(CLOCK_BOOTTIME); }
  std::uint64_t tai_ns() override { return read(CLOCK_TAI); }
  std::uint64_t coarse_ns() override { return read(CLOCK_MONOTONIC_COARSE); }
  // The kernel's counter starts five minutes before it would wrap in 32 bits.
  std::uint64_t jiffies() override { return 0xffffffff - 300 * 250 + 1 + read(CLOCK_MONOTONIC) / jiffy_ns; }
  std::uint32_t prandom() override {
    thread_local std::uint64_t state = [] {
      std::random_device device;
      return std::uint64_t{device()} << 32 | device();
    }();
    return static_cast<std::uint32_t>(next_random(state));
  }
  std::uint64_t pid_tgid() override {
    return static_cast<std::uint64_t>(getpid()) << 32 | static_cast<std::uint32_t>(syscall(SYS_gettid));
  }
  std::uint64_t uid_gid() override { return static_cast<std::uint64_t>(getgid()) << 32 | getuid(); }
  std::string_view comm() override {
    thread_local char name[17];
    if (prctl(PR_GET_NAME, name) != 0) return {};
    return {name, strnlen(name, 15)};
  }

 private:
  static std::uint64_t read(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
  }
};

class SeededInputs final : public image::Inputs {
 public:
  explicit SeededInputs(std::uint64_t seed) : state_(seed) {}
  std::uint64_t ktime_ns() override { return tick(); }
  std::uint64_t boot_ns() override { return tick(); }
  std::uint64_t tai_ns() override { return epoch_ns + tick(); }
  std::uint64_t coarse_ns() override { return tick() / jiffy_ns * jiffy_ns; }
  std::uint64_t jiffies() override { return tick() / jiffy_ns; }
  std::uint32_t prandom() override {
    std::uint64_t mine = state_.fetch_add(0x9e3779b97f4a7c15);
    return static_cast<std::uint32_t>(next_random(mine));
  }
  std::uint64_t pid_tgid() override { return std::uint64_t{1} << 32 | 1; }
  std::uint64_t uid_gid() override { return 0; }
  std::string_view comm() override { return "skep"; }

 private:
  static constexpr std::uint64_t epoch_ns = 1'700'000'000'000'000'000;
  std::uint64_t tick() { return now_.fetch_add(1000); }
  std::atomic<std::uint64_t> state_;
  std::atomic<std::uint64_t> now_{1'000'000'000};
};

}  // namespace

std::unique_ptr<image::Inputs> machine_inputs() { return std::make_unique<MachineInputs>(); }
std::unique_ptr<image::Inputs> seeded_inputs(std::uint64_t seed) {
  return std::make_unique<SeededInputs>(seed);
}

}  // namespace skep::runtime
