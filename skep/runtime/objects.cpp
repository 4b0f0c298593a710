// The descriptor table, and what a thread's last error was.
#include "skep/runtime/objects.h"

#include "skep/runtime/task.h"

namespace skep::runtime {

int FdTable::add(File file) {
  std::unique_lock lock(mutex_);
  std::size_t at = 0;
  while (at < files_.size() && files_[at].object) at++;
  if (at == limit) return -EMFILE;
  if (at == files_.size())
    files_.push_back(std::move(file));
  else
    files_[at] = std::move(file);
  return first_fd + static_cast<int>(at);
}

File FdTable::find(int fd) const {
  auto at = static_cast<std::size_t>(static_cast<std::int64_t>(fd) - first_fd);
  std::shared_lock lock(mutex_);
  return at < files_.size() ? files_[at] : File{};
}

bool FdTable::remove(int fd) {
  auto at = static_cast<std::size_t>(static_cast<std::int64_t>(fd) - first_fd);
  File gone;  // its object may die here, outside of the lock
  std::unique_lock lock(mutex_);
  if (at >= files_.size() || !files_[at].object) return false;
  std::swap(gone, files_[at]);
  lock.unlock();
  return true;
}

namespace {
thread_local std::string last_error;
}

void Task::set_error(std::string text) { last_error = std::move(text); }
const std::string& Task::error() { return last_error; }

}  // namespace skep::runtime
