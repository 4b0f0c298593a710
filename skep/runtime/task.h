// Task: the caller of a command, with its descriptors and its memory.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "skep/runtime/judged.h"
#include "skep/runtime/objects.h"
#include "skep/runtime/user_memory.h"

namespace skep::runtime {

class Task {
 public:
  FdTable files;
  UserMemory memory;

  // What the last failing command had to say; per thread, because commands run side by side.
  static void set_error(std::string text);
  static const std::string& error();

  void set_fault(std::string text) {
    std::lock_guard lock(fault_lock_);
    fault_ = std::move(text);
  }
  std::optional<std::string> take_fault() {
    std::lock_guard lock(fault_lock_);
    return std::exchange(fault_, std::nullopt);
  }

  // The verdict that refused the last program; null when the verifier did not.
  void set_refusal(std::shared_ptr<const Judged> refusal) {
    std::lock_guard lock(fault_lock_);
    refusal_ = std::move(refusal);
  }
  std::shared_ptr<const Judged> refusal() {
    std::lock_guard lock(fault_lock_);
    return refusal_;
  }

 private:
  std::mutex fault_lock_;
  std::optional<std::string> fault_;
  std::shared_ptr<const Judged> refusal_;
};

// Says why in the task's error and returns -code.
template <class... Args>
long refuse(int code, fmt::format_string<Args...> format, Args&&... args) {
  Task::set_error(fmt::format(format, std::forward<Args>(args)...));
  return -code;
}
inline long refuse(Error error) {
  Task::set_error(std::move(error.message));
  return -error.code;
}

}  // namespace skep::runtime
