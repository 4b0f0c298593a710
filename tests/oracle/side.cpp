// Maps, programs and test runs through Sys.
#include "side.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "generator.h"

namespace skep::oracle {
namespace {

constexpr std::uint32_t batch_limit = 64;  // more elements than any of the maps has
constexpr std::size_t packet_room = 4096, context_bytes = 192;

void put(std::vector<std::uint8_t>& to, std::initializer_list<std::uint32_t> words) {
  for (std::uint32_t word : words)
    for (unsigned byte = 0; byte < 4; byte++) to.push_back(static_cast<std::uint8_t>(word >> 8 * byte));
}

std::string hex(const std::vector<std::uint8_t>& bytes, std::size_t around) {
  std::string text;
  std::size_t from = around < 8 ? 0 : around - 8;
  for (std::size_t i = from; i < std::min(bytes.size(), from + 24); i++)
    text += fmt::format("{}{:02x}", i == around ? ">" : i == from ? "" : " ", bytes[i]);
  return text;
}

std::string bytes_differ(std::string_view what, const std::vector<std::uint8_t>& a,
                         const std::vector<std::uint8_t>& b) {
  if (a == b) return {};
  if (a.size() != b.size()) return fmt::format("{} has {} bytes, {}", what, a.size(), b.size());
  auto at = static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin()).first - a.begin());
  return fmt::format("{} differs at byte {}: {}, {}", what, at, hex(a, at), hex(b, at));
}

}  // namespace

std::vector<std::uint8_t> function_types() {
  constexpr std::string_view strings("\0int\0prog\0func\0", 15);
  std::vector<std::uint8_t> types;
  constexpr std::uint32_t int_kind = 1 << 24, func_kind = 12 << 24, proto_kind = 13 << 24;
  put(types, {1, int_kind, 4, 1 << 24 | 32});
  put(types, {0, proto_kind, 1});
  put(types, {5, func_kind | 1, 2});
  put(types, {10, func_kind, 2});
  auto size = static_cast<std::uint32_t>(types.size());
  std::vector<std::uint8_t> btf;
  put(btf, {0x0001'eb9f, 24, 0, size, size, static_cast<std::uint32_t>(strings.size())});
  btf.insert(btf.end(), types.begin(), types.end());
  btf.insert(btf.end(), strings.begin(), strings.end());
  return btf;
}

std::vector<std::uint32_t> function_slots(const Code& code) {
  std::vector<std::uint32_t> found{0}, slots;
  std::uint32_t slot = 0;
  for (const isa::Decoded& d : code) {
    if (d.row().operation == isa::Operation::call_local || d.row().operation == isa::Operation::function)
      found.push_back(slot + 1 + static_cast<std::uint32_t>(d.imm_low()));
    slot += d.slots;
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

std::string difference(const Outcome& a, const Outcome& b) {
  if (a.end != b.end)
    return fmt::format("one {}, the other {}: {}{}", a.end == End::exited ? "exited" : "did not",
                       b.end == End::exited ? "exited" : "did not", a.message, b.message);
  if (a.end == End::failed && a.message != b.message)
    return fmt::format("refused as '{}', '{}'", a.message, b.message);
  std::string text;
  for (unsigned map = 0; map < map_count && text.empty(); map++)
    text = bytes_differ(fmt::format("map '{}'", map_rows[map].name), a.maps[map], b.maps[map]);
  if (a.end == End::faulted) {
    if (a.fault_program != b.fault_program || a.fault_slot != b.fault_slot)
      return fmt::format("fault at slot {} of program {}, slot {} of program {}; {}", a.fault_slot,
                         a.fault_program, b.fault_slot, b.fault_program, text);
    return text;
  }
  std::uint64_t mask = a.r0_is_whole && b.r0_is_whole ? ~0ULL : 0xffff'ffffULL;
  if ((a.r0 & mask) != (b.r0 & mask))
    return fmt::format("r0 is {:#x}, {:#x}{}{}", a.r0 & mask, b.r0 & mask, text.empty() ? "" : "; ", text);
  if (!text.empty()) return text;
  text = bytes_differ("the packet", a.packet, b.packet);
  return text.empty() ? bytes_differ("the context", a.context, b.context) : text;
}

Result<std::unique_ptr<Side>> Side::create(uapi::Sys& sys) {
  std::unique_ptr<Side> side(new Side(sys));
  side->cpus_ = sys.possible_cpus();
  TRY(side->make_maps());
  TRY(side->load_types());
  return side;
}

std::size_t Side::user_value_size(unsigned map) const {
  const MapRow& row = map_rows[map];
  if (!is_percpu(row.type)) return row.value_size;
  return (row.value_size + std::size_t{7}) / 8 * 8 * cpus_;
}

Result<void> Side::make_maps() {
  std::size_t largest = 0;
  for (unsigned map = 0; map < map_count; map++) {
    const MapRow& row = map_rows[map];
    uapi::MapCreate options;
    options.type = row.type;
    options.name = row.name;
    options.key_size = row.key_size;
    options.value_size = row.value_size;
    options.max_entries = row.max_entries;
    maps_[map] = TRY(uapi::map_create(sys_, options));
    largest = std::max(largest, user_value_size(map) * row.max_entries);
  }
  keys_.resize(batch_limit * 16);
  values_.resize(std::max(largest, user_value_size(3) * batch_limit) * 4);
  return {};
}

Result<void> Side::load_types() {
  std::vector<std::uint8_t> bytes = function_types();
  uapi::BtfLoad options;
  options.btf = bytes;
  btf_ = TRY(uapi::btf_load(sys_, options));
  return {};
}

Result<void> Side::load(const Case& c, std::string* log) {
  programs_.clear();
  for (const Code& code : c.programs) {
    insns_.clear();
    for (isa::Decoded d : code) {
      isa::Operation operation = d.row().operation;
      if (operation == isa::Operation::map_fd || operation == isa::Operation::map_value) {
        auto map = static_cast<std::uint32_t>(d.imm_low());
        if (map >= map_count) return fail(EINVAL, "there is no map {}", map);
        d.imm = (d.imm & ~0xffff'ffffLL) | maps_[map].fd();
      }
      isa::Encoded encoded = TRY(isa::encode(d));
      insns_.insert(insns_.end(), encoded.insns, encoded.insns + encoded.slots);
    }
    std::vector<std::uint8_t> func_info;
    std::vector<std::uint32_t> functions = function_slots(code);
    uapi::ProgLoad options;
    options.type = c.type;
    const std::string name = fmt::format("p{}", programs_.size());
    options.name = name;
    options.insns = Bytes(reinterpret_cast<const std::uint8_t*>(insns_.data()), insns_.size() * 8);
    if (functions.size() > 1) {
      for (std::uint32_t slot : functions)
        put(func_info, {slot, slot == 0 ? global_function : static_function});
      options.btf_fd = btf_.fd();
      options.func_info = func_info;
      options.func_info_rec_size = 8;
    }
    auto loaded = TRY(uapi::prog_load(sys_, options, log));
    programs_.push_back(std::move(loaded.prog));
  }
  return {};
}

long Side::dump(unsigned map) {
  const MapRow& row = map_rows[map];
  std::uint8_t token[64];
  count_ = batch_limit;
  long error =
      uapi::map_lookup_batch(sys_, maps_[map].fd(), nullptr, token, keys_.data(), values_.data(), &count_);
  if (error == -ENOENT || (error == 0 && is_array(row.type))) return 0;
  return error == 0 ? -E2BIG : error;
}

long Side::reset(unsigned map, std::uint64_t fill) {
  const MapRow& row = map_rows[map];
  if (row.type == uapi::MapType::prog_array) {
    for (std::uint32_t slot = 0; slot < row.max_entries; slot++) {
      std::uint32_t fd = slot < programs_.size() ? static_cast<std::uint32_t>(programs_[slot].fd()) : 0;
      long error = slot < programs_.size() ? uapi::map_update(sys_, maps_[map].fd(), &slot, &fd)
                                           : uapi::map_delete(sys_, maps_[map].fd(), &slot);
      if (error && error != -ENOENT) return error;
    }
    return 0;
  }
  if (is_hash(row.type)) {
    if (long error = dump(map)) return error;
    std::uint32_t count = count_;
    if (count)
      if (long error = uapi::map_delete_batch(sys_, maps_[map].fd(), keys_.data(), &count)) return error;
  }
  Contents contents = fill_map(map, fill);
  if (contents.count == 0) return 0;
  std::uint8_t* values = contents.values.data();
  if (is_percpu(row.type)) {  // every CPU starts with the same
    std::size_t size = user_value_size(map), stride = size / cpus_;
    std::memset(values_.data(), 0, size * contents.count);
    for (std::uint32_t i = 0; i < contents.count; i++)
      for (std::uint32_t cpu = 0; cpu < cpus_; cpu++)
        std::memcpy(values_.data() + i * size + cpu * stride, contents.values.data() + i * row.value_size,
                    row.value_size);
    values = values_.data();
  }
  return uapi::map_update_batch(sys_, maps_[map].fd(), contents.keys.data(), values, &contents.count);
}

long Side::collect(unsigned map, std::vector<std::uint8_t>& into) {
  const MapRow& row = map_rows[map];
  into.clear();
  if (row.type == uapi::MapType::prog_array) return 0;
  if (long error = dump(map)) return error;
  std::size_t size = user_value_size(map);
  std::vector<std::uint32_t> order(count_);
  for (std::uint32_t i = 0; i < count_; i++) order[i] = i;
  if (is_hash(row.type))
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return std::memcmp(&keys_[a * std::size_t{row.key_size}], &keys_[b * std::size_t{row.key_size}],
                         row.key_size) < 0;
    });
  for (std::uint32_t i : order) {
    const std::uint8_t* key = &keys_[i * std::size_t{row.key_size}];
    const std::uint8_t* value = &values_[i * size];  // the first CPU's: the thread runs there
    into.insert(into.end(), key, key + row.key_size);
    into.insert(into.end(), value, value + row.value_size);
  }
  return 0;
}

void Side::run(const Case& c, Outcome& out) {
  std::uint32_t used = used_maps(c);
  out.end = End::failed;
  out.r0 = 0;
  out.message.clear();
  out.packet.resize(packet_room);
  out.context.assign(c.type == uapi::ProgType::xdp ? 0 : context_bytes, 0);
  for (unsigned map = 0; map < map_count; map++) {
    out.maps[map].clear();
    if (!(used >> map & 1)) continue;
    if (long error = reset(map, c.fill)) {
      out.message = fmt::format("map '{}' cannot be filled: error {}", map_rows[map].name, -error);
      return;
    }
  }
  uapi::TestRun run;
  run.data_in = c.packet;
  run.data_out = out.packet;
  if (!out.context.empty()) run.ctx_out = out.context;
  long error = uapi::test_run(sys_, programs_.front().fd(), run);
  if (error == 0) {
    out.end = End::exited;
    out.r0 = run.retval;
    out.packet.resize(run.data_size_out);
  } else {
    out.message = fmt::format("BPF_PROG_TEST_RUN: error {}", -error);
    out.packet.clear();
  }
  for (unsigned map = 0; map < map_count; map++)
    if (used >> map & 1)
      if (long problem = collect(map, out.maps[map])) {
        out.end = End::failed;
        out.message = fmt::format("map '{}' cannot be read: error {}", map_rows[map].name, -problem);
      }
}

}  // namespace skep::oracle
