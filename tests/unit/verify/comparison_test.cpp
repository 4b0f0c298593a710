// Comparisons of 6-bit numbers: what compare() decides holds for every pair of concrete operands, and what
// assume() leaves of the operands keeps each number that takes the branch with some partner.
//
// Enumerated, for each kernel's rules, on 6 and on 3 bits, for eq ne gt ge lt le sgt sge slt sle set:
//   - every pair of small::values() (all tnums, all unsigned and signed intervals of the whole and of the low
//     half), 22 comparisons each;
//   - every meet of a tnum with an unsigned interval or a signed one, against every constant, both ways
//   round.
// By default a slice; SKEP_EXHAUSTIVE=N takes every Nth, 1 all of them (minutes for each kernel).
#include <gtest/gtest.h>

#include "small.h"

namespace skep::verify {
namespace {

using isa::Operation;
using namespace small;

constexpr std::size_t operations = std::size(comparisons);

// For a set of numbers and each comparison: which partners make it true with one of them, and which false.
struct Partners {
  struct Of {
    Set yes = 0, no = 0;
  };
  std::array<std::array<Of, operations>, 2> left{}, right{};  // [bits == half]

  explicit Partners(Set set) {
    for (unsigned low = 0; low < 2; low++)
      for (std::size_t op = 0; op < operations; op++)
        for (std::uint64_t x = 0; x <= all; x++) {
          if (!holds(set, x)) continue;
          const Relation& relation = relations()[low][op];
          left[low][op].yes |= relation.by_left[x];
          left[low][op].no |= ~relation.by_left[x];
          right[low][op].yes |= relation.by_right[x];
          right[low][op].no |= ~relation.by_right[x];
        }
  }

 private:
  struct Relation {
    std::array<Set, 64> by_left{}, by_right{};
  };
  using Relations = std::array<std::array<Relation, operations>, 2>;
  static const Relations& relations() {
    static const Relations made = [] {
      Relations all_of{};
      for (unsigned low = 0; low < 2; low++)
        for (std::size_t op = 0; op < operations; op++)
          for (std::uint64_t x = 0; x <= all; x++)
            for (std::uint64_t y = 0; y <= all; y++)
              if (small::holds(comparisons[op], low != 0 ? half : width, x, y)) {
                all_of[low][op].by_left[x] |= Set{1} << y;
                all_of[low][op].by_right[y] |= Set{1} << x;
              }
      return all_of;
    }();
    return made;
  }
};

struct Operand {
  Value value;
  Partners partners;
  explicit Operand(const Value& v) : value(v), partners(v.set) {}
};

std::vector<Operand> operands(const std::vector<Value>& values) {
  std::vector<Operand> out;
  out.reserve(values.size());
  for (const Value& value : values) out.emplace_back(value);
  return out;
}

struct Counts {
  std::uint64_t pairs = 0, decided = 0;
};

// Empty: all is well.
std::string check_pair(const Operand& a, const Operand& b, const Arithmetic& arithmetic, Counts& counts) {
  counts.pairs++;
  for (unsigned low = 0; low < 2; low++)
    for (std::size_t op = 0; op < operations; op++) {
      const unsigned bits = low != 0 ? half : width;
      const Operation operation = comparisons[op];
      const auto &with_b = b.partners.right[low][op], &with_a = a.partners.left[low][op];
      // The numbers of a and b that take the branch, and that do not.
      const Set needed[2][2] = {{a.value.set & with_b.no, b.value.set & with_a.no},
                                {a.value.set & with_b.yes, b.value.set & with_a.yes}};
      const auto where = [&] {
        return fmt::format("operation {} of {} bits\n{}\n{}", static_cast<int>(operation), bits,
                           text(a.value.abstract), text(b.value.abstract));
      };
      if (const auto answer = compare(operation, bits, a.value.abstract, b.value.abstract, arithmetic)) {
        counts.decided++;
        if (needed[*answer ? 0 : 1][0] != 0)
          return fmt::format("always {}: not so: {}", *answer ? "taken" : "left", where());
      }
      for (const bool taken : {false, true}) {
        Small left = a.value.abstract, right = b.value.abstract;
        const bool sane = assume(operation, bits, taken, left, right, arithmetic);
        const Set lost_left = needed[taken][0] & ~concrete(left),
                  lost_right = needed[taken][1] & ~concrete(right);
        if (needed[taken][0] != 0 && (!sane || lost_left != 0 || lost_right != 0))
          return fmt::format("{}, lost {:#x} and {:#x}: {}\n->\n{}\n{}", taken ? "taken" : "left", lost_left,
                             lost_right, where(), text(left), text(right));
      }
    }
  return {};
}

class Comparisons : public testing::TestWithParam<std::uint16_t> {};

TEST_P(Comparisons, OfEveryPairAreSound) {
  const Arithmetic arithmetic = arithmetic_of(GetParam());
  const std::vector<Operand> list = operands(values());
  const std::uint64_t step = exhaustive_step(9973), pairs = std::uint64_t{list.size()} * list.size();
  Counts counts;
  for (std::uint64_t at = GetParam() % step; at < pairs; at += step) {
    const std::string wrong = check_pair(list[at / list.size()], list[at % list.size()], arithmetic, counts);
    ASSERT_TRUE(wrong.empty()) << wrong;
  }
  EXPECT_GT(counts.decided, 0u);
  RecordProperty("values", static_cast<int>(list.size()));
  EXPECT_EQ(counts.pairs, (pairs - GetParam() % step + step - 1) / step);
  fmt::print("{} values, {} of {} pairs, {} answers\n", list.size(), counts.pairs, pairs, counts.decided);
}

TEST_P(Comparisons, OfMeetsWithConstantsAreSound) {
  const Arithmetic arithmetic = arithmetic_of(GetParam());
  const std::uint64_t step = exhaustive_step(4999);
  std::vector<Small> list;
  std::uint64_t number = 0;
  for (const Small& tnum : all_tnums())
    for (std::uint64_t min = 0; min <= all; min++)
      for (std::uint64_t max = min; max <= all; max++) {
        if (number++ % step != 0) continue;
        Small s = tnum, t = tnum;
        scalar_detail::meet_unsigned(s.full, min, max);
        scalar_detail::meet_signed(t.full, min - 32, max - 32);
        list.push_back(s);
        list.push_back(t);
      }
  std::vector<Operand> constants;
  for (std::uint64_t value = 0; value <= all; value++)
    constants.emplace_back(Value{Small::constant(value), Set{1} << value});
  Counts counts;
  const std::vector<Value> meets = synced(list, false);
  for (const Value& meet : meets) {
    const Operand operand(meet);
    for (const Operand& constant : constants) {
      std::string wrong = check_pair(operand, constant, arithmetic, counts);
      if (wrong.empty()) wrong = check_pair(constant, operand, arithmetic, counts);
      ASSERT_TRUE(wrong.empty()) << wrong;
    }
  }
  EXPECT_GT(counts.decided, 0u);
  fmt::print("{} meets, {} pairs, {} answers\n", meets.size(), counts.pairs, counts.decided);
}

INSTANTIATE_TEST_SUITE_P(Scalar, Comparisons, testing::ValuesIn(kernels), [](const auto& info) {
  return fmt::format("linux_{}_{}", info.param >> 8, info.param & 0xff);
});

// The check can fail: a refinement that is one too sharp.
TEST(Comparison, AWrongAnswerIsSeen) {
  const Operand a(values()[0]), b(values()[1]);
  Counts counts;
  ASSERT_EQ(check_pair(a, b, Arithmetic{}, counts), "");
  Operand wrong = b;
  wrong.value.abstract = Small::between(3, 5);  // but its set is another one
  wrong.value.set = Set{1} << 9;
  wrong.partners = Partners(wrong.value.set);
  EXPECT_NE(check_pair(a, wrong, Arithmetic{}, counts), "");
}

TEST(Comparison, SetsAreWhatContainsSays) {
  for (const Value& value : values())
    for (std::uint64_t x = 0; x <= all; x++) ASSERT_EQ(value.abstract.contains(x), holds(value.set, x));
}

}  // namespace
}  // namespace skep::verify
