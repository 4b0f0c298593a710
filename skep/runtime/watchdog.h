// Watchdog: stops runs of verified programs that take longer than Options::time_limit_ns. Native code counts
// no instructions; it looks at RunContext::cancel on back edges and callbacks.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace skep::runtime {

struct Cpu;

class Watchdog {
 public:
  // Watches runs on these CPUs, which must outlive it, from a thread of its own. A run ends between once and
  // one and a half times the limit.
  Watchdog(const std::vector<std::unique_ptr<Cpu>>& cpus, std::uint64_t limit_ns);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void watch();
  const std::vector<std::unique_ptr<Cpu>>& cpus_;
  std::uint64_t limit_ns_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace skep::runtime
