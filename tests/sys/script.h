// A sequence of bpf(2) calls on maps, made on one side and written down as lines of text: errnos and the
// bytes that came back. Two sides that agree write the same lines. What differs by nature is named, not
// numbered: ids, orders of hashes.
#pragma once

#include <string>
#include <vector>

#include "skep/base/bytes.h"
#include "skep/uapi/attr.h"
#include "skep/uapi/map_types.h"
#include "skep/uapi/sys.h"

namespace skep::two_sides {

class Script {
 public:
  explicit Script(uapi::Sys& sys);
  ~Script();
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  // Which map types both sides have is the caller's knowledge.
  void create_variants(uapi::MapType type);
  void element_commands(uapi::MapType type);

  const std::vector<std::string>& lines() const { return lines_; }

 private:
  struct Map;
  struct Shape {
    std::uint32_t key = 0, value = 0, entries = 0, flags = 0;
    std::uint64_t extra = 0;
  };
  static Shape shape_of(uapi::MapType type);

  long create(uapi::MapType type, const Shape& shape);
  void variant(uapi::MapType type, const Shape& shape);
  void singles(Map& map);
  void fill(Map& map);
  void batches(Map& map);
  void info_and_freeze(Map& map);

  template <class Attr>
  long bpf(uapi::Command command, Attr& attr) {
    return sys_.bpf(command, &attr, sizeof attr);
  }
  template <class... Args>
  void note(fmt::format_string<Args...> format, Args&&... args) {
    lines_.push_back(fmt::format("{}: {}", where_, fmt::format(format, std::forward<Args>(args)...)));
  }

  uapi::Sys& sys_;
  std::string where_;
  std::vector<std::string> lines_;
  std::vector<int> fds_;  // to close at the end
  // What values of reference maps name: descriptor and id of two of each.
  struct Named {
    int fd = -1;
    std::uint32_t id = 0;
  };
  Named programs_[2], devmap_program_, cpumap_program_, inner_maps_[2], other_map_;
};

}  // namespace skep::two_sides
