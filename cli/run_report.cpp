// Reading maps back, and printing what a run found.
#include "cli/run_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "cli/text.h"
#include "cli/verdicts.h"
#include "skep/btf/value.h"
#include "skep/uapi/calls.h"
#include "skep/uapi/map_types.h"
#include "skep/uapi/prog_types.h"

namespace skep::cli {

namespace {

using object::MapOrigin;
using object::MapSpec;

bool is_zero(Bytes bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t b) { return b == 0; });
}

std::string hex(Bytes bytes) {
  std::string out;
  for (std::uint8_t b : bytes) out += fmt::format("{}{:02x}", out.empty() ? "" : " ", b);
  return out;
}

// The value as text: decoded where there is a type that fits, else its bytes.
std::string decode(const btf::Btf* types, btf::TypeId type, Bytes bytes) {
  std::string text;
  if (type && types && btf::print_value(*types, type, bytes, text)) return text;
  return hex(bytes);
}

void decode(const btf::Btf* types, btf::TypeId type, Bytes bytes, base::JsonWriter& json) {
  // Tried on a writer of its own first, so that a half-written value never reaches the document.
  if (type && types) {
    base::JsonWriter trial;
    if (btf::print_value(*types, type, bytes, trial)) {
      (void)btf::print_value(*types, type, bytes, json).has_value();
      return;
    }
  }
  json.string(hex(bytes));
}

// The values of one element: (CPU, bytes); those that are all zero are left out of per-CPU maps.
std::vector<std::pair<std::uint32_t, Bytes>> values_of(const MapContents& map, const Buffer& value) {
  std::vector<std::pair<std::uint32_t, Bytes>> out;
  std::size_t stride =
      map.cpus > 1 || value.size() > map.spec->value_size ? value.size() / map.cpus : value.size();
  for (std::uint32_t cpu = 0; cpu < map.cpus; cpu++) {
    Bytes one = Bytes(value).subspan(cpu * stride, map.spec->value_size);
    if (map.cpus == 1 || !is_zero(one)) out.emplace_back(cpu, one);
  }
  return out;
}

bool is_data(const MapSpec& spec) { return spec.origin == MapOrigin::data || spec.origin == MapOrigin::bss; }

// A data section's variables: name and value.
template <class Each>
void each_variable(const RunReport& report, const MapContents& map, Each&& each) {
  const btf::Btf* types = report.types;
  if (!types || !types->has(map.spec->value_type_id) || map.elements.empty()) return;
  btf::Type section = types->type(map.spec->value_type_id);
  if (section.kind != btf::Kind::datasec) return;
  Bytes bytes = map.elements[0].second;
  for (btf::VarSecinfo var : section.vars()) {
    if (var.offset > bytes.size() || var.size > bytes.size() - var.offset || !types->has(var.type)) continue;
    btf::Type type = types->type(var.type);
    if (type.kind == btf::Kind::var) each(type.name(), type.type(), bytes.subspan(var.offset, var.size));
  }
}

// The field's value, in a per-CPU map the sum of all CPUs.
std::uint64_t field_value(const MapContents& map, const SortField& field, Bytes value) {
  std::uint64_t sum = 0;
  for (std::size_t at = field.offset; at + field.size <= value.size(); at += value.size() / map.cpus) {
    std::uint64_t one = 0;
    for (std::uint32_t i = 0; i < field.size; i++) {
      std::uint32_t byte = std::endian::native == std::endian::little ? field.size - 1 - i : i;
      one = one << 8 | value[at + byte];
    }
    sum += one;
  }
  return sum;
}

// The elements by that field, equal ones by key; only those that are kept.
void sort_elements(MapContents& map, const SortField& field) {
  std::vector<std::pair<std::uint64_t, std::size_t>> order;
  for (std::size_t i = 0; i < map.elements.size(); i++)
    order.emplace_back(field_value(map, field, map.elements[i].second), i);
  std::ranges::sort(order, [&](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first
                              : map.elements[a.second].first < map.elements[b.second].first;
  });
  if (order.size() > MapContents::max_elements) order.resize(MapContents::max_elements);
  std::vector<std::pair<Buffer, Buffer>> sorted;
  for (const auto& [value, index] : order) sorted.push_back(std::move(map.elements[index]));
  map.elements = std::move(sorted);
  map.sorted_by = field.name;
}

MapContents read_map(uapi::Sys& sys, const MapSpec& spec, int fd, const SortField* sort) {
  MapContents out;
  out.spec = &spec;
  const uapi::MapTypeRow* row = uapi::find_map_type(spec.type);
  bool per_cpu = row && row->per_cpu;
  if (per_cpu) out.cpus = sys.possible_cpus();
  std::size_t value_bytes = per_cpu ? (std::size_t{spec.value_size} + 7) / 8 * 8 * out.cpus : spec.value_size;
  bool array = spec.type == uapi::MapType::array || spec.type == uapi::MapType::percpu_array;
  Buffer key(spec.key_size), next(spec.key_size), value(value_bytes);
  bool first = true;
  for (;;) {
    long error = uapi::map_next_key(sys, fd, first ? nullptr : key.data(), next.data());
    if (error == -ENOENT) break;
    if (error == 0) error = uapi::map_lookup(sys, fd, next.data(), value.data());
    first = false;
    std::swap(key, next);
    if (error == -ENOENT) continue;  // deleted meanwhile
    if (error < 0) {
      out.error = base::errno_text(static_cast<int>(-error));
      break;
    }
    if (array && is_zero(value)) continue;
    out.count++;
    if (sort || out.elements.size() < MapContents::max_elements) out.elements.emplace_back(key, value);
  }
  if (sort)
    sort_elements(out, *sort);
  else if (!array)
    std::ranges::sort(out.elements);
  return out;
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  return fmt::format("{:.1f}", whole ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0.0);
}

std::string type_name(const MapSpec& spec) {
  const uapi::MapTypeRow* row = uapi::find_map_type(spec.type);
  return row ? std::string(row->name) : fmt::format("type {}", static_cast<std::uint32_t>(spec.type));
}

void print_verdicts(const RunReport& report, std::string& out) {
  Table table({"verdict", "packets", "%", "bytes"});
  for (const auto& [result, tally] : report.verdicts)
    table.row({verdict_name(report.type, result), grouped(tally.packets),
               percent(tally.packets, report.packets), grouped(tally.bytes)});
  if (report.faults)
    table.row({"(fault)", grouped(report.faults), percent(report.faults, report.packets), ""});
  out += table.print();
  for (const auto& [reason, packets] : report.skipped)
    out += fmt::format("  skipped {} packets: {}\n", grouped(packets), reason);
}

void print_map(const RunReport& report, const MapContents& map, std::string& out) {
  constexpr std::size_t shown = 16;
  const MapSpec& spec = *map.spec;
  if (is_data(spec)) {
    std::string variables;
    each_variable(report, map, [&](std::string_view name, btf::TypeId type, Bytes bytes) {
      variables += fmt::format("  {} = {}\n", name, decode(report.types, type, bytes));
    });
    if (!variables.empty()) out += fmt::format("\nglobals ({})\n{}", spec.section, variables);
    return;
  }
  out += fmt::format("\nmap {} ({}): {} element{}{}\n", spec.name, type_name(spec), grouped(map.count),
                     map.count == 1 ? "" : "s",
                     map.sorted_by.empty() ? "" : fmt::format(", most {} first", map.sorted_by));
  if (!map.error.empty()) out += fmt::format("  cannot be read: {}\n", map.error);
  for (std::size_t i = 0; i < map.elements.size() && i < shown; i++) {
    const auto& [key, value] = map.elements[i];
    std::string line = decode(report.types, spec.key_type_id, key) + ":";
    auto values = values_of(map, value);
    for (const auto& [cpu, one] : values) {
      if (map.cpus > 1 && values.size() > 1) line += fmt::format(" cpu {}", cpu);
      line += " " + decode(report.types, spec.value_type_id, one);
    }
    out += "  " + line + "\n";
  }
  if (map.count > shown) out += fmt::format("  ... and {} more\n", grouped(map.count - shown));
}

}  // namespace

Result<SortField> find_sort_field(const object::Object& object, const std::string& map,
                                  const std::string& name) {
  const object::Map* made = object.map(map);
  if (!made) return fail(ENOENT, "--sort: the object has no map '{}'", map);
  const btf::Btf* types = object.btf();
  btf::TypeId value = made->spec().value_type_id;
  if (!types || !value) return fail(ENOENT, "--sort: the values of map '{}' have no BTF type", map);
  value = TRY(types->resolve(value));
  btf::Type type = types->type(value);
  for (const btf::Member& member : type.members()) {
    if (member.name != name) continue;
    btf::TypeId id = TRY(types->resolve(member.type));
    btf::Type field = types->type(id);
    bool number = field.kind == btf::Kind::int_ &&
                  !(field.integer().encoding & btf::int_encoding::is_signed) && field.size() <= 8;
    if (!number || member.bits || member.bit_offset % 8)
      return fail(EINVAL, "--sort: field '{}' of map '{}' is not an unsigned number", name, map);
    SortField out{map, name, member.bit_offset / 8, field.size()};
    if (out.offset + out.size > made->spec().value_size)
      return fail(EINVAL, "--sort: field '{}' lies outside of the {} bytes of map '{}'", name,
                  made->spec().value_size, map);
    return out;
  }
  return fail(ENOENT, "--sort: the values of map '{}' have no field '{}'", map, name);
}

std::vector<MapContents> read_maps(uapi::Sys& sys, const object::Object& object,
                                   const std::vector<SortField>& sort) {
  std::vector<MapContents> out;
  for (const object::Map& map : object.maps()) {
    const MapSpec& spec = map.spec();
    const uapi::MapTypeRow* row = uapi::find_map_type(spec.type);
    bool readable = row && row->holds == uapi::ValueKind::data && spec.key_size > 0;
    if (map.fd() < 0 || !readable || spec.origin == MapOrigin::rodata || spec.origin == MapOrigin::kconfig)
      continue;
    auto field = std::ranges::find(sort, spec.name, &SortField::map);
    out.push_back(read_map(sys, spec, map.fd(), field == sort.end() ? nullptr : &*field));
  }
  return out;
}

std::string print_text(const RunReport& report) {
  constexpr std::size_t shown = 5;
  std::string out =
      fmt::format("{}: {} ({}) over {} packets of {}\n\n", report.source, report.program,
                  uapi::find_prog_type(report.type)->name, grouped(report.packets), report.capture);
  print_verdicts(report, out);
  for (const MapContents& map : report.maps) print_map(report, map, out);
  for (const Records& records : report.records) {
    out += fmt::format("\nring buffer {}: {} record{}\n", records.spec->name, grouped(records.count),
                       records.count == 1 ? "" : "s");
    for (std::size_t i = 0; i < records.kept.size() && i < shown; i++)
      out += fmt::format("  {}\n", decode(report.types, records.type, records.kept[i]));
    if (records.count > shown) out += fmt::format("  ... and {} more\n", grouped(records.count - shown));
  }
  if (report.printk_lines) {
    out += fmt::format("\nprintk: {} line{}\n", grouped(report.printk_lines),
                       report.printk_lines == 1 ? "" : "s");
    for (std::size_t i = 0; i < report.printk.size() && i < shown; i++)
      out += fmt::format("  {}\n", report.printk[i]);
    if (report.printk_lines > shown)
      out += fmt::format("  ... and {} more\n", grouped(report.printk_lines - shown));
  }
  if (report.faults) out += fmt::format("\nfirst fault: {}\n", report.first_fault);
  if (!report.written_to.empty())
    out += fmt::format("\nwrote {} packets to {}\n", grouped(report.written), report.written_to);
  double rate = report.seconds > 0 ? static_cast<double>(report.packets * report.repeat) / report.seconds : 0;
  out += fmt::format("\n{} packets, {} bytes in {}: {} packets/s on one CPU ({})\n", grouped(report.packets),
                     grouped(report.bytes), short_time(report.seconds), short_number(rate), report.engine);
  return out;
}

std::string print_json(const RunReport& report) {
  base::JsonWriter json(true);
  json.object();
  json.member("source", report.source);
  json.member("capture", report.capture);
  json.member("program", report.program);
  json.member("type", uapi::find_prog_type(report.type)->name);
  json.member("side", report.side);
  json.member("engine", report.engine);
  json.member("packets", report.packets);
  json.member("bytes", report.bytes);
  json.member("repeat", report.repeat);
  json.member("seconds", report.seconds);
  json.key("verdicts");
  json.array();
  for (const auto& [result, tally] : report.verdicts) {
    json.object();
    json.member("name", verdict_name(report.type, result));
    json.member("result", result);
    json.member("packets", tally.packets);
    json.member("bytes", tally.bytes);
    json.end();
  }
  json.end();
  json.key("skipped");
  json.array();
  for (const auto& [reason, packets] : report.skipped) {
    json.object();
    json.member("reason", reason);
    json.member("packets", packets);
    json.end();
  }
  json.end();
  json.key("faults");
  json.object();
  json.member("packets", report.faults);
  if (report.faults) json.member("first", report.first_fault);
  json.end();
  json.key("maps");
  json.array();
  for (const MapContents& map : report.maps) {
    json.object();
    json.member("name", map.spec->name);
    json.member("type", type_name(*map.spec));
    if (is_data(*map.spec)) {
      json.key("variables");
      json.object();
      each_variable(report, map, [&](std::string_view name, btf::TypeId type, Bytes bytes) {
        json.key(name);
        decode(report.types, type, bytes, json);
      });
      json.end();
    } else {
      json.member("count", map.count);
      json.key("elements");
      json.array();
      for (const auto& [key, value] : map.elements) {
        json.object();
        json.key("key");
        decode(report.types, map.spec->key_type_id, key, json);
        if (map.cpus == 1) {
          json.key("value");
          decode(report.types, map.spec->value_type_id, value, json);
        } else {
          json.key("values");
          json.array();
          for (const auto& [cpu, one] : values_of(map, value)) {
            json.object();
            json.member("cpu", cpu);
            json.key("value");
            decode(report.types, map.spec->value_type_id, one, json);
            json.end();
          }
          json.end();
        }
        json.end();
      }
      json.end();
    }
    if (!map.error.empty()) json.member("error", map.error);
    json.end();
  }
  json.end();
  json.key("records");
  json.object();
  for (const Records& records : report.records) {
    json.key(records.spec->name);
    json.object();
    json.member("count", records.count);
    json.key("first");
    json.array();
    for (const Buffer& record : records.kept) decode(report.types, records.type, record, json);
    json.end();
    json.end();
  }
  json.end();
  json.member("printk_lines", report.printk_lines);
  json.key("printk");
  json.array();
  for (const std::string& line : report.printk) json.string(line);
  json.end();
  if (!report.written_to.empty()) {
    json.member("written_to", report.written_to);
    json.member("written", report.written);
  }
  if (report.capture_error) json.member("error", report.capture_error->message);
  json.end();
  return json.take();
}

}  // namespace skep::cli
