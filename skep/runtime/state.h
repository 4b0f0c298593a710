// What a Runtime consists of, and what a command gets: private to this folder.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "skep/maps/bell.h"
#include "skep/maps/graveyard.h"
#include "skep/runtime/inputs.h"
#include "skep/runtime/kernel_types.h"
#include "skep/runtime/objects.h"
#include "skep/runtime/runtime.h"
#include "skep/runtime/task.h"
#include "skep/runtime/watchdog.h"

namespace skep::runtime {

struct Cpu;  // cpu.h: one CPU that runs can lease

// The virtual bpffs: a null object is a directory.
struct Pins {
  std::shared_mutex mutex;
  std::map<std::string, File> entries;  // by absolute path without a trailing slash
};

// Keeps what maps let go of until the runs that may hold it have ended: each CPU counts its runs, odd while
// one is under way.
class RunGraveyard final : public maps::Graveyard {
 public:
  explicit RunGraveyard(const std::vector<std::unique_ptr<Cpu>>& cpus) : cpus_(cpus) {}
  ~RunGraveyard() override;
  void retire(std::shared_ptr<void> object) override;

 private:
  struct Grave {
    std::shared_ptr<void> object;
    std::vector<std::uint64_t> seen;  // the counts of all CPUs when it came
  };
  bool is_over(const Grave& grave) const;
  const std::vector<std::unique_ptr<Cpu>>& cpus_;
  std::mutex mutex_;
  std::vector<Grave> graves_;
};

// struct bpf_sock of the UAPI: what programs read of a socket.
struct BpfSock {
  std::uint32_t bound_dev_if, family, type, protocol, mark, priority;
  std::uint32_t src_ip4, src_ip6[4], src_port;
  std::uint16_t dst_port, pad;
  std::uint32_t dst_ip4, dst_ip6[4], state;
  std::int32_t rx_queue_mapping;
};
static_assert(sizeof(BpfSock) == 80);

// Runs programs in place of the interpreter: for comparing engines.
class Engine {
 public:
  virtual ~Engine() = default;
  // As vm::Machine::run on prog.image and the CPU's context.
  virtual bool run(const ProgObject& prog, Cpu& cpu, std::uint64_t* r0) = 0;
  // Why the last run returned false.
  virtual std::string fault() const = 0;
};

struct Sockets {
  std::vector<SocketEntry> entries;
  std::vector<BpfSock> seen;  // the same, as programs see them
};

struct Runtime::State {
  State();
  ~State();
  Options options;
  std::uint32_t cpu_count = 1;
  // Null: no such device.
  const Device* find_device(std::uint32_t ifindex) const {
    for (const Device& device : options.devices)
      if (device.ifindex == ifindex) return &device;
    return nullptr;
  }
  // Before all that may hold maps: those use both when they go.
  std::vector<std::unique_ptr<Cpu>> cpus;
  RunGraveyard graveyard{cpus};
  maps::Bell bell;
  Ids<MapObject> maps;
  Ids<ProgObject> progs;
  Ids<BtfObject> btfs;
  std::unique_ptr<KernelTypesFile> kernel_types;
  Pins pins;
  std::atomic<PrintkFn> printk{nullptr};
  std::atomic<void*> printk_user{nullptr};
  // Replaced whole; runs under way go on with what they found.
  std::shared_ptr<const std::vector<Route>> routes_owner;
  std::shared_ptr<const Sockets> sockets_owner;
  std::atomic<const std::vector<Route>*> routes{nullptr};
  std::atomic<const Sockets*> sockets{nullptr};
  std::mutex tables_lock;
  Engine* engine = nullptr;  // null: the interpreter; not changed while programs run
  std::unique_ptr<image::Inputs> own_inputs;
  std::atomic<image::Inputs*> inputs{nullptr};
  // From the first program on that may run for any time.
  void watch_runs();
  std::once_flag watched;
  std::unique_ptr<Watchdog> watchdog;  // goes first
};

// sizeof(union bpf_attr) of the kernel that the layouts of attr.h follow.
inline constexpr std::uint32_t attr_size = sizeof(uapi::ProgLoadAttr);

// One command under way.
struct Call {
  Runtime::State& state;
  Task& task;
  std::uint64_t user;  // address of the caller's attr
  std::uint32_t size;  // bytes that the caller gave
  alignas(8) std::uint8_t bytes[attr_size] = {};

  template <class T>
  const T& attr() const {
    static_assert(sizeof(T) <= attr_size);
    return *reinterpret_cast<const T*>(bytes);
  }
  // Writes an output field back; what lies beyond the bytes that the caller gave is not written.
  template <class T>
  bool put(std::size_t offset, const T& value) const {
    return offset + sizeof value > size || task.memory.put(user + offset, value);
  }
};

// Bytes up to the end of a field: what comes behind it in the attr must be zero for that command.
#define SKEP_ATTR_END(type, field) \
  static_cast<std::uint32_t>(offsetof(uapi::type, field) + sizeof(uapi::type::field))

// Commands, one file per group. Each returns a descriptor, 0 or -errno.
long map_create(Call&);
long map_lookup(Call&);
long map_update(Call&);
long map_delete(Call&);
long map_next_key(Call&);
long map_lookup_and_delete(Call&);
long map_freeze(Call&);
long map_lookup_batch(Call&);
long map_lookup_and_delete_batch(Call&);
long map_update_batch(Call&);
long map_delete_batch(Call&);
long prog_load(Call&);
long prog_test_run(Call&);
long prog_bind_map(Call&);
long obj_get_info(Call&);
long btf_load(Call&);
long obj_pin(Call&);
long obj_get(Call&);
long prog_next_id(Call&);
long map_next_id(Call&);
long btf_next_id(Call&);
long prog_fd_by_id(Call&);
long map_fd_by_id(Call&);
long btf_fd_by_id(Call&);

// The object behind a descriptor, or -errno: EBADF when nothing is open there, EINVAL for another kind.
template <class T>
struct Opened {
  std::shared_ptr<T> object;
  bool may_read = false, may_write = false;
  long error = 0;
  explicit operator bool() const { return error == 0; }
  T* operator->() const { return object.get(); }
};
template <class T>
Opened<T> open_as(const Task& task, std::uint32_t fd) {
  File file = task.files.find(static_cast<int>(fd));
  Opened<T> opened;
  if (!file.object) {
    opened.error = -EBADF;
  } else if (file.object->kind != T::its_kind) {
    opened.error = -EINVAL;
  } else {
    opened.object = std::static_pointer_cast<T>(std::move(file.object));
    opened.may_read = file.may_read;
    opened.may_write = file.may_write;
  }
  return opened;
}

// Whether a program may stand in a program array, or use it: all programs of one array have one type. The
// first one decides.
bool fits_together(MapObject& array, const ProgObject& prog);

// The rules of object names: letters, digits, '_' and '.', ended by a NUL within 16 bytes. False: EINVAL.
bool valid_name(const char (&name)[uapi::obj_name_len]);

}  // namespace skep::runtime
