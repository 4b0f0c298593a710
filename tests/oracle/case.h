// What the oracle runs: a case is a few programs, a packet and the maps that they share. A case is made from
// its seed alone, or read from a golden file.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "skep/isa/decode.h"
#include "skep/uapi/numbers.h"

namespace skep::oracle {

// splitmix64 (public domain, Vigna): the same numbers on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  // A number below `limit`, which is at least 1.
  std::uint32_t below(std::size_t limit) {
    return static_cast<std::uint32_t>((next() >> 32) * static_cast<std::uint64_t>(limit) >> 32);
  }
  // Both ends included.
  std::int32_t between(std::int32_t low, std::int32_t high) {
    return low + static_cast<std::int32_t>(below(static_cast<std::size_t>(high - low) + 1));
  }
  bool chance(unsigned percent) { return below(100) < percent; }
  template <class Container>
  auto& pick(Container& from) {
    return from[below(std::size(from))];
  }

 private:
  std::uint64_t state_;
};

// The maps that programs name by their number, as the imm of lddw.
struct MapRow {
  std::string_view name;
  uapi::MapType type;
  std::uint32_t key_size, value_size, max_entries;
  uapi::ProgType users;  // unspec: any type of program
};
inline constexpr MapRow map_rows[] = {
    {"out", uapi::MapType::array, 4, 1024, 1, uapi::ProgType::unspec},  // registers and stacks at the end
    {"array", uapi::MapType::array, 4, 56, 8, uapi::ProgType::unspec},
    {"odd", uapi::MapType::array, 4, 24, 5, uapi::ProgType::unspec},  // a count that is no power of two
    {"percpu", uapi::MapType::percpu_array, 4, 40, 4, uapi::ProgType::unspec},
    {"hash4", uapi::MapType::hash, 4, 24, 16, uapi::ProgType::unspec},
    {"hash8", uapi::MapType::hash, 8, 48, 16, uapi::ProgType::unspec},
    {"hash16", uapi::MapType::hash, 16, 8, 16, uapi::ProgType::unspec},
    {"percpu_hash", uapi::MapType::percpu_hash, 4, 16, 16, uapi::ProgType::unspec},
    {"progs_xdp", uapi::MapType::prog_array, 4, 4, 4, uapi::ProgType::xdp},
    {"progs_socket", uapi::MapType::prog_array, 4, 4, 4, uapi::ProgType::socket_filter},
    {"progs_tc", uapi::MapType::prog_array, 4, 4, 4, uapi::ProgType::sched_cls},
};
inline constexpr unsigned map_count = std::size(map_rows);
inline constexpr unsigned out_map = 0, out_part = 256;  // bytes of `out` for each program of a case
inline constexpr unsigned programs_limit = 3;           // the last of the four slots stays empty

constexpr bool is_percpu(uapi::MapType type) {
  return type == uapi::MapType::percpu_array || type == uapi::MapType::percpu_hash;
}
constexpr bool is_array(uapi::MapType type) {
  return type == uapi::MapType::array || type == uapi::MapType::percpu_array;
}
constexpr bool is_hash(uapi::MapType type) {
  return type == uapi::MapType::hash || type == uapi::MapType::percpu_hash;
}
// The program array of a type of program.
constexpr unsigned programs_map(uapi::ProgType type) {
  for (unsigned map = 0; map < map_count; map++)
    if (map_rows[map].type == uapi::MapType::prog_array && map_rows[map].users == type) return map;
  return map_count;
}

using Code = std::vector<isa::Decoded>;

struct Case {
  std::uint64_t seed = 0;
  uapi::ProgType type = uapi::ProgType::xdp;
  // [0] runs; program i stands in slot i of the type's program array where that is used.
  std::vector<Code> programs;
  std::vector<std::uint8_t> packet;
  std::uint64_t fill = 0;  // what the maps hold at first: fill_map()
  bool wild = false;       // no verifier would take it; it may fault
};

// Which maps the case names, as bits.
std::uint32_t used_maps(const Case& c);

// What a map holds before the run: its elements in order, keys and values one behind the other. Per-CPU
// values stand for the one CPU that runs.
struct Contents {
  std::vector<std::uint8_t> keys, values;
  std::uint32_t count = 0;
};
Contents fill_map(unsigned map, std::uint64_t fill);

}  // namespace skep::oracle
