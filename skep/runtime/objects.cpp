// The descriptor table, and what a thread's last error was.
#include "skep/runtime/objects.h"

#include "skep/maps/references.h"
#include "skep/runtime/task.h"

namespace skep::runtime {

File::File(std::shared_ptr<Object> of, bool read, bool write)
    : object(std::move(of)), may_read(read), may_write(write) {
  if (!object || object->kind != Kind::map) return;
  auto& map = static_cast<MapObject&>(*object);
  if (!map.map || map.map->definition().type != uapi::MapType::prog_array) return;
  std::lock_guard lock(map.owner_lock);
  held = map.held.lock();
  if (held) return;
  auto* array = static_cast<maps::ReferenceArray*>(map.map.get());
  held = std::shared_ptr<void>(array, [](void* last) { static_cast<maps::ReferenceArray*>(last)->clear(); });
  map.held = held;
}

std::shared_ptr<const KeptMap> describe(const MapObject& object) {
  const maps::Definition& d = object.map->definition();
  auto kept = std::make_shared<KeptMap>();
  verify::MapModel& model = kept->model;
  model.name = d.name;
  model.type = d.type;
  model.key_size = d.key_size;
  model.value_size = d.value_size;
  model.max_entries = d.max_entries;
  model.flags = d.flags;
  model.frozen = object.map->frozen();
  if (object.btf) {
    kept->btf = object.btf->kept;
    model.btf = kept->btf->types.get();
    model.key_type = object.btf_key_type_id;
    model.value_type = object.btf_value_type_id;
  }
  kept->inner = object.inner;
  // What nobody can change any more are constants to the program.
  if (model.frozen && d.type == uapi::MapType::array && (d.flags & maps::map_flag::rdonly_prog)) {
    const std::uint32_t first = 0;
    kept->contents.resize(object.map->user_value_size());
    if (object.map->lookup(&first, kept->contents.data(), 0) == 0) {
      kept->contents.resize(d.value_size);
      model.contents = kept->contents;
    }
  }
  return kept;
}

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
