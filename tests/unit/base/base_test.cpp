// Laws of the foundation: results propagate, readers never leave their bytes, JSON survives hostile text.
#include <gtest/gtest.h>

#include "skep/base/bytes.h"
#include "skep/base/diagnostics.h"
#include "skep/base/file.h"
#include "skep/base/json.h"
#include "skep/base/result.h"

namespace skep::base {
namespace {

Result<int> half(int n) {
  if (n % 2) return fail(EINVAL, "{} is odd", n);
  return n / 2;
}
Result<int> quarter(int n) {
  int once = TRY(half(n));
  return half(once);
}

TEST(Result, try_yields_or_returns) {
  EXPECT_EQ(*quarter(12), 3);
  auto odd = quarter(6);
  ASSERT_FALSE(odd);
  EXPECT_EQ(odd.error().code, EINVAL);
  EXPECT_EQ(odd.error().message, "3 is odd");
}

TEST(Reader, both_orders_and_the_end) {
  const std::uint8_t data[] = {1, 2, 3, 4, 5};
  Reader big(data, "five bytes", std::endian::big);
  EXPECT_EQ(*big.u32(), 0x01020304u);
  auto past = big.u16();
  ASSERT_FALSE(past);
  EXPECT_EQ(past.error().message, "five bytes: ends at byte 5, but 2 bytes are needed at offset 4");
  EXPECT_EQ(big.offset(), 4u);
  Reader little(data, "five bytes", std::endian::little);
  EXPECT_EQ(*little.u16(), 0x0201);
  EXPECT_FALSE(little.seek(6));
  EXPECT_TRUE(little.seek(5));
  EXPECT_FALSE(little.skip(1));
}

TEST(Slice, never_overflows) {
  const std::uint8_t data[] = {1, 2, 3};
  EXPECT_TRUE(slice(data, 1, 2, "x"));
  EXPECT_FALSE(slice(data, 1, ~std::uint64_t{0}, "x"));
  EXPECT_FALSE(slice(data, ~std::uint64_t{0}, 1, "x"));
  EXPECT_FALSE(c_string(data, 0, "x"));
  EXPECT_FALSE(c_string(data, 3, "x"));
}

TEST(Ordered, stores_in_its_order) {
  be16 port = 0x1234;
  std::uint8_t raw[2];
  std::memcpy(raw, &port, 2);
  EXPECT_EQ(raw[0], 0x12);
  EXPECT_EQ(port, 0x1234);
}

TEST(Diagnostics, caret_stands_under_the_column) {
  Diagnostics d;
  d.error({"fw.s", 3, 6, 3}, "unknown register 'r12'", "r1 = r12");
  EXPECT_EQ(d.print(),
            "fw.s:3:6: error: unknown register 'r12'\n"
            "     3 | r1 = r12\n"
            "       |      ^~~\n");
  EXPECT_TRUE(d.has_errors());
}

TEST(Json, hostile_text_stays_json) {
  JsonWriter json;
  json.object();
  json.member("a\"\\", std::string_view("\x01\xff\n\xc3\xa9"));
  json.key("list");
  json.array();
  json.number(-1);
  json.number(~std::uint64_t{0});
  json.boolean(true);
  json.null();
  json.end();
  json.end();
  EXPECT_EQ(json.text(),
            "{\"a\\\"\\\\\":\"\\u0001\\ufffd\\n\xc3\xa9\",\"list\":[-1,18446744073709551615,true,null]}");
}

TEST(File, missing_file_names_itself) {
  auto missing = read_file("/nowhere/at/all");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ENOENT);
  EXPECT_EQ(missing.error().message, "/nowhere/at/all: No such file or directory (ENOENT)");
}

}  // namespace
}  // namespace skep::base
