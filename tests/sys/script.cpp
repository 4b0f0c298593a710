// The calls, family by family.
#include "tests/sys/script.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "skep/isa/insn.h"
#include "skep/uapi/calls.h"

namespace skep::two_sides {
namespace {

using uapi::Command;
using uapi::MapBatchAttr;
using uapi::MapElemAttr;
using uapi::MapOp;
using uapi::MapType;
using uapi::ValueKind;

std::uint64_t address(const void* at) { return reinterpret_cast<std::uint64_t>(at); }

std::string hex(Bytes bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size() && i < 48; i++) out += fmt::format("{:02x}", bytes[i]);
  return bytes.size() > 48 ? fmt::format("{}... of {}", out, bytes.size()) : out;
}

constexpr std::uint64_t update_flags[] = {0, 1, 2, 3, 4, 5, 6, 8, std::uint64_t{1} << 32};

}  // namespace

// One map under test.
struct Script::Map {
  Script& script;
  const uapi::MapTypeRow& row;
  Shape shape;
  int fd;
  std::uint32_t cpus;

  std::size_t value_bytes() const {
    return static_cast<std::size_t>(uapi::user_value_size(row, shape.value, cpus));
  }
  bool plain_array() const { return row.key.max == 4 && row.can(MapOp::next_key) && keys_exist(); }
  // Arrays: every index is a key.
  bool keys_exist() const {
    switch (row.type) {
      case MapType::hash:
      case MapType::percpu_hash:
      case MapType::lru_hash:
      case MapType::lru_percpu_hash:
      case MapType::hash_of_maps:
      case MapType::devmap_hash:
      case MapType::lpm_trie: return false;
      default: return true;
    }
  }

  Buffer key(std::uint32_t number) const {
    Buffer key(shape.key);
    if (row.type == MapType::lpm_trie) {
      std::uint32_t bits = (shape.key - 4) * 8;
      std::memcpy(key.data(), &bits, 4);
      key[4] = 10;
      key[shape.key - 1] = static_cast<std::uint8_t>(number);
    } else if (shape.key) {
      std::memcpy(key.data(), &number, std::min<std::size_t>(4, key.size()));
    }
    return key;
  }

  // The value that stands for `number`; odd ones of reference maps name the other object.
  Buffer value(std::uint32_t number) const {
    Buffer value(value_bytes());
    auto words = [&](std::uint32_t first, std::int32_t second) {
      std::memcpy(value.data(), &first, 4);
      if (value.size() >= 8) std::memcpy(value.data() + 4, &second, 4);
    };
    switch (row.holds) {
      case ValueKind::prog_fd: words(static_cast<std::uint32_t>(script.programs_[number & 1].fd), 0); break;
      case ValueKind::map_fd: words(static_cast<std::uint32_t>(script.inner_maps_[number & 1].fd), 0); break;
      case ValueKind::device: words(1, number & 1 ? script.devmap_program_.fd : 0); break;
      case ValueKind::cpu_queue: words(16 + number % 8, number & 1 ? script.cpumap_program_.fd : 0); break;
      default:
        for (std::size_t i = 0; i < value.size(); i++)
          if (!row.per_cpu || i % 8 < shape.value % 8 || shape.value % 8 == 0)
            value[i] = static_cast<std::uint8_t>(number * 7 + i);
    }
    return value;
  }

  // A value that came back, with names for ids.
  std::string show(const Buffer& value) const {
    auto name = [&](std::uint32_t id) -> std::string {
      // Programs and maps have ids of their own each.
      std::size_t first = row.holds == ValueKind::map_fd ? 4 : 0, end = first ? 6 : 4;
      const Named* named[] = {&script.programs_[0],    &script.programs_[1],   &script.devmap_program_,
                              &script.cpumap_program_, &script.inner_maps_[0], &script.inner_maps_[1]};
      for (std::size_t i = first; i < end; i++)
        if (named[i]->id == id) return fmt::format("object {}", i);
      return fmt::format("id {}", id);
    };
    auto first = base::load<std::uint32_t>(value.data());
    switch (row.holds) {
      case ValueKind::prog_fd:
      case ValueKind::map_fd: return name(first);
      case ValueKind::device:
      case ValueKind::cpu_queue:
        return value.size() < 8
                   ? fmt::format("{}", first)
                   : fmt::format("{}, {}", first, name(base::load<std::uint32_t>(value.data() + 4)));
      default: return hex(value);
    }
  }

  MapElemAttr element(const void* key, const void* value, std::uint64_t flags = 0) const {
    auto attr = uapi::zeroed<MapElemAttr>();
    attr.map_fd = static_cast<std::uint32_t>(fd);
    attr.key = address(key);
    attr.value = address(value);
    attr.flags = flags;
    return attr;
  }
  const void* or_null(const Buffer& key) const { return shape.key ? key.data() : nullptr; }

  long update(std::uint32_t number, std::uint32_t what, std::uint64_t flags = 0) const {
    Buffer k = key(number), v = value(what);
    auto attr = element(or_null(k), v.data(), flags);
    return script.bpf(Command::map_update_elem, attr);
  }
  long remove(std::uint32_t number) const {
    Buffer k = key(number);
    auto attr = element(or_null(k), nullptr);
    return script.bpf(Command::map_delete_elem, attr);
  }
  std::string look(Command command, std::uint32_t number, std::uint64_t flags = 0) const {
    Buffer k = key(number), v(value_bytes() + 8);
    if (row.type == MapType::bloom_filter) v = value(number);
    auto attr = element(or_null(k), v.data(), flags);
    long error = script.bpf(command, attr);
    if (error) return fmt::format("{}", error);
    v.resize(value_bytes());
    return show(v);
  }
  // All keys in the order of next_key, hashes sorted; and how the walk ended.
  std::string keys() const {
    std::vector<std::string> found;
    Buffer k(shape.key + 1), next(shape.key + 1);
    long error = 0;
    for (int i = 0; i < 100; i++) {
      auto attr = element(i ? k.data() : nullptr, next.data());
      if ((error = script.bpf(Command::map_get_next_key, attr))) break;
      found.push_back(hex(Bytes(next.data(), shape.key)));
      std::swap(k, next);
    }
    if (!keys_exist()) std::ranges::sort(found);
    return fmt::format("{} then {}", fmt::join(found, " "), error);
  }
};

Script::Script(uapi::Sys& sys) : sys_(sys) {
  auto id_of = [&](int fd) {
    std::uint32_t words[2] = {};
    auto attr = uapi::zeroed<uapi::InfoAttr>();
    attr.bpf_fd = static_cast<std::uint32_t>(fd);
    attr.info_len = sizeof words;
    attr.info = address(words);
    bpf(Command::obj_get_info_by_fd, attr);
    return words[1];
  };
  auto program = [&](uapi::AttachType attach) {
    isa::Insn insns[2] = {};
    insns[0].opcode = 0xb7;  // r0 = 2
    insns[0].imm = 2;
    insns[1].opcode = 0x95;  // exit
    auto attr = uapi::zeroed<uapi::ProgLoadAttr>();
    attr.prog_type = static_cast<std::uint32_t>(uapi::ProgType::xdp);
    attr.expected_attach_type = static_cast<std::uint32_t>(attach);
    attr.insns = address(insns);
    attr.insn_cnt = 2;
    attr.license = address("GPL");
    int fd = static_cast<int>(bpf(Command::prog_load, attr));
    fds_.push_back(fd);
    return Named{fd, id_of(fd)};
  };
  for (Named& named : programs_) named = program(uapi::AttachType::xdp);
  devmap_program_ = program(uapi::AttachType::xdp_devmap);
  cpumap_program_ = program(uapi::AttachType::xdp_cpumap);
  auto map = [&](MapType type, std::uint32_t value) {
    int fd = static_cast<int>(create(type, {4, value, 2, 0, 0}));
    fds_.push_back(fd);
    return Named{fd, id_of(fd)};
  };
  for (Named& named : inner_maps_) named = map(MapType::array, 8);
  other_map_ = map(MapType::array, 16);
}

Script::~Script() {
  for (int fd : fds_) sys_.close(fd);
}

Script::Shape Script::shape_of(MapType type) {
  switch (type) {
    case MapType::hash: return {8, 12, 4};
    case MapType::percpu_hash: return {4, 12, 4};
    // Far from full: when an LRU evicts is not the same from kernel to kernel.
    case MapType::lru_hash: return {8, 12, 4096};
    case MapType::lru_percpu_hash: return {4, 12, 4096};
    case MapType::percpu_array: return {4, 12, 4};
    case MapType::array: return {4, 12, 5};
    case MapType::lpm_trie: return {8, 12, 4, uapi::map_no_prealloc};
    case MapType::hash_of_maps: return {8, 4, 4};
    case MapType::queue:
    case MapType::stack: return {0, 12, 3};
    case MapType::bloom_filter: return {0, 12, 16, 0, 3};
    case MapType::ringbuf: return {0, 0, 4096};
    case MapType::devmap:
    case MapType::devmap_hash:
    case MapType::cpumap: return {4, 8, 4};
    default: return {4, 4, 4};
  }
}

long Script::create(MapType type, const Shape& shape) {
  auto attr = uapi::zeroed<uapi::MapCreateAttr>();
  attr.map_type = static_cast<std::uint32_t>(type);
  attr.key_size = shape.key;
  attr.value_size = shape.value;
  attr.max_entries = shape.entries;
  attr.map_flags = shape.flags;
  attr.map_extra = shape.extra;
  std::strcpy(attr.map_name, "two_sides");
  if (type == MapType::array_of_maps || type == MapType::hash_of_maps)
    attr.inner_map_fd = static_cast<std::uint32_t>(inner_maps_[0].fd);
  return bpf(Command::map_create, attr);
}

void Script::variant(MapType type, const Shape& shape) {
  long fd = create(type, shape);
  note("create key {} value {} entries {} flags {:#x} extra {}: {}", shape.key, shape.value, shape.entries,
       shape.flags, shape.extra, std::min(fd, 0L));
  if (fd >= 0) sys_.close(static_cast<int>(fd));
}

void Script::create_variants(MapType type) {
  where_ = uapi::find_map_type(type)->name;
  Shape base = shape_of(type);
  if (base.key && base.entries > 5) base.entries = 4;  // the largest values times these must fit in memory
  constexpr std::uint32_t keys[] = {0,   1,   3,   4,    5,        8,          16, 260,
                                    261, 512, 513, 4096, 1u << 22, 0x7fffffff, ~0u};
  constexpr std::uint32_t values[] = {0,          1,
                                      3,          4,
                                      5,          7,
                                      8,          9,
                                      16,         32760,
                                      32768,      32769,
                                      65407,      (1u << 22) - 300,
                                      1u << 22,   (1u << 22) + 1,
                                      0x80000000, ~0u};
  std::vector<std::uint32_t> entries = {0, 1, 2, 3, 4095, 4096, 4097, 8192, 12288};
  if (type == MapType::cpumap) entries.resize(4);  // how many CPUs there can be is the kernel's configuration
  for (std::uint32_t key : keys)
    for (std::uint32_t value : values) {
      Shape shape = base;
      shape.key = key;
      shape.value = value;
      variant(type, shape);
    }
  for (std::uint32_t count : entries) {
    Shape shape = base;
    shape.entries = count;
    variant(type, shape);
    shape.flags |= uapi::map_no_prealloc;
    variant(type, shape);
  }
  for (std::uint32_t one = 0; one < 20; one++)
    for (std::uint32_t other = one; other < 20; other++) {
      Shape shape = base;
      shape.flags = 1u << one | 1u << other;
      // A token's descriptor would be asked for; offloading and other BTF need more than flags.
      if (shape.flags & uapi::map_token_fd) continue;
      variant(type, shape);
      shape.flags |= base.flags;
      variant(type, shape);
    }
  for (std::uint64_t extra :
       {std::uint64_t{1}, std::uint64_t{15}, std::uint64_t{16}, std::uint64_t{1} << 40}) {
    Shape shape = base;
    shape.extra = extra;
    variant(type, shape);
  }
}

void Script::element_commands(MapType type) {
  const uapi::MapTypeRow& row = *uapi::find_map_type(type);
  for (std::uint32_t flags : {0u, uapi::map_no_prealloc, uapi::map_rdonly, uapi::map_wronly}) {
    Shape shape = shape_of(type);
    if (flags & ~row.flags || (shape.flags & flags)) continue;
    if (flags && row.holds == ValueKind::map_fd) continue;  // each change waits for the kernel's readers
    shape.flags |= flags;
    where_ = flags ? fmt::format("{} with flags {:#x}", row.name, flags) : std::string(row.name);
    using Part = void (Script::*)(Map&);
    for (Part part : {&Script::singles, &Script::fill, &Script::batches, &Script::info_and_freeze}) {
      long fd = create(type, shape);
      note("create: {}", std::min(fd, 0L));
      if (fd < 0) return;
      Map map{*this, row, shape, static_cast<int>(fd), sys_.possible_cpus()};
      (this->*part)(map);
      sys_.close(map.fd);
    }
  }
}

void Script::singles(Map& map) {
  note("keys at first: {}", map.keys());
  note("lookup of nothing: {}", map.look(Command::map_lookup_elem, 1));
  note("delete of nothing: {}", map.remove(1));
  for (std::uint64_t flags : update_flags) {
    note("update missing, flags {:#x}: {}", flags, map.update(1, 1, flags));
    note("then lookup: {}", map.look(Command::map_lookup_elem, 1));
    note("update present, flags {:#x}: {}", flags, map.update(1, 2, flags));
    note("then lookup: {}", map.look(Command::map_lookup_elem, 1));
    note("lookup, flags {:#x}: {}", flags, map.look(Command::map_lookup_elem, 1, flags));
    note("update beyond, flags {:#x}: {}", flags, map.update(4096, 1, flags));
    note("keys: {}", map.keys());
    if (map.shape.key) note("delete: {}", map.remove(1));
    note("delete again: {}", map.remove(1));
    note("delete beyond: {}", map.remove(4096));
    note("lookup beyond: {}", map.look(Command::map_lookup_elem, 4096));
  }
  for (std::uint64_t flags : update_flags) {
    map.update(2, 2);
    note("lookup and delete, flags {:#x}: {}", flags,
         map.look(Command::map_lookup_and_delete_elem, 2, flags));
    note("again: {}", map.look(Command::map_lookup_and_delete_elem, 2, flags));
  }
  for (std::uint32_t number : {1u, 2u, 4096u}) map.remove(number);
  // Addresses that are not there, keys where there are none.
  Buffer key = map.key(1), value = map.value(1), room(map.value_bytes() + 8);
  for (Command command : {Command::map_lookup_elem, Command::map_update_elem, Command::map_delete_elem,
                          Command::map_get_next_key, Command::map_lookup_and_delete_elem}) {
    auto name = static_cast<std::uint32_t>(command);
    bool reads_value = command == Command::map_update_elem || map.row.type == MapType::bloom_filter;
    Buffer& with = reads_value ? value : room;
    for (const void* k : {static_cast<const void*>(nullptr), reinterpret_cast<const void*>(8),
                          static_cast<const void*>(key.data())})
      for (const void* v : {static_cast<const void*>(nullptr), reinterpret_cast<const void*>(8),
                            static_cast<const void*>(with.data())}) {
        if (command == Command::map_delete_elem && v) continue;
        map.update(1, 1);
        auto attr = map.element(k, v);
        note("command {} key {} value {}: {}", name, k == key.data() ? 1 : address(k),
             v == with.data() ? 1 : address(v), bpf(command, attr));
        if (!map.shape.key) break;
      }
    for (int fd : {-1, programs_[0].fd}) {
      auto attr = map.element(key.data(), command == Command::map_delete_elem ? nullptr : with.data());
      attr.map_fd = static_cast<std::uint32_t>(fd);
      note("command {} on another descriptor: {}", name, bpf(command, attr));
    }
    auto attr = map.element(key.data(), with.data(), 1);
    attr.pad = 1;
    note("command {} with what it does not know: {}", name, bpf(command, attr));
  }
  // Values of maps that hold objects.
  if (map.row.holds == ValueKind::data || map.row.holds == ValueKind::none) return;
  std::vector<std::uint32_t> words = {0, 1, 7777, 16384, 16385, ~0u};
  bool by_descriptor = map.row.holds != ValueKind::device && map.row.holds != ValueKind::cpu_queue;
  if (by_descriptor) words.erase(words.begin(), words.begin() + 2);  // the process has these open
  if (by_descriptor)
    for (int fd : {other_map_.fd, devmap_program_.fd, programs_[0].fd})
      words.push_back(static_cast<std::uint32_t>(fd));
  const int seconds[] = {0, -1, devmap_program_.fd, cpumap_program_.fd, programs_[0].fd, other_map_.fd, 9999};
  for (std::size_t first = 0; first < words.size(); first++)
    for (std::size_t second = 0; second < (map.value_bytes() < 8 ? 1 : std::size(seconds)); second++) {
      Buffer odd(map.value_bytes());
      std::memcpy(odd.data(), &words[first], 4);
      if (odd.size() >= 8) std::memcpy(odd.data() + 4, &seconds[second], 4);
      for (std::uint32_t number : {1u, 3u, 4096u}) {
        Buffer k = map.key(number);
        auto attr = map.element(k.data(), odd.data());
        note("update {} with word {}, program {}: {}", number, first, second,
             bpf(Command::map_update_elem, attr));
        note("then lookup: {}", map.look(Command::map_lookup_elem, number));
      }
    }
}

void Script::fill(Map& map) {
  for (std::uint32_t i = 0; i < map.shape.entries + 2 && i < 20; i++) {
    note("update {}: {}", i, map.update(i, i));
  }
  note("keys: {}", map.keys());
  for (std::uint64_t flags : {0, 1, 2}) {
    note("update of a full map, flags {}: {}", flags, map.update(100, 3, flags));
    note("update of a key in it, flags {}: {}", flags, map.update(1, 3, flags));
  }
  for (std::uint32_t i = 0; i < 6; i++) note("lookup {}: {}", i, map.look(Command::map_lookup_elem, i));
  note("delete one: {}", map.remove(2));
  note("and another: {}", map.update(101, 4));
  for (int i = 0; i < 5; i++)
    note("lookup and delete: {}",
         map.look(Command::map_lookup_and_delete_elem, static_cast<std::uint32_t>(i)));
  note("keys: {}", map.keys());
}

void Script::batches(Map& map) {
  constexpr std::uint32_t most = 16;
  std::size_t key_size = map.shape.key, value_size = map.value_bytes();
  auto attr_for = [&](Buffer& keys, Buffer& values, std::uint32_t count) {
    auto attr = uapi::zeroed<MapBatchAttr>();
    attr.map_fd = static_cast<std::uint32_t>(map.fd);
    attr.keys = address(keys.data());
    attr.values = address(values.data());
    attr.count = count;
    return attr;
  };
  Buffer keys, values;
  for (std::uint32_t i = 0; i < most; i++) {
    Buffer k = map.key(i), v = map.value(i);
    keys.insert(keys.end(), k.begin(), k.end());
    values.insert(values.end(), v.begin(), v.end());
  }
  for (std::uint32_t count : {0u, 1u, 3u, map.shape.entries, map.shape.entries + 2}) {
    if (count > most) continue;
    for (std::uint64_t flags : {0, 1, 2, 4, 8}) {
      auto attr = attr_for(keys, values, count);
      attr.elem_flags = flags;
      long error = bpf(Command::map_update_batch, attr);
      note("update batch of {}, flags {}: {}, {} done", count, flags, error, attr.count);
    }
    auto attr = attr_for(keys, values, count);
    attr.flags = 1;
    note("update batch with flags 1: {}", bpf(Command::map_update_batch, attr));
    attr = attr_for(keys, values, count);
    attr.keys = 8;
    long error = bpf(Command::map_update_batch, attr);
    note("update batch, keys nowhere: {}, {} done", error, attr.count);
    attr = attr_for(keys, values, count);
    attr.values = 8;
    error = bpf(Command::map_update_batch, attr);
    note("update batch, values nowhere: {}, {} done", error, attr.count);
  }
  // Lookups: all at once, then in pieces; each command once on what the updates left.
  for (bool then_delete : {false, true}) {
    Command command = then_delete ? Command::map_lookup_and_delete_batch : Command::map_lookup_batch;
    for (std::uint32_t piece : {most, 0u, 3u, 2u}) {
      if (then_delete) {
        auto refill = attr_for(keys, values, std::min(map.shape.entries, most));
        bpf(Command::map_update_batch, refill);
      }
      std::vector<std::string> found;
      Buffer token(std::max<std::size_t>(key_size, 8)), next_token(token.size());
      long error = 0;
      std::string ends;
      for (int round = 0; round < 40; round++) {
        Buffer k(std::max<std::size_t>(1, key_size * most)), v(std::max<std::size_t>(1, value_size * most));
        auto attr = attr_for(k, v, piece);
        attr.in_batch = round && !then_delete ? address(token.data()) : 0;
        attr.out_batch = address(next_token.data());
        error = bpf(command, attr);
        // A bucket that holds more than the piece: ENOSPC, and the hash decides where that happens.
        if (error == -ENOSPC) {
          attr = attr_for(k, v, most);
          attr.in_batch = round && !then_delete ? address(token.data()) : 0;
          attr.out_batch = address(next_token.data());
          error = bpf(command, attr);
        }
        bool counted = error == 0 || error == -ENOENT;
        for (std::uint32_t i = 0; counted && piece && i < attr.count && i < most; i++)
          found.push_back(
              fmt::format("{}={}", hex(Bytes(k.data() + i * key_size, key_size)),
                          map.show(Buffer(v.data() + i * value_size, v.data() + (i + 1) * value_size))));
        if (map.keys_exist()) ends += fmt::format(" {}", attr.count);
        if (error || piece == 0) break;
        std::swap(token, next_token);
      }
      if (!map.keys_exist()) std::ranges::sort(found);
      note("{} by {}: {} then {}{}", then_delete ? "lookup and delete batch" : "lookup batch", piece,
           fmt::join(found, " "), error, ends);
    }
    for (std::uint64_t flags : {1, 4, 8}) {
      Buffer k(key_size * most + 1), v(value_size * most + 1), token(std::max<std::size_t>(key_size, 8));
      auto attr = attr_for(k, v, most);
      attr.out_batch = address(token.data());
      attr.elem_flags = flags;
      note("batch lookup with elem_flags {}: {}", flags, bpf(command, attr));
      attr = attr_for(k, v, most);
      attr.out_batch = address(token.data());
      attr.flags = flags;
      note("batch lookup with flags {}: {}", flags, bpf(command, attr));
    }
  }
  for (std::uint32_t i = 0; i < 3; i++) map.update(i, i);
  for (std::uint32_t count : {0u, 2u, 4u}) {
    auto attr = attr_for(keys, values, count);
    attr.values = 0;
    long error = bpf(Command::map_delete_batch, attr);
    note("delete batch of {}: {}, {} done", count, error, attr.count);
  }
  note("keys: {}", map.keys());
}

void Script::info_and_freeze(Map& map) {
  map.update(0, 0);
  auto info_of = [&](std::uint32_t length) {
    std::uint8_t room[512] = {};
    auto attr = uapi::zeroed<uapi::InfoAttr>();
    attr.bpf_fd = static_cast<std::uint32_t>(map.fd);
    attr.info_len = length;
    attr.info = address(room);
    long error = bpf(Command::obj_get_info_by_fd, attr);
    uapi::MapInfo info;
    std::memcpy(&info, room, sizeof info);
    note("info of {}: {}, type {} key {} value {} entries {} flags {:#x} extra {} name '{}' btf {}", length,
         error, info.type, info.key_size, info.value_size, info.max_entries, info.map_flags, info.map_extra,
         std::string_view(info.name, strnlen(info.name, sizeof info.name)), info.btf_id);
  };
  for (std::uint32_t length : {0u, 8u, 24u, 40u, 80u, 400u}) info_of(length);

  auto freeze = uapi::zeroed<MapElemAttr>();
  freeze.map_fd = static_cast<std::uint32_t>(map.fd);
  auto wrong = freeze;
  wrong.pad = 1;
  note("freeze with what it does not know: {}", bpf(Command::map_freeze, wrong));
  note("freeze: {}", bpf(Command::map_freeze, freeze));
  note("freeze again: {}", bpf(Command::map_freeze, freeze));
  note("update: {}", map.update(1, 1));
  note("delete: {}", map.remove(0));
  note("lookup: {}", map.look(Command::map_lookup_elem, 0));
  note("lookup and delete: {}", map.look(Command::map_lookup_and_delete_elem, 0));
  note("keys: {}", map.keys());
  Buffer keys = map.key(0), values = map.value(0), token(64);
  for (Command command : {Command::map_update_batch, Command::map_delete_batch, Command::map_lookup_batch,
                          Command::map_lookup_and_delete_batch}) {
    auto attr = uapi::zeroed<MapBatchAttr>();
    attr.map_fd = static_cast<std::uint32_t>(map.fd);
    attr.keys = address(keys.data());
    attr.values = address(values.data());
    attr.out_batch = address(token.data());
    attr.count = 1;
    note("batch command {}: {}", static_cast<std::uint32_t>(command), bpf(command, attr));
  }
}

}  // namespace skep::two_sides
