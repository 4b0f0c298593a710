// Builds small BTF for the tests, in either byte order, right or wrong on purpose.
#pragma once

#include <bit>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "skep/base/bytes.h"
#include "skep/btf/btf.h"

namespace skep::btf {

class Build {
 public:
  explicit Build(std::endian order = std::endian::native) : order_(order), types_(order) {}

  std::uint32_t string(std::string_view text) {
    if (text.empty()) return 0;
    auto at = base_strings_ + static_cast<std::uint32_t>(strings_.size());
    strings_.append(text);
    strings_ += '\0';
    return at;
  }
  // A record; returns its id. `words` follow the 12 bytes.
  TypeId add(Kind kind, std::string_view name, std::uint32_t vlen, std::uint32_t size_or_type,
             std::initializer_list<std::uint32_t> words = {}, bool kflag = false) {
    types_.u32(string(name));
    types_.u32(static_cast<std::uint32_t>(kind) << 24 | vlen | (kflag ? 0x80000000U : 0));
    types_.u32(size_or_type);
    for (std::uint32_t word : words) types_.u32(word);
    return next_++;
  }
  TypeId integer(std::string_view name, std::uint32_t size, std::uint32_t encoding = 0) {
    return add(Kind::int_, name, 0, size, {encoding << 24 | size * 8});
  }
  TypeId pointer(TypeId to) { return add(Kind::ptr, "", 0, to); }
  TypeId array(TypeId of, TypeId index, std::uint32_t count) {
    return add(Kind::array, "", 0, 0, {of, index, count});
  }
  TypeId next() const { return next_; }
  void start_at(TypeId id, std::uint32_t string_offset) {  // of split BTF
    next_ = id;
    base_strings_ = string_offset;
  }

  Buffer bytes() const {
    base::Writer out(order_);
    out.u16(0xeb9f);
    out.u8(1);
    out.u8(0);
    out.u32(24);
    out.u32(0);
    out.u32(static_cast<std::uint32_t>(types_.size()));
    out.u32(static_cast<std::uint32_t>(types_.size()));
    out.u32(static_cast<std::uint32_t>(strings_.size()));
    out.bytes(types_.buffer());
    out.bytes(base::as_bytes(strings_));
    return out.take();
  }

 private:
  std::endian order_;
  base::Writer types_;
  std::string strings_ = std::string(1, '\0');
  std::uint32_t base_strings_ = 0;
  TypeId next_ = 1;
};

}  // namespace skep::btf
