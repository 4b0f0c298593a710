// Loading, running and comparing.
#include "tests/judge/judge.h"

#include <cstring>

#include "cli/batch.h"
#include "skep/base/file.h"
#include "skep/object/ring_reader.h"
#include "skep/uapi/calls.h"
#include "skep/uapi/map_types.h"

namespace skep::judge {

namespace {

std::string hex(Bytes bytes, std::size_t most = 64) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size() && i < most; i++) out += fmt::format("{:02x}", bytes[i]);
  return bytes.size() > most ? out + "..." : out;
}

bool is_per_cpu(uapi::MapType type) {
  const uapi::MapTypeRow* row = uapi::find_map_type(type);
  return row && row->per_cpu;
}

std::size_t value_bytes(const object::MapSpec& map, std::uint32_t cpus) {
  return is_per_cpu(map.type) ? (std::size_t{map.value_size} + 7) / 8 * 8 * cpus : map.value_size;
}

Result<void> apply(uapi::Sys& sys, const object::Object& object, const std::string& file) {
  if (file.empty()) return {};
  Buffer text = TRY(base::read_file(file));
  Diagnostics problems;
  std::vector<cli::MapUpdate> updates = cli::parse_batch(base::as_text(text), file, problems);
  if (problems.has_errors()) return fail(EINVAL, "{}", problems.print());
  for (cli::MapUpdate& update : updates) {
    const object::Map* map = object.map(update.map);
    if (!map) return fail(ENOENT, "{}:{}: no map '{}'", file, update.line, update.map);
    update.value.resize(value_bytes(map->spec(), sys.possible_cpus()));
    long error = uapi::map_update(sys, map->fd(), update.key.data(), update.value.data(), update.flags);
    if (error < 0) return fail(static_cast<int>(-error), "{}:{}: {}", file, update.line, error);
  }
  return {};
}

}  // namespace

Result<Side> Side::load(uapi::Sys& sys, const object::ObjectSpec& spec, const std::string& program,
                        const std::string& batch) {
  object::ObjectSpec own = spec;
  object::Object object = TRY(object::load(sys, std::move(own), {}));
  TRY(apply(sys, object, batch));
  const object::Program* loaded = object.program(program);
  if (!loaded) return fail(ENOENT, "no program '{}'", program);
  int fd = loaded->fd();
  return Side(sys, std::move(object), fd);
}

Side::Outcome Side::run(Bytes packet, Bytes context) {
  uapi::TestRun run;
  run.data_in = packet;
  run.data_out = packet_out_;
  run.ctx_in = context;
  if (!context.empty()) run.ctx_out = context_out_;
  Outcome out;
  out.error = uapi::test_run(*sys_, prog_fd_, run);
  if (out.error < 0) return out;
  out.retval = run.retval;
  out.packet.assign(packet_out_.begin(), packet_out_.begin() + run.data_size_out);
  if (!context.empty()) out.context.assign(context_out_.begin(), context_out_.begin() + run.ctx_size_out);
  return out;
}

Result<Side::Maps> Side::maps() {
  Maps out;
  for (const object::Map& map : object_.maps()) {
    const object::MapSpec& spec = map.spec();
    const uapi::MapTypeRow* row = uapi::find_map_type(spec.type);
    if (map.fd() < 0 || !row) continue;
    auto& elements = out[spec.name];
    auto add_record = [&](Bytes record) {
      std::uint32_t number = static_cast<std::uint32_t>(elements.size());
      Buffer key(4);
      base::store(key.data(), number, std::endian::big);
      elements.emplace(std::move(key), Buffer(record.begin(), record.end()));
    };
    if (spec.type == uapi::MapType::ringbuf) {
      object::RingReader ring = TRY(object::RingReader::open(*sys_, map.fd(), spec.max_entries));
      TRY(ring.consume(add_record));
      continue;
    }
    if (spec.type == uapi::MapType::queue || spec.type == uapi::MapType::stack) {
      Buffer value(spec.value_size);
      while (uapi::map_lookup_and_delete(*sys_, map.fd(), nullptr, value.data()) == 0) add_record(value);
      continue;
    }
    if (row->holds != uapi::ValueKind::data || spec.key_size == 0) continue;
    Buffer key(spec.key_size), next(spec.key_size), value(value_bytes(spec, sys_->possible_cpus()));
    bool first = true;
    while (uapi::map_next_key(*sys_, map.fd(), first ? nullptr : key.data(), next.data()) == 0) {
      first = false;
      std::swap(key, next);
      long error = uapi::map_lookup(*sys_, map.fd(), key.data(), value.data());
      if (error < 0)
        return fail(static_cast<int>(-error), "map '{}': lookup of a key that was listed", spec.name);
      elements.emplace(key, value);
    }
  }
  return out;
}

void Judgement::differ(std::string what) {
  differences++;
  if (first.size() < 10) first.push_back(std::move(what));
}

void judge_packet(Side& kernel, Side& runtime, Bytes packet, Bytes context, const std::string& name,
                  Judgement& out) {
  Side::Outcome theirs = kernel.run(packet, context);
  Side::Outcome ours = runtime.run(packet, context);
  out.compared++;
  if (theirs.error < 0 && theirs.error == ours.error) out.refused++;
  if (theirs == ours) return;
  if (theirs.error != ours.error)
    return out.differ(fmt::format("{}: kernel answers {}, runtime {}", name, theirs.error, ours.error));
  if (theirs.retval != ours.retval)
    return out.differ(
        fmt::format("{}: verdict {} in the kernel, {} in the runtime", name, theirs.retval, ours.retval));
  if (theirs.packet != ours.packet)
    return out.differ(fmt::format("{}: packet of {} bytes {} in the kernel, {} bytes {} in the runtime", name,
                                  theirs.packet.size(), hex(theirs.packet), ours.packet.size(),
                                  hex(ours.packet)));
  out.differ(fmt::format("{}: context {} in the kernel, {} in the runtime", name, hex(theirs.context, 256),
                         hex(ours.context, 256)));
}

void judge_maps(Side& kernel, Side& runtime, Judgement& out) {
  auto theirs = kernel.maps();
  auto ours = runtime.maps();
  if (!theirs || !ours) return out.differ((theirs ? ours.error() : theirs.error()).message);
  for (const auto& [name, elements] : *theirs) {
    const auto& mine = (*ours)[name];
    if (mine == elements) continue;
    if (mine.size() != elements.size())
      out.differ(fmt::format("map '{}': {} elements in the kernel, {} in the runtime", name, elements.size(),
                             mine.size()));
    for (const auto& [key, value] : elements) {
      auto found = mine.find(key);
      if (found != mine.end() && found->second == value) continue;
      out.differ(fmt::format("map '{}', key {}: {} in the kernel, {} in the runtime", name, hex(key),
                             hex(value), found == mine.end() ? "nothing" : hex(found->second)));
      break;
    }
  }
}

}  // namespace skep::judge
