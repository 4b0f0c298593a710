// The memory of a run, and where instructions come from.
#include "skep/image/regions.h"

#include <gtest/gtest.h>

#include "skep/image/image.h"

namespace skep::image {
namespace {

Region region(std::uint64_t base, std::uint64_t size, std::uint32_t stride = 0, std::uint32_t cell = 0) {
  Region r;
  r.base = base;
  r.size = size;
  r.stride = stride;
  r.cell = cell;
  return r;
}

TEST(Regions, hold_what_lies_inside) {
  const Region r = region(0x1000, 16);
  EXPECT_TRUE(Regions::holds(r, 0x1000, 16));
  EXPECT_TRUE(Regions::holds(r, 0x100f, 1));
  EXPECT_FALSE(Regions::holds(r, 0x1010, 1));
  EXPECT_FALSE(Regions::holds(r, 0xfff, 1));
  EXPECT_FALSE(Regions::holds(r, 0x1001, 16));
  EXPECT_FALSE(Regions::holds(r, 0x1008, ~std::uint64_t{0}));
  EXPECT_FALSE(Regions::holds(r, ~std::uint64_t{0}, 2));
}

TEST(Regions, cells_are_not_crossed) {
  const Region r = region(0x1000, 72, 24, 16);
  EXPECT_TRUE(Regions::holds(r, 0x1000 + 24, 16));
  EXPECT_TRUE(Regions::holds(r, 0x1000 + 48 + 15, 1));
  EXPECT_FALSE(Regions::holds(r, 0x1000 + 8, 16));
  EXPECT_FALSE(Regions::holds(r, 0x1000 + 16, 1));
  EXPECT_FALSE(Regions::holds(r, 0x1000 + 24 + 9, 8));
}

TEST(Regions, come_and_go) {
  Regions regions;
  EXPECT_EQ(regions.find(0x1000), nullptr);
  regions.add(region(0x1000, 16));
  regions.keep();
  std::uint32_t epoch = regions.epoch();
  regions.add(region(0x2000, 16));
  EXPECT_NE(regions.epoch(), epoch);
  ASSERT_NE(regions.find(0x200f), nullptr);
  EXPECT_EQ(regions.find(0x2010), nullptr);
  EXPECT_FALSE(regions.remove(0x2001));
  EXPECT_TRUE(regions.remove(0x2000));
  EXPECT_EQ(regions.find(0x2000), nullptr);
  regions.add(region(0x3000, 16));
  regions.reset();
  EXPECT_EQ(regions.all().size(), 1u);
  EXPECT_TRUE(regions.remove(0x1000));  // a kept one may go too
  regions.add(region(0x4000, 16));
  regions.reset();
  EXPECT_TRUE(regions.all().empty());
  regions.add(region(0x1000, 16));
  regions.keep();
  regions.clear();
  EXPECT_TRUE(regions.all().empty());
}

TEST(Image, lines_cover_the_slots_after_them) {
  Image image;
  EXPECT_EQ(image.find_line(0), nullptr);
  image.lines = {{2, 10, 1, "a.c", ""}, {5, 12, 1, "a.c", ""}};
  EXPECT_EQ(image.find_line(1), nullptr);
  EXPECT_EQ(image.find_line(4)->line, 10u);
  EXPECT_EQ(image.find_line(5)->line, 12u);
  EXPECT_EQ(image.find_line(500)->line, 12u);
}

}  // namespace
}  // namespace skep::image
