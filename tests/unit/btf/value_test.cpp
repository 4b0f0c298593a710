// Values: text and JSON of every kind, bitfields in both byte orders, wrong bytes and hostile types.
#include "skep/btf/value.h"

#include <gtest/gtest.h>

#include "tests/unit/btf/build.h"

namespace skep::btf {
namespace {

struct Shown {
  std::string text, json;
};

Shown show(const Btf& btf, TypeId id, Bytes bytes, ValueStyle style = {}) {
  Shown shown;
  auto text = print_value(btf, id, bytes, shown.text, style);
  base::JsonWriter json;
  auto done = print_value(btf, id, bytes, json, style);
  EXPECT_EQ(text.has_value(), done.has_value());
  if (!text) {
    EXPECT_TRUE(shown.text.empty());
    EXPECT_TRUE(json.text().empty());
    EXPECT_EQ(text.error().message, done.error().message);
    return {text.error().message, ""};
  }
  shown.json = json.text();
  return shown;
}

class Values : public testing::Test {
 protected:
  Btf parse() {
    bytes_ = build_.bytes();
    auto btf = Btf::parse(bytes_);
    EXPECT_TRUE(btf.has_value()) << btf.error().message;
    return std::move(*btf);
  }
  Build build_;
  Buffer bytes_;
  TypeId int_ = build_.integer("int", 4, int_encoding::is_signed);
  TypeId u8_ = build_.integer("unsigned char", 1);
  TypeId u16_ = build_.integer("unsigned short", 2);
  TypeId u32_ = build_.integer("unsigned int", 4);
  TypeId u64_ = build_.integer("unsigned long long", 8);
  TypeId char_ = build_.integer("char", 1, int_encoding::is_signed);
  TypeId bool_ = build_.integer("_Bool", 1, int_encoding::is_bool);
  TypeId u128_ = build_.integer("unsigned __int128", 16);
};

TEST_F(Values, numbers) {
  TypeId real = build_.add(Kind::float_, "double", 0, 8);
  TypeId pointer = build_.pointer(int_);
  TypeId alias = build_.add(Kind::typedef_, "alias", 0, int_);
  Btf btf = parse();
  const Buffer minus_two = {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  EXPECT_EQ(show(btf, int_, minus_two).text, "-2");
  EXPECT_EQ(show(btf, alias, minus_two).json, "-2");
  EXPECT_EQ(show(btf, u32_, minus_two).text, "4294967294");
  EXPECT_EQ(show(btf, u64_, minus_two).json, "18446744073709551614");
  EXPECT_EQ(show(btf, u64_, minus_two, {std::endian::big}).json, "18374686479671623679");
  EXPECT_EQ(show(btf, pointer, minus_two).json, "\"0xfffffffffffffffe\"");
  EXPECT_EQ(show(btf, bool_, Buffer{1}).text, "true");
  EXPECT_EQ(show(btf, bool_, Buffer{0}).json, "false");
  EXPECT_EQ(show(btf, bool_, Buffer{7}).json, "7") << "not a value of _Bool";
  EXPECT_EQ(show(btf, real, Buffer{0, 0, 0, 0, 0, 0, 0xf8, 0x3f}).json, "1.5");
  EXPECT_EQ(show(btf, u128_, Buffer{1, 0, 0, 0, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0, 0, 0, 0}).text,
            "0xa0000000000000001");
  EXPECT_EQ(show(btf, u128_, Buffer(16)).text, "0x0");
}

TEST_F(Values, structs_unions_arrays_strings_and_enums) {
  TypeId name = build_.array(char_, u32_, 6);
  TypeId kind = build_.add(Kind::enum_, "kind", 2, 4, {build_.string("TCP"), 6, build_.string("UDP"), 17});
  TypeId inner =
      build_.add(Kind::union_, "", 2, 4, {build_.string("word"), u32_, 0, build_.string("byte"), u8_, 0});
  TypeId list = build_.array(u16_, u32_, 2);
  TypeId flow =
      build_.add(Kind::struct_, "flow", 5, 24,
                 {build_.string("src"), u32_, 0, build_.string("name"), name, 32, build_.string("kind"), kind,
                  96, 0, inner, 128, build_.string("ports"), list, 160});
  Btf btf = parse();
  const Buffer bytes = {1,  0, 0, 0, 'e', 't', 'h', '0', 0,  0, 0xcc, 0xcc,
                        17, 0, 0, 0, 5,   1,   0,   0,   80, 0, 0xbb, 1};
  EXPECT_EQ(show(btf, flow, bytes).text,
            R"({ .src = 1, .name = "eth0", .kind = UDP, { .word = 261, .byte = 5 }, .ports = [80, 443] })");
  EXPECT_EQ(show(btf, flow, bytes).json,
            R"({"src":1,"name":"eth0","kind":"UDP","":{"word":261,"byte":5},"ports":[80,443]})");
  EXPECT_EQ(show(btf, flow, bytes, {.multiline = true}).text, R"({
    .src = 1,
    .name = "eth0",
    .kind = UDP,
    {
        .word = 261,
        .byte = 5
    },
    .ports = [
        80,
        443
    ]
})");
  EXPECT_EQ(show(btf, kind, Buffer{9, 0, 0, 0}).json, "9") << "an enum's number without a name";
  EXPECT_EQ(show(btf, name, Buffer{'a', 1, 0, 0, 0, 0}).json, "[97,1,0,0,0,0]") << "not printable";
  EXPECT_EQ(show(btf, name, Buffer{'"', '\\', 'c', 'd', 'e', 'f'}).text, R"("\"\\cdef")") << "no NUL";
  EXPECT_EQ(show(btf, name, Buffer(6)).text, "\"\"");
}

TEST_F(Values, bitfields) {
  // struct { u32 a:3; int b:5 (-1); u64 c:40 at bit 12; }
  TypeId type = build_.add(Kind::struct_, "bits", 3, 8,
                           {build_.string("a"), u32_, 0 | 3U << 24, build_.string("b"), int_, 3 | 5U << 24,
                            build_.string("c"), u64_, 12 | 40U << 24},
                           true);
  TypeId old_int = build_.add(Kind::int_, "unsigned int", 0, 4, {4});  // before kflag: 4 bits
  TypeId old = build_.add(Kind::struct_, "old", 1, 4, {build_.string("x"), old_int, 6});
  Btf btf = parse();
  std::uint64_t word = 5 | 0x1fULL << 3 | 0xabcdef0123ULL << 12;
  Buffer bytes(8);
  base::store(bytes.data(), word, std::endian::little);
  EXPECT_EQ(show(btf, type, bytes).text, "{ .a = 5, .b = -1, .c = 737894400291 }");
  word = 5ULL << 61 | 0x1fULL << 56 | 0xabcdef0123ULL << 12;
  base::store(bytes.data(), word, std::endian::big);
  EXPECT_EQ(show(btf, type, bytes, {std::endian::big}).text, "{ .a = 5, .b = -1, .c = 737894400291 }");
  EXPECT_EQ(show(btf, old, Buffer{0x40, 0x02, 0, 0}).text, "{ .x = 9 }");
}

TEST_F(Values, datasec_is_a_struct_of_variables) {
  TypeId a = build_.add(Kind::var, "counter", 0, int_, {1});
  TypeId b = build_.add(Kind::var, "total", 0, u64_, {1});
  TypeId data = build_.add(Kind::datasec, ".data", 2, 16, {a, 0, 4, b, 8, 8});
  Btf btf = parse();
  Buffer bytes(16);
  bytes[0] = 7;
  bytes[8] = 9;
  EXPECT_EQ(show(btf, data, bytes).json, R"({"counter":7,"total":9})");
  EXPECT_NE(show(btf, data, Bytes(bytes).first(12)).text.find("'total': variable: 8 bytes at offset 8"),
            std::string::npos);
}

TEST_F(Values, too_few_bytes_and_types_without_values) {
  TypeId outer = build_.add(Kind::struct_, "outer", 1, 8, {build_.string("far"), u32_, 48});
  TypeId proto = build_.add(Kind::func_proto, "", 0, 0);
  TypeId flexible = build_.array(u32_, u32_, 0);
  TypeId empty = build_.add(Kind::struct_, "empty", 0, 0);
  Btf btf = parse();
  EXPECT_EQ(show(btf, u32_, Buffer{1, 2, 3}).text,
            "BTF type 4: a INT 'unsigned int' takes 4 bytes, but there are 3");
  EXPECT_EQ(show(btf, outer, Buffer(8)).text,
            "member 'far': BTF type 4: a INT 'unsigned int' takes 4 bytes, but there are 2");
  EXPECT_EQ(show(btf, 0, Buffer(8)).text, "BTF type 0: a UNKN '' has no value");
  EXPECT_EQ(show(btf, proto, Buffer(8)).text, "BTF type 10: a FUNC_PROTO '' has no value");
  EXPECT_EQ(show(btf, 99, Buffer(8)).text, "BTF type 99: there are 13 types");
  EXPECT_EQ(show(btf, flexible, {}).json, "[]");
  EXPECT_EQ(show(btf, empty, {}).text, "{}");
}

TEST_F(Values, hostile_types_end) {
  TypeId self = build_.next();
  build_.add(Kind::struct_, "self", 1, 8, {build_.string("again"), self, 0});
  TypeId empty = build_.add(Kind::struct_, "empty", 0, 0);
  TypeId many = build_.array(empty, u32_, 0xffffffff);
  // Ten levels of structs, each with ten overlapping members of the level below.
  TypeId level = u8_;
  for (int i = 0; i < 10; i++)
    level = build_.add(Kind::struct_, "level", 10, 1,
                       {0, level, 0, 0, level, 0, 0, level, 0, 0, level, 0, 0, level, 0,
                        0, level, 0, 0, level, 0, 0, level, 0, 0, level, 0, 0, level, 0});
  Btf btf = parse();
  EXPECT_NE(show(btf, self, Buffer(8)).text.find("nested deeper than 32"), std::string::npos);
  EXPECT_NE(show(btf, many, {}).text.find("too many values for so few bytes"), std::string::npos);
  EXPECT_NE(show(btf, level, Buffer(1)).text.find("too many values for so few bytes"), std::string::npos);
}

}  // namespace
}  // namespace skep::btf
