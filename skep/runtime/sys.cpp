// RuntimeSys: the runtime as a uapi::Sys of this process.
#include <sys/mman.h>

#include "skep/base/file.h"
#include "skep/runtime/state.h"

namespace skep::runtime {

RuntimeSys::RuntimeSys(Runtime& runtime) : runtime_(runtime), task_(std::make_unique<Task>()) {}
RuntimeSys::~RuntimeSys() = default;

long RuntimeSys::bpf(uapi::Command command, void* attr, std::uint32_t size) {
  return runtime_.bpf(*task_, command, reinterpret_cast<std::uint64_t>(attr), size);
}

long RuntimeSys::close(int fd) { return task_->files.remove(fd) ? 0 : -EBADF; }

long RuntimeSys::dup(int fd) {
  File file = task_->files.find(fd);
  return file.object ? task_->files.add(std::move(file)) : -EBADF;
}

// Maps, programs and BTF cannot be read (the kernel's dummy read answers the same).
long RuntimeSys::read(int fd, MutableBytes) { return task_->files.find(fd).object ? -EINVAL : -EBADF; }

long RuntimeSys::map(int fd, std::uint64_t offset, std::size_t length, bool writable, void** at) {
  Opened<MapObject> object = open_as<MapObject>(*task_, static_cast<std::uint32_t>(fd));
  if (!object) return object.error == -EINVAL ? -ENODEV : object.error;
  if (writable && !object.may_write) return -EPERM;
  return object->map->map_memory(offset, length, writable, at);
}

long RuntimeSys::unmap(void* at, std::size_t length) { return munmap(at, length) == 0 ? 0 : -errno; }

long RuntimeSys::wait(std::span<uapi::WaitItem> items, int timeout_ms) {
  std::vector<std::shared_ptr<MapObject>> maps;
  for (const uapi::WaitItem& item : items) {
    Opened<MapObject> object = open_as<MapObject>(*task_, static_cast<std::uint32_t>(item.fd));
    if (!object) return object.error;
    if (!object->map->waitable()) return -EPERM;  // as epoll_ctl(2) says of a map without poll
    maps.push_back(std::move(object.object));
  }
  runtime_.state().bell.wait(timeout_ms, [&] {
    for (const auto& map : maps)
      if (map->map->readable()) return true;
    return false;
  });
  long ready = 0;
  for (std::size_t i = 0; i < items.size(); i++) ready += items[i].ready = maps[i]->map->readable();
  return ready;
}

Result<Buffer> RuntimeSys::kernel_btf(std::string_view module) {
  if (!module.empty()) return fail(ENOENT, "the runtime has no BTF of a module '{}'", module);
  return base::read_file(runtime_.state().kernel_types->path());
}

Result<std::string> RuntimeSys::kallsyms() { return fail(ENOENT, "the runtime has no kernel symbols"); }
Result<std::string> RuntimeSys::kconfig() { return fail(ENOENT, "the runtime has no kernel configuration"); }
uapi::KernelVersion RuntimeSys::kernel_version() { return runtime_.options().version; }
std::uint32_t RuntimeSys::possible_cpus() { return runtime_.possible_cpus(); }

std::string RuntimeSys::last_error() const { return Task::error(); }
std::optional<std::string> RuntimeSys::take_fault() { return task_->take_fault(); }
std::shared_ptr<const Judged> RuntimeSys::refusal() const { return task_->refusal(); }
Runtime& RuntimeSys::runtime() { return runtime_; }

}  // namespace skep::runtime
