// The soundness oracle's own check: a state that says too much is found out.
#include <gtest/gtest.h>

#include <cstring>

#include "oracle/contain.h"

namespace skep::oracle {
namespace {

using verify::Byte;
using verify::Kind;
using verify::RegState;
using verify::Scalar;

struct Moment {
  alignas(8) std::uint8_t stack[512] = {};
  std::uint8_t values[3 * 24] = {};
  std::uint64_t registers[11] = {};
  image::Region region{};
  verify::MapModel map;
  Concrete now;
  Moment() {
    now.registers = registers;
    now.frame_pointers[0] = reinterpret_cast<std::uint64_t>(stack) + sizeof stack;
    now.packet = 0x1000;
    now.packet_end = 0x1040;
    now.context = 0x500;
    now.poison = 0xdead;
    map.name = region.name = "m";
    region.base = reinterpret_cast<std::uint64_t>(values);
    region.size = sizeof values;
    region.stride = 24;
    region.cell = 20;
    region.kind = image::RegionKind::map_value;
    now.regions = {&region, 1};
  }
};

RegState scalar(std::uint64_t min, std::uint64_t max) {
  RegState reg = RegState::unknown();
  reg.value = Scalar::between(min, max);
  return reg;
}

TEST(Containment, OfNumbersIsHeldAgainstEachView) {
  const Moment m;
  EXPECT_EQ(outside(scalar(3, 9), 9, m.now), "");
  EXPECT_NE(outside(scalar(3, 9), 10, m.now), "");
  RegState even = RegState::unknown();
  even.value.bits = {0, ~std::uint64_t{1}};
  EXPECT_EQ(outside(even, 8, m.now), "");
  EXPECT_NE(outside(even, 7, m.now), "");
  RegState low = RegState::unknown();
  low.value.low.smax = -1;
  EXPECT_EQ(outside(low, 0x80000000, m.now), "");
  EXPECT_NE(outside(low, 5, m.now), "");
  EXPECT_NE(outside(RegState::unknown(), m.now.poison, m.now), "") << "nothing is in that register";
  EXPECT_EQ(outside(RegState{}, m.now.poison, m.now), "");
}

TEST(Containment, OfPointersIsTheirOffset) {
  Moment m;
  RegState packet = RegState::pointer(Kind::packet);
  packet.off = 4;
  packet.range = 20;
  EXPECT_EQ(outside(packet, 0x1004, m.now), "");
  EXPECT_NE(outside(packet, 0x1005, m.now), "");
  packet.value = Scalar::between(0, 60);
  EXPECT_EQ(outside(packet, 0x1004 + 44, m.now), "");
  EXPECT_NE(outside(packet, 0x1004 + 45, m.now), "") << "20 bytes are not there any more";
  packet.range = 0;
  EXPECT_EQ(outside(packet, 0x1004 + 45, m.now), "");

  RegState value = RegState::pointer(Kind::map_value);
  value.object = &m.map;
  value.off = 8;
  EXPECT_EQ(outside(value, m.region.base + 24 + 8, m.now), "");
  EXPECT_NE(outside(value, m.region.base + 24 + 9, m.now), "");
  EXPECT_NE(outside(value, m.region.base + 72 + 8, m.now), "") << "there is no fourth value";
  EXPECT_NE(outside(value, 0, m.now), "");
  value.flags = verify::flag::maybe_null;
  EXPECT_EQ(outside(value, 0, m.now), "");

  RegState stack = RegState::pointer(Kind::stack);
  stack.off = -16;
  EXPECT_EQ(outside(stack, m.now.frame_pointers[0] - 16, m.now), "");
  EXPECT_NE(outside(stack, m.now.frame_pointers[0] - 8, m.now), "");
}

TEST(Containment, OfTheStackIsBySlotAndByte) {
  Moment m;
  Snapshot believed;
  believed.frames.resize(1);
  believed.frames[0].stack.resize(2);
  verify::StackSlot& slot = believed.frames[0].stack[1];
  slot.spilled = scalar(0x11223344, 0x11223344);
  for (unsigned b = 4; b < 8; b++) slot.bytes[b] = Byte::spill;
  slot.bytes[0] = Byte::zero;  // fp - 9
  const std::uint32_t word = 0x11223344;
  std::memcpy(m.stack + 512 - 16, &word, sizeof word);
  EXPECT_EQ(outside(believed, m.now), "");
  m.stack[512 - 9] = 1;
  EXPECT_NE(outside(believed, m.now), "");
  m.stack[512 - 9] = 0;
  m.stack[512 - 16] = 0x45;
  EXPECT_NE(outside(believed, m.now), "");
}

TEST(Containment, AStateThatIsOneShortIsFoundOut) {
  Moment m;
  Recorder recorder;
  recorder.begin(1, 100, 1);
  verify::Frame frame;
  verify::State state;
  state.frames[0] = &frame;
  frame.regs[3] = scalar(0, 7);
  recorder.on_state(0, state);
  frame.regs[3] = scalar(9, 12);
  recorder.on_state(0, state);
  std::string why;
  m.registers[3] = 12;
  EXPECT_EQ(recorder.check(0, m.now, why), Recorder::Finding::inside);
  m.registers[3] = 8;
  EXPECT_EQ(recorder.check(0, m.now, why), Recorder::Finding::outside) << why;
  m.registers[3] = 7;
  m.now.depth = 1;
  EXPECT_EQ(recorder.check(0, m.now, why), Recorder::Finding::outside) << why;
}

}  // namespace
}  // namespace skep::oracle
