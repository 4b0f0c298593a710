// Legacy map definitions: plain structs of 32-bit words in section "maps" (or bcc's "maps/..."), before types
// defined maps. libbpf 1.x refuses them; so does `strict`.
//
// What the words mean after the first five differs by who wrote the struct:
//   struct bpf_map_def (libbpf 0.x, bcc)   type key_size value_size max_entries map_flags
//   the kernel's samples                   … inner_map_idx numa_node                          (28 bytes)
//   struct bpf_elf_map (iproute2)          … id pinning inner_id inner_idx                    (36 bytes)
#include <algorithm>

#include "skep/object/parsing.h"

namespace skep::object {
namespace {

constexpr std::string_view refusal =
    "legacy map definitions in 'maps' section are not supported by libbpf v1.0+";

// iproute2's PIN_GLOBAL_NS (include/bpf_elf.h) and its folder.
constexpr std::uint32_t pin_global_ns = 2;
constexpr std::string_view global_ns = "/sys/fs/bpf/tc/globals/";

// What iproute2's struct adds, until all maps are known.
struct Elf2 {
  std::uint32_t map = 0;  // index of spec.maps
  std::uint32_t id = 0, inner_id = 0;
  std::int32_t inner_idx = -1;
};

struct Words {
  std::vector<std::uint32_t> words;
  std::uint32_t operator[](std::size_t i) const { return i < words.size() ? words[i] : 0; }
};

constexpr std::size_t samples_words = 7, iproute2_words = 9;

Result<void> read_map(Parsing& p, const elf::Section& section, std::string_view name, std::uint64_t offset,
                      std::uint64_t size, std::vector<Elf2>& extras) {
  if (size < 16 || size % 4 != 0 || size > 4096)
    return fail(EINVAL,
                "map '{}': its definition in section '{}' has {} bytes, must be at least 16 in words of "
                "4",
                name, section.name, size);
  Bytes bytes = TRY(base::slice(section.bytes, offset, size, section.name));
  Words w;
  for (std::size_t at = 0; at < bytes.size(); at += 4)
    w.words.push_back(base::load<std::uint32_t>(bytes.data() + at, p.file.order()));

  MapSpec map;
  map.name = name;
  map.origin = MapOrigin::legacy;
  map.section = section.name;
  map.type = static_cast<uapi::MapType>(w[0]);
  map.key_size = w[1];
  map.value_size = w[2];
  map.max_entries = w[3];
  map.flags = w[4];
  if (map.type == uapi::MapType::unspec) return fail(EINVAL, "map '{}': map type isn't specified", name);
  auto index = static_cast<std::uint32_t>(p.spec.maps.size());
  bool more = std::any_of(w.words.begin() + std::min<std::ptrdiff_t>(5, std::ssize(w.words)), w.words.end(),
                          [](std::uint32_t word) { return word != 0; });
  if (w.words.size() == iproute2_words) {
    extras.push_back({index, w[5], w[7], static_cast<std::int32_t>(w[8])});
    if (w[6] == pin_global_ns) {
      map.pinning = Pinning::by_name;
      map.pin_path = fmt::format("{}{}", global_ns, name);
    } else if (w[6] != 0) {
      p.warn(fmt::format("map '{}': iproute2's pinning {} is ignored: the map is not shared", name, w[6]));
    }
  } else if (w.words.size() == samples_words) {
    map.numa_node = w[6];
    if (w[5] != 0) p.warn(fmt::format("map '{}': inner_map_idx {} is ignored", name, w[5]));
  } else if (more) {
    p.warn(fmt::format("map '{}': the words after the first five are ignored", name));
  }
  if (!p.maps_at.emplace(std::pair(section.index, offset), index).second)
    return fail(EINVAL, "map '{}': another map begins at offset {:#x} of section '{}', too", name, offset,
                section.name);
  p.spec.maps.push_back(std::move(map));
  return {};
}

// iproute2: inner_id of a map-in-map names the map whose copy is its template; a map with that id and an
// inner_idx of at least 0 becomes element inner_idx.
Result<void> connect(Parsing& p, const std::vector<Elf2>& extras) {
  std::map<std::uint32_t, std::uint32_t> by_id;  // the first of an id
  for (const Elf2& e : extras)
    if (e.id != 0) by_id.emplace(e.id, e.map);
  std::map<std::uint32_t, std::int32_t> inner_idx;  // by map
  for (const Elf2& e : extras) inner_idx[e.map] = e.inner_idx;
  for (const Elf2& outer : extras) {
    MapSpec& map = p.spec.maps[outer.map];
    if (outer.inner_id == 0) continue;
    auto inner = by_id.find(outer.inner_id);
    if (inner == by_id.end())
      return fail(EINVAL, "map '{}': inner_id {} is no map's id", map.name, outer.inner_id);
    const MapSpec& source = p.spec.maps[inner->second];
    if (inner->second == outer.map || source.type == uapi::MapType::array_of_maps ||
        source.type == uapi::MapType::hash_of_maps)
      return fail(ENOTSUP, "map '{}': multi-level inner maps not supported", map.name);
    MapSpec copy = source;
    copy.pinning = Pinning::none;
    copy.pin_path.clear();
    map.inner.push_back(std::move(copy));
    std::int32_t at = inner_idx[inner->second];
    if (at >= 0)
      map.initial.push_back(
          {.key = static_cast<std::uint32_t>(at), .is_program = false, .index = inner->second});
  }
  return {};
}

}  // namespace

Result<void> read_legacy_maps(Parsing& p) {
  std::vector<Elf2> extras;
  for (const elf::Section& section : p.file.sections()) {
    if (p.meanings[section.index] != Meaning::legacy_maps || section.bytes.empty()) continue;
    if (p.options.strict) return fail(ENOTSUP, "{}", refusal);
    std::vector<const elf::Symbol*> symbols;
    for (auto at = p.symbols.lower_bound({section.index, {}});
         at != p.symbols.end() && at->first.first == section.index; ++at)
      if (p.file.symbol(at->second).type != elf::stt::func) symbols.push_back(&p.file.symbol(at->second));
    if (symbols.empty()) return fail(EINVAL, "section '{}': no symbol names its maps", section.name);
    std::stable_sort(symbols.begin(), symbols.end(),
                     [](const auto* a, const auto* b) { return a->value < b->value; });
    for (std::size_t i = 0; i < symbols.size(); i++) {
      const elf::Symbol& symbol = *symbols[i];
      if (symbol.value > section.bytes.size())
        return fail(EINVAL, "map '{}': offset {:#x} lies beyond section '{}'", symbol.name, symbol.value,
                    section.name);
      // Old clang gave such symbols no size: each reaches to the next.
      std::uint64_t end = i + 1 < symbols.size() ? symbols[i + 1]->value : section.bytes.size();
      std::uint64_t size = symbol.size ? symbol.size : end - symbol.value;
      TRY(read_map(p, section, symbol.name, symbol.value, size, extras));
    }
    p.warn(fmt::format("section '{}': {} legacy map definitions (libbpf 1.x refuses them)", section.name,
                       symbols.size()));
  }
  return connect(p, extras);
}

}  // namespace skep::object
