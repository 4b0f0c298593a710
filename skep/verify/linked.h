// LinkedRegs: the registers and stack slots that a branch tells something about at once, because they hold
// the same number or numbers at known distances. Packed into 64 bits of a path's history, so that precision
// can be carried over between them when the path is walked back.
#pragma once

#include <array>
#include <cstdint>

namespace skep::verify {

struct LinkedReg {
  std::uint8_t frame = 0;
  std::uint8_t index = 0;  // register or stack slot
  bool is_reg = false;
};

class LinkedRegs {
 public:
  static constexpr unsigned most = 6;

  unsigned size() const { return count_; }
  const LinkedReg& operator[](unsigned i) const { return all_[i]; }
  // False when full.
  bool add(LinkedReg reg) {
    if (count_ == most) return false;
    all_[count_++] = reg;
    return true;
  }
  // Four bits of count, then ten an entry; 0 is the empty set.
  std::uint64_t pack() const {
    std::uint64_t packed = 0;
    for (unsigned i = count_; i-- > 0;) {
      const LinkedReg& r = all_[i];
      packed = packed << 10 | static_cast<std::uint64_t>(r.frame) << 7 |
               static_cast<std::uint64_t>(r.index) << 1 | static_cast<std::uint64_t>(r.is_reg);
    }
    return packed << 4 | count_;
  }
  static LinkedRegs unpack(std::uint64_t packed) {
    LinkedRegs set;
    const unsigned count = packed & 15;
    packed >>= 4;
    for (unsigned i = 0; i < count; i++, packed >>= 10)
      set.add({static_cast<std::uint8_t>(packed >> 7 & 7), static_cast<std::uint8_t>(packed >> 1 & 63),
               (packed & 1) != 0});
    return set;
  }

 private:
  std::array<LinkedReg, most> all_{};
  unsigned count_ = 0;
};

}  // namespace skep::verify
