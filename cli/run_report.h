// What `skep run` found, as data; printed as text or JSON.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "skep/base/bytes.h"
#include "skep/base/json.h"
#include "skep/btf/btf.h"
#include "skep/object/load.h"
#include "skep/uapi/sys.h"

namespace skep::cli {

struct Tally {
  std::uint64_t packets = 0, bytes = 0;
};

// An unsigned number inside the values of a map, by which its elements are listed, the highest first.
struct SortField {
  std::string map, name;
  std::uint32_t offset = 0, size = 0;  // bytes
};

// Where field `name` is in the values of `map`. ENOENT when there is no such map or field, EINVAL when it is
// no unsigned number of whole bytes.
Result<SortField> find_sort_field(const object::Object& object, const std::string& map,
                                  const std::string& name);

// A map's elements after the run.
struct MapContents {
  const object::MapSpec* spec = nullptr;
  std::uint32_t cpus = 1;  // values in one element's bytes, each padded to 8; 1: not a per-CPU map
  std::vector<std::pair<Buffer, Buffer>> elements;  // at most max_elements
  std::uint64_t count = 0;                          // of all elements that are not zero
  std::string sorted_by;                            // a field of the values; empty: by their keys
  std::string error;                                // why they could not be read; empty: they could
  static constexpr std::size_t max_elements = 1000;
};

// The records of a ring buffer, in order.
struct Records {
  const object::MapSpec* spec = nullptr;
  btf::TypeId type = 0;  // how to decode them; 0: as bytes
  std::uint64_t count = 0;
  std::vector<Buffer> kept;  // the first ones, at most max_kept
  static constexpr std::size_t max_kept = 1000;
};

struct RunReport {
  std::string source, capture, program;
  const btf::Btf* types = nullptr;  // of the object; null: it has none
  uapi::ProgType type{};
  std::string side, engine;
  std::uint64_t packets = 0, bytes = 0;  // judged
  double seconds = 0;                    // reading included
  std::uint32_t repeat = 1;
  std::map<std::uint32_t, Tally> verdicts;       // by the program's result
  std::map<std::string, std::uint64_t> skipped;  // reason -> packets
  std::uint64_t faults = 0;
  std::string first_fault;
  std::uint64_t written = 0;
  std::string written_to;
  std::vector<MapContents> maps;
  std::vector<Records> records;
  std::vector<std::string> printk;  // the first lines
  std::uint64_t printk_lines = 0;
  std::optional<Error> capture_error;  // the capture ended badly; what came before was judged
};

// Reads every map of the object that has elements to show.
std::vector<MapContents> read_maps(uapi::Sys& sys, const object::Object& object,
                                   const std::vector<SortField>& sort);

std::string print_text(const RunReport& report);
std::string print_json(const RunReport& report);

}  // namespace skep::cli
