// Any bytes get a verdict: no crash, bounded time. Small programs are damaged at random; most are refused,
// and the answer is the same when asked again.
#include <gtest/gtest.h>

#include <random>

#include "skep/isa/assemble.h"
#include "skep/uapi/helpers.h"
#include "skep/verify/verify.h"

namespace skep::verify {
namespace {

constexpr const char* programs[] = {
    "r1 = 0\n*(u64 *)(r10 - 8) = r1\nr2 = r10\nr2 += -8\nr1 = map_fd(0) ll\ncall 1\nif r0 == 0 goto +1\n"
    "r0 = *(u64 *)(r0 + 0)\nr0 = 0\nexit\n",
    "r2 = *(u32 *)(r1 + 76)\nr3 = *(u32 *)(r1 + 80)\nr4 = r2\nr4 += 14\nif r4 > r3 goto +1\nr0 = *(u8 *)(r2 "
    "+ 3)\n"
    "r0 = 0\nexit\n",
    "r6 = 0\nr6 += 1\nr7 = r6\nr7 &= 15\nr8 = r10\nr8 -= 32\nr8 += r7\n*(u8 *)(r8 + 0) = r6\nif r6 < 20 goto "
    "-7\n"
    "r0 = *(u64 *)(r10 - 32)\nr0 = 0\nexit\n",
    "r1 = 5\ncall local +2\nr0 += 1\nexit\nr0 = r1\nr0 *= 3\nexit\n",
};

TEST(Hostile, DamagedProgramsGetTheSameVerdictTwice) {
  std::mt19937_64 random(1);
  std::vector<std::vector<isa::Insn>> seeds;
  for (const char* text : programs) {
    auto insns = isa::assemble_insns(text);
    ASSERT_TRUE(insns.has_value()) << insns.error().message;
    seeds.push_back(std::move(*insns));
  }
  Model model;
  model.prog.type = uapi::ProgType::sched_cls;
  MapModel map;
  map.name = "m";
  map.type = uapi::MapType::array;
  map.key_size = 4;
  map.value_size = 16;
  map.max_entries = 2;
  model.maps.push_back(map);
  Options options;
  options.insn_limit = 2000;
  unsigned accepted = 0;
  for (unsigned round = 0; round < 6000; round++) {
    std::vector<isa::Insn> insns = seeds[round % seeds.size()];
    auto* bytes = reinterpret_cast<std::uint8_t*>(insns.data());
    const std::size_t size = insns.size() * sizeof(isa::Insn);
    for (std::uint64_t n = random() % 3 + 1; n > 0; n--) {
      const std::uint64_t at = random() % size;
      switch (random() % 3) {
        case 0: bytes[at] ^= static_cast<std::uint8_t>(1u << random() % 8); break;
        case 1: bytes[at] = static_cast<std::uint8_t>(random()); break;
        default: insns[at / 8] = insns[random() % insns.size()]; break;
      }
    }
    model.prog.insns = insns;
    model.privileges = round % 4 == 0 ? Privileges::none() : Privileges::root();
    options.log_level = round % 3;
    const Verdict first = verify(model, options);
    const Verdict again = verify(model, options);
    ASSERT_EQ(first.accepted, again.accepted);
    ASSERT_EQ(first.reason, again.reason);
    ASSERT_EQ(first.accepted, first.reason.empty());
    ASSERT_EQ(first.accepted, first.code == 0);
    accepted += first.accepted;
  }
  EXPECT_GT(accepted, 200u);
  EXPECT_LT(accepted, 5000u);
}

}  // namespace
}  // namespace skep::verify
