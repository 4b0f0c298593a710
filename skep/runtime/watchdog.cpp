// One look at each CPU every quarter of the limit.
#include "skep/runtime/watchdog.h"

#include <algorithm>
#include <chrono>

#include "skep/runtime/cpu.h"

namespace skep::runtime {

using Clock = std::chrono::steady_clock;

Watchdog::Watchdog(const std::vector<std::unique_ptr<Cpu>>& cpus, std::uint64_t limit_ns)
    : cpus_(cpus), limit_ns_(limit_ns), thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
  {
    std::lock_guard lock(mutex_);
    over_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Watchdog::watch() {
  struct Seen {
    std::uint64_t runs = 0, progress = 0;
    Clock::time_point since{};
  };
  std::vector<Seen> seen(cpus_.size());
  const std::chrono::nanoseconds limit(std::min<std::uint64_t>(limit_ns_, INT64_MAX));
  const std::chrono::nanoseconds pause =
      std::max<std::chrono::nanoseconds>(limit / 4, std::chrono::microseconds(200));
  std::unique_lock lock(mutex_);
  while (!over_) {
    wake_.wait_for(lock, pause);
    const Clock::time_point now = Clock::now();
    for (std::size_t i = 0; i < cpus_.size(); i++) {
      Cpu& cpu = *cpus_[i];
      std::uint64_t runs = cpu.runs.load(std::memory_order_acquire);
      std::uint64_t progress = cpu.progress.load(std::memory_order_relaxed);
      if (runs != seen[i].runs || progress != seen[i].progress) {
        seen[i] = {runs, progress, now};
      } else if ((runs & 1) != 0 && now - seen[i].since >= limit) {
        cpu.stop_run(runs);
      }
    }
  }
}

}  // namespace skep::runtime
