// BPF_MAP_CREATE and the element commands. Facts: kernel/bpf/syscall.c, man 2 bpf.
#include <algorithm>
#include <cstring>
#include <new>

#include "skep/runtime/state.h"

namespace skep::runtime {

using maps::Map;
using uapi::MapBatchAttr;
using uapi::MapCreateAttr;
using uapi::MapElemAttr;
using uapi::MapOp;
using uapi::MapType;

namespace {

// A caller's key or value in our memory; small ones need no allocation. at() is null where there is no
// memory: a bloom filter's values may be up to 4 GiB, and the kernel gives no 2 GiB either.
class Scratch {
 public:
  explicit Scratch(std::size_t size)
      : at_(size <= sizeof small_ ? small_
            : size > INT32_MAX    ? nullptr
                                  : new(std::nothrow) std::uint8_t[size]) {}
  ~Scratch() {
    if (at_ != small_) delete[] at_;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::uint8_t* at() { return at_; }

 private:
  alignas(8) std::uint8_t small_[256];
  std::uint8_t* at_;
};

bool is_queue(const Map& map) {
  MapType type = map.definition().type;
  return type == MapType::queue || type == MapType::stack;
}

// Copies the key in: 0 or -errno. A map without keys must get none.
long read_key(const Call& call, const Map& map, std::uint64_t from, Scratch& key) {
  std::uint32_t size = map.definition().key_size;
  if (size == 0) return from ? -EINVAL : 0;
  return call.task.memory.read(key.at(), from, size) ? 0 : -EFAULT;
}

Opened<MapObject> open_map(const Call& call, std::uint32_t fd) {
  Opened<MapObject> opened = open_as<MapObject>(call.task, fd);
  if (opened && opened->map->frozen()) opened.may_write = false;
  return opened;
}

// A value of a devmap or cpumap, as users write it.
struct TargetValue {
  std::uint32_t word = 0;    // ifindex, queue size; 0: nothing
  std::int32_t prog_fd = 0;  // above 0: a program
};

TargetValue target_value(const Map& map, const void* value) {
  TargetValue target;
  std::memcpy(&target, value, std::min<std::size_t>(map.definition().value_size, sizeof target));
  return target;
}

// The program that runs at a target; false: it may not stand there.
bool read_target_program(const Call& call, MapObject& object, const TargetValue& target,
                         uapi::AttachType attach, maps::Reference& reference) {
  Opened<ProgObject> prog = open_as<ProgObject>(call.task, static_cast<std::uint32_t>(target.prog_fd));
  if (!prog || prog->image.type != uapi::ProgType::xdp || prog->image.attach_type != attach ||
      !fits_together(object, *prog.object)) {
    refuse(EINVAL, "map '{}': descriptor {} is no XDP program for it", object.map->definition().name,
           target.prog_fd);
    return false;
  }
  reference.keep = prog.object;
  reference.target = &prog->image;
  reference.id = prog->id;
  return true;
}

// The object that a value names by descriptor, for maps that hold objects.
long read_reference(const Call& call, MapObject& object, const void* value, maps::Reference& reference) {
  Map& map = *object.map;
  std::uint32_t fd;
  std::memcpy(&fd, value, sizeof fd);
  switch (map.definition().type) {
    case MapType::prog_array: {
      Opened<ProgObject> prog = open_as<ProgObject>(call.task, fd);
      if (!prog) return prog.error;
      if (!fits_together(object, *prog.object))
        return refuse(EINVAL, "map '{}': holds programs of another type than '{}'", map.definition().name,
                      prog->image.name);
      reference = {prog.object, &prog->image, prog->id};
      return 0;
    }
    case MapType::array_of_maps:
    case MapType::hash_of_maps: {
      Opened<MapObject> inner = open_as<MapObject>(call.task, fd);
      if (!inner) return inner.error;
      const maps::Definition& want = map.definition().inner->definition();
      const maps::Definition& have = inner->map->definition();
      bool any_count = want.type != MapType::array || (want.flags & maps::map_flag::inner_map);
      if (want.type != have.type || want.key_size != have.key_size || want.value_size != have.value_size ||
          want.flags != have.flags || (!any_count && want.max_entries != have.max_entries))
        return refuse(EINVAL, "map '{}': map '{}' does not fit its inner map's definition",
                      map.definition().name, have.name);
      reference = {inner.object, &inner->map->descriptor(), inner->id};
      return 0;
    }
    case MapType::devmap:
    case MapType::devmap_hash: {
      TargetValue target = target_value(map, value);
      reference.word = target.word;
      if (target.word && !call.state.find_device(target.word))
        return refuse(EINVAL, "map '{}': there is no device with ifindex {}", map.definition().name,
                      target.word);
      if (target.prog_fd <= 0) return 0;
      if (!target.word) return -EINVAL;
      return read_target_program(call, object, target, uapi::AttachType::xdp_devmap, reference) ? 0 : -EINVAL;
    }
    case MapType::cpumap: {
      TargetValue target = target_value(map, value);
      reference.word = target.word;
      if (!target.word || target.prog_fd <= 0) return 0;
      // The kernel makes the whole entry or says that it could not.
      return read_target_program(call, object, target, uapi::AttachType::xdp_cpumap, reference) ? 0 : -ENOMEM;
    }
    case MapType::xskmap:
      return call.task.files.find(static_cast<int>(fd)).object
                 ? refuse(ENOTSOCK, "map '{}': descriptor {} is no socket", map.definition().name, fd)
                 : refuse(EBADF, "map '{}': {} is no descriptor; this runtime has no AF_XDP sockets",
                          map.definition().name, fd);
    case MapType::perf_event_array:
      return refuse(EBADF, "map '{}': {} is no perf event; this runtime has none", map.definition().name, fd);
    default: return -EINVAL;
  }
}

long update_one(const Call& call, MapObject& object, const void* key, const void* value,
                std::uint64_t flags) {
  Map& map = *object.map;
  if (!map.holds_references()) return map.update(key, value, flags);
  if (long error = map.check_update(key, value, flags)) return error;
  maps::Reference reference;
  if (long error = read_reference(call, object, value, reference)) return error;
  return map.update_reference(key, std::move(reference), flags);
}

// Offset of a struct bpf_spin_lock among the members of the value's type, or -1.
std::int32_t find_spin_lock(const BtfObject& btf, std::uint32_t type_id) {
  Result<btf::TypeId> resolved = btf.types().resolve(type_id);
  if (!resolved) return -1;
  btf::Type type = btf.types().type(*resolved);
  if (type.kind != btf::Kind::struct_) return -1;
  for (std::size_t i = 0; i < type.members().size(); i++) {
    btf::Member member = type.members()[i];
    Result<btf::TypeId> of = btf.types().resolve(member.type);
    if (of && btf.types().type(*of).kind == btf::Kind::struct_ && btf.types().name(*of) == "bpf_spin_lock" &&
        member.bit_offset % 32 == 0)
      return static_cast<std::int32_t>(member.bit_offset / 8);
  }
  return -1;
}

}  // namespace

long map_create(Call& call) {
  const auto& attr = call.attr<MapCreateAttr>();
  if (Result<void> allowed = uapi::check_map_create(attr); !allowed)
    return refuse(Error(std::move(allowed.error()).in("BPF_MAP_CREATE")));
  auto type = static_cast<MapType>(attr.map_type);
  if (attr.excl_prog_hash || attr.excl_prog_hash_size)
    return refuse(EINVAL, "map '{}': exclusive maps are not available in this runtime", attr.map_name);
  if (attr.map_ifindex)
    return refuse(EINVAL, "map '{}': offloading to a device is not available in this runtime", attr.map_name);

  auto object = std::make_shared<MapObject>();
  maps::Definition d;
  d.type = type;
  d.key_size = attr.key_size;
  d.value_size = attr.value_size;
  d.max_entries = attr.max_entries;
  // What the descriptor may do is no property of the map.
  constexpr std::uint32_t of_descriptor = maps::map_flag::rdonly | maps::map_flag::wronly;
  d.flags = attr.map_flags & ~(maps::map_flag::token_fd | of_descriptor);
  d.numa_node = attr.numa_node;
  d.extra = attr.map_extra;
  d.name.assign(attr.map_name, strnlen(attr.map_name, sizeof attr.map_name - 1));
  d.cpus = call.state.cpu_count;
  d.bell = &call.state.bell;
  d.graveyard = &call.state.graveyard;
  if (attr.btf_key_type_id || attr.btf_value_type_id) {
    Opened<BtfObject> btf = open_as<BtfObject>(call.task, attr.btf_fd);
    if (!btf) return btf.error;
    if (Result<void> agree = check_map_types(attr, btf->types()); !agree)
      return refuse(std::move(agree.error()));
    object->btf = btf.object;
    object->btf_key_type_id = attr.btf_key_type_id;
    object->btf_value_type_id = attr.btf_value_type_id;
    d.spin_lock_at = find_spin_lock(*btf.object, attr.btf_value_type_id);
  }
  if (type == MapType::array_of_maps || type == MapType::hash_of_maps) {
    Opened<MapObject> inner = open_as<MapObject>(call.task, attr.inner_map_fd);
    if (!inner) return inner.error;
    d.inner = inner->map;
    object->inner = describe(*inner.object);
  }
  d.id = object->id = call.state.maps.reserve();
  d.hash_seed = (attr.map_flags & maps::map_flag::zero_seed) ? 0
                : call.state.options.deterministic           ? call.state.options.seed
                                                   : std::uint64_t{call.state.own_inputs->prandom()} << 32 |
                                                         call.state.own_inputs->prandom();
  Result<std::shared_ptr<Map>> made = maps::create(d);
  if (!made) return refuse(std::move(made.error()));
  if (attr.map_flags & maps::map_flag::token_fd)
    return refuse(EINVAL, "map '{}': tokens are not available in this runtime", attr.map_name);
  object->map = std::move(*made);
  call.state.maps.add(object);
  File file{object, !(attr.map_flags & maps::map_flag::wronly), !(attr.map_flags & maps::map_flag::rdonly)};
  return call.task.files.add(std::move(file));
}

long map_lookup(Call& call) {
  const auto& attr = call.attr<MapElemAttr>();
  if (attr.flags & ~maps::f_lock) return -EINVAL;
  Opened<MapObject> object = open_map(call, attr.map_fd);
  if (!object) return object.error;
  if (!object.may_read) return -EPERM;
  Map& map = *object->map;
  if (attr.flags && map.definition().spin_lock_at < 0) return -EINVAL;
  Scratch key(map.definition().key_size), value(map.user_value_size());
  if (!key.at() || !value.at()) return -ENOMEM;
  // A bloom filter is asked about the value.
  if (map.definition().type == MapType::bloom_filter) {
    if (attr.key) return -EINVAL;
    if (!call.task.memory.read(value.at(), attr.value, map.user_value_size())) return -EFAULT;
    return map.lookup(nullptr, value.at(), attr.flags);
  }
  if (long error = read_key(call, map, attr.key, key)) return error;
  if (long error = map.lookup(key.at(), value.at(), attr.flags)) return error;
  return call.task.memory.write(attr.value, value.at(), map.user_value_size()) ? 0 : -EFAULT;
}

long map_update(Call& call) {
  const auto& attr = call.attr<MapElemAttr>();
  Opened<MapObject> object = open_map(call, attr.map_fd);
  if (!object) return object.error;
  if (!object.may_write) return -EPERM;
  Map& map = *object->map;
  if ((attr.flags & maps::f_lock) && map.definition().spin_lock_at < 0) return -EINVAL;
  Scratch key(map.definition().key_size), value(map.user_value_size());
  if (!key.at() || !value.at()) return -ENOMEM;
  if (long error = read_key(call, map, attr.key, key)) return error;
  if (!call.task.memory.read(value.at(), attr.value, map.user_value_size())) return -EFAULT;
  return update_one(call, *object.object, key.at(), value.at(), attr.flags);
}

long map_delete(Call& call) {
  const auto& attr = call.attr<MapElemAttr>();
  Opened<MapObject> object = open_map(call, attr.map_fd);
  if (!object) return object.error;
  if (!object.may_write) return -EPERM;
  Map& map = *object->map;
  Scratch key(map.definition().key_size);
  if (!key.at()) return -ENOMEM;
  if (long error = read_key(call, map, attr.key, key)) return error;
  return map.remove(key.at());
}

long map_next_key(Call& call) {
  const auto& attr = call.attr<MapElemAttr>();
  Opened<MapObject> object = open_map(call, attr.map_fd);
  if (!object) return object.error;
  if (!object.may_read) return -EPERM;
  Map& map = *object->map;
  Scratch key(map.definition().key_size), next(map.definition().key_size);
  if (!key.at() || !next.at()) return -ENOMEM;
  if (attr.key)
    if (long error = read_key(call, map, attr.key, key)) return error;
  if (long error = map.next_key(attr.key ? key.at() : nullptr, next.at())) return error;
  return call.task.memory.write(attr.value, next.at(), map.definition().key_size) ? 0 : -EFAULT;
}

long map_lookup_and_delete(Call& call) {
  const auto& attr = call.attr<MapElemAttr>();
  if (attr.flags & ~maps::f_lock) return -EINVAL;
  Opened<MapObject> object = open_map(call, attr.map_fd);
  if (!object) return object.error;
  if (!object.may_read || !object.may_write) return -EPERM;
  Map& map = *object->map;
  if (attr.flags && is_queue(map)) return -EINVAL;
  if ((attr.flags & maps::f_lock) && map.definition().spin_lock_at < 0) return -EINVAL;
  Scratch key(map.definition().key_size), value(map.user_value_size());
  if (!key.at() || !value.at()) return -ENOMEM;
  if (long error = read_key(call, map, attr.key, key)) return error;
  if (long refused = map.answer(MapOp::lookup_and_delete)) return refused;
  if (long error = map.lookup_and_delete(key.at(), value.at(), attr.flags)) return error;
  return call.task.memory.write(attr.value, value.at(), map.user_value_size()) ? 0 : -EFAULT;
}

long map_freeze(Call& call) {
  const auto& attr = call.attr<MapElemAttr>();
  Opened<MapObject> object = open_map(call, attr.map_fd);
  if (!object) return object.error;
  if (!object.may_write) return -EPERM;
  return object->map->freeze();
}

namespace {

// The token of a batched walk is the key to go on from. Users give room for the key, at least 4 bytes.
long lookup_batch(Call& call, bool then_delete) {
  const auto& attr = call.attr<MapBatchAttr>();
  Opened<MapObject> object = open_map(call, attr.map_fd);
  if (!object) return object.error;
  if (!object.may_read || (then_delete && !object.may_write)) return -EPERM;
  Map& map = *object->map;
  if (long refused = map.answer(then_delete ? MapOp::lookup_and_delete_batch : MapOp::lookup_batch))
    return refused;
  // Hashes walk bucket by bucket: they alone look at `flags`, and say at once that nothing is left.
  bool by_bucket = map.definition().type != MapType::lpm_trie && !map.answer(MapOp::delete_batch);
  if ((attr.elem_flags & ~maps::f_lock) || (by_bucket && attr.flags)) return -EINVAL;
  if ((attr.elem_flags & maps::f_lock) && map.definition().spin_lock_at < 0) return -EINVAL;
  if (attr.count == 0) return 0;
  if (!call.put(offsetof(MapBatchAttr, count), std::uint32_t{0})) return -EFAULT;

  std::uint32_t key_size = map.definition().key_size, value_size = map.user_value_size();
  Scratch previous(key_size), key(key_size), value(std::max(key_size, value_size));
  if (!key.at() || !value.at() || !previous.at()) return -ENOMEM;
  bool have_previous = attr.in_batch != 0;
  if (have_previous && !call.task.memory.read(previous.at(), attr.in_batch, key_size)) return -EFAULT;
  std::uint32_t done = 0;
  long error = 0;
  while (done < attr.count) {
    error = map.next_key(have_previous ? previous.at() : nullptr, key.at());
    if (error) break;
    error = then_delete ? map.lookup_and_delete(key.at(), value.at(), attr.elem_flags)
                        : map.lookup(key.at(), value.at(), attr.elem_flags);
    if (error == -ENOENT) continue;  // deleted between the two steps
    if (error) break;
    if (!call.task.memory.write(attr.keys + std::uint64_t{done} * key_size, key.at(), key_size) ||
        !call.task.memory.write(attr.values + std::uint64_t{done} * value_size, value.at(), value_size))
      return -EFAULT;
    done++;
    if (then_delete) continue;  // the next one is the first again
    std::memcpy(previous.at(), key.at(), key_size);
    have_previous = true;
  }
  if (!error && by_bucket) error = map.next_key(have_previous ? previous.at() : nullptr, value.at());
  if (!call.put(offsetof(MapBatchAttr, count), done)) return -EFAULT;
  if (error == -EFAULT) return error;
  if (done && !call.task.memory.write(attr.out_batch, then_delete ? key.at() : previous.at(), key_size))
    return -EFAULT;
  return error;
}

template <class Each>
long write_batch(Call& call, MapOp op, Each each) {
  const auto& attr = call.attr<MapBatchAttr>();
  Opened<MapObject> object = open_map(call, attr.map_fd);
  if (!object) return object.error;
  if (!object.may_write) return -EPERM;
  Map& map = *object->map;
  if (long refused = map.answer(op)) return refused;
  if (attr.elem_flags & ~maps::f_lock) return -EINVAL;
  if ((attr.elem_flags & maps::f_lock) && map.definition().spin_lock_at < 0) return -EINVAL;
  if (attr.count == 0) return 0;
  Scratch key(map.definition().key_size), value(map.user_value_size());
  if (!key.at() || !value.at()) return -ENOMEM;
  std::uint32_t done = 0;
  long error = 0;
  for (; done < attr.count; done++) {
    std::uint64_t key_at = attr.keys + std::uint64_t{done} * map.definition().key_size;
    error = call.task.memory.read(key.at(), key_at, map.definition().key_size)
                ? each(*object.object, attr, done, key.at(), value)
                : -EFAULT;
    if (error) break;
  }
  if (!call.put(offsetof(MapBatchAttr, count), done)) return -EFAULT;
  return error;
}

}  // namespace

long map_lookup_batch(Call& call) { return lookup_batch(call, false); }
long map_lookup_and_delete_batch(Call& call) { return lookup_batch(call, true); }

long map_update_batch(Call& call) {
  return write_batch(
      call, MapOp::update_batch,
      [&](MapObject& object, const MapBatchAttr& attr, std::uint32_t i, void* key, Scratch& value) -> long {
        std::uint64_t at = attr.values + std::uint64_t{i} * object.map->user_value_size();
        if (!call.task.memory.read(value.at(), at, object.map->user_value_size())) return -EFAULT;
        return update_one(call, object, key, value.at(), attr.elem_flags);
      });
}

long map_delete_batch(Call& call) {
  return write_batch(call, MapOp::delete_batch,
                     [](MapObject& object, const MapBatchAttr&, std::uint32_t, void* key, Scratch&) -> long {
                       return object.map->remove(key);
                     });
}

}  // namespace skep::runtime
