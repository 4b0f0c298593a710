// What follows from a case without running it.
#include "case.h"

namespace skep::oracle {

std::uint32_t used_maps(const Case& c) {
  std::uint32_t used = 0;
  for (const Code& code : c.programs)
    for (const isa::Decoded& d : code) {
      isa::Operation operation = d.row().operation;
      if (operation != isa::Operation::map_fd && operation != isa::Operation::map_value) continue;
      auto map = static_cast<std::uint32_t>(d.imm_low());
      if (map < map_count) used |= 1U << map;
    }
  return used;
}

Contents fill_map(unsigned map, std::uint64_t fill) {
  const MapRow& row = map_rows[map];
  Contents contents;
  Random random(fill + map);
  // Hashes begin with a few keys of those that programs use.
  std::uint32_t count = is_array(row.type) ? row.max_entries : is_hash(row.type) ? random.below(5) : 0;
  for (std::uint32_t i = 0; i < count; i++) {
    std::uint32_t key = is_array(row.type) ? i : 2 * i;
    for (std::uint32_t b = 0; b < row.key_size; b++)
      contents.keys.push_back(b < 4 ? static_cast<std::uint8_t>(key >> 8 * b) : std::uint8_t{0});
    std::uint64_t word = 0;
    for (std::uint32_t b = 0; b < row.value_size; b++) {
      if (b % 8 == 0) word = random.chance(30) ? random.below(3) - 1ULL : random.next();
      contents.values.push_back(map == out_map ? std::uint8_t{0}
                                               : static_cast<std::uint8_t>(word >> 8 * (b % 8)));
    }
  }
  contents.count = count;
  return contents;
}

}  // namespace skep::oracle
