// Btf: every kind decoded, both byte orders, split BTF, resolving, and what wrong bytes answer.
#include "skep/btf/btf.h"

#include <gtest/gtest.h>

#include "skep/btf/print.h"
#include "tests/unit/btf/build.h"

namespace skep::btf {
namespace {

std::string error_of(const Buffer& bytes, const Btf* base = nullptr) {
  auto btf = Btf::parse(bytes, base);
  return btf ? "accepted" : btf.error().message;
}

// One type of each kind.
Buffer all_kinds(std::endian order) {
  Build build(order);
  TypeId integer = build.integer("int", 4, int_encoding::is_signed);  // 1
  build.pointer(integer);                                             // 2
  build.array(integer, integer, 5);                                   // 3
  build.add(Kind::struct_, "s", 2, 8,
            {build.string("a"), integer, 0, build.string("b"), integer, 32 | 3U << 24}, true);        // 4
  build.add(Kind::union_, "u", 1, 4, {build.string("x"), integer, 0});                                // 5
  build.add(Kind::enum_, "e", 2, 4, {build.string("ON"), 1, build.string("NEG"), 0xffffffff}, true);  // 6
  build.add(Kind::fwd, "f", 0, 0, {}, true);                                                          // 7
  build.add(Kind::typedef_, "t", 0, 9);                                                               // 8
  build.add(Kind::volatile_, "", 0, 10);                                                              // 9
  build.add(Kind::const_, "", 0, 11);                                                                 // 10
  build.add(Kind::restrict_, "", 0, 18);                                                              // 11
  TypeId proto = build.add(Kind::func_proto, "", 2, integer, {build.string("p"), integer, 0, 0});     // 12
  build.add(Kind::func, "fn", linkage::global, proto);                                                // 13
  TypeId var = build.add(Kind::var, "v", 0, integer, {linkage::global});                              // 14
  build.add(Kind::datasec, ".data", 1, 4, {var, 0, 4});                                               // 15
  build.add(Kind::float_, "double", 0, 8);                                                            // 16
  build.add(Kind::decl_tag, "tag", 0, 4, {0xffffffff});                                               // 17
  build.add(Kind::type_tag, "user", 0, 4);                                                            // 18
  build.add(Kind::enum64, "e64", 1, 8, {build.string("BIG"), 1, 0x80000000});                         // 19
  return build.bytes();
}

TEST(Btf, lists_every_kind_in_both_byte_orders) {
  constexpr std::string_view want = R"([1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED
[2] PTR '(anon)' type_id=1
[3] ARRAY '(anon)' type_id=1 index_type_id=1 nr_elems=5
[4] STRUCT 's' size=8 vlen=2
	'a' type_id=1 bits_offset=0
	'b' type_id=1 bits_offset=32 bitfield_size=3
[5] UNION 'u' size=4 vlen=1
	'x' type_id=1 bits_offset=0
[6] ENUM 'e' encoding=SIGNED size=4 vlen=2
	'ON' val=1
	'NEG' val=-1
[7] FWD 'f' fwd_kind=union
[8] TYPEDEF 't' type_id=9
[9] VOLATILE '(anon)' type_id=10
[10] CONST '(anon)' type_id=11
[11] RESTRICT '(anon)' type_id=18
[12] FUNC_PROTO '(anon)' ret_type_id=1 vlen=2
	'p' type_id=1
	'(anon)' type_id=0
[13] FUNC 'fn' type_id=12 linkage=global
[14] VAR 'v' type_id=1, linkage=global
[15] DATASEC '.data' size=4 vlen=1
	type_id=14 offset=0 size=4 (VAR 'v')
[16] FLOAT 'double' size=8
[17] DECL_TAG 'tag' type_id=4 component_idx=-1
[18] TYPE_TAG 'user' type_id=4
[19] ENUM64 'e64' encoding=UNSIGNED size=8 vlen=1
	'BIG' val=9223372036854775809ULL
)";
  for (std::endian order : {std::endian::little, std::endian::big}) {
    Buffer bytes = all_kinds(order);
    auto btf = Btf::parse(bytes);
    ASSERT_TRUE(btf.has_value()) << btf.error().message;
    EXPECT_EQ(btf->order(), order);
    EXPECT_EQ(btf->type_count(), 20U);
    EXPECT_EQ(print_types(*btf), want);
    // raw() is what this machine's kernel takes, whatever came in.
    EXPECT_TRUE(std::ranges::equal(btf->raw(), all_kinds(std::endian::native)));
  }
}

TEST(Btf, resolves_and_measures) {
  Buffer bytes = all_kinds(std::endian::native);
  auto btf = Btf::parse(bytes);
  ASSERT_TRUE(btf.has_value());
  EXPECT_EQ(btf->resolve(8).value(), 4U);
  EXPECT_EQ(btf->skip_modifiers(8).value(), 8U);
  EXPECT_EQ(btf->skip_modifiers(9).value(), 4U);
  EXPECT_EQ(btf->size_of(8).value(), 8U);
  EXPECT_EQ(btf->size_of(3).value(), 20U);
  EXPECT_EQ(btf->size_of(14).value(), 4U);
  EXPECT_EQ(btf->size_of(2).value(), 8U);
  EXPECT_EQ(btf->align_of(4).value(), 4U);
  EXPECT_EQ(btf->align_of(16).value(), 8U);
  for (TypeId id : {0U, 7U, 12U, 13U, 17U}) {
    EXPECT_FALSE(btf->size_of(id).has_value()) << id;
    EXPECT_FALSE(btf->align_of(id).has_value()) << id;
  }
  EXPECT_EQ(btf->size_of(13).error().message, "BTF type 13: a FUNC 'fn' has no size");
  EXPECT_EQ(btf->find("e64", Kind::enum64), std::optional<TypeId>(19));
  EXPECT_EQ(btf->find("e64", Kind::enum_), std::nullopt);
  EXPECT_EQ(btf->find("x"), std::nullopt) << "members are no types";
  EXPECT_EQ(btf->find_all("int"), std::vector<TypeId>{1});
}

TEST(Btf, packed_structs_have_alignment_one) {
  Build build;
  TypeId u8 = build.integer("u8", 1), u32 = build.integer("u32", 4);
  TypeId packed = build.add(Kind::struct_, "p", 2, 5, {0, u8, 0, 0, u32, 8});
  TypeId plain = build.add(Kind::struct_, "q", 2, 8, {0, u8, 0, 0, u32, 32});
  Buffer bytes = build.bytes();
  auto btf = Btf::parse(bytes);
  ASSERT_TRUE(btf.has_value());
  EXPECT_EQ(btf->align_of(packed).value(), 1U);
  EXPECT_EQ(btf->align_of(plain).value(), 4U);
}

TEST(Btf, split_btf_continues_its_base) {
  Build base_build;
  TypeId integer = base_build.integer("int", 4);
  Buffer base_bytes = base_build.bytes();
  auto base = Btf::parse(base_bytes);
  ASSERT_TRUE(base.has_value());

  Build build;
  build.start_at(base->type_count(), base->string_end());
  TypeId pointer = build.add(Kind::ptr, "", 0, integer);
  TypeId name = build.add(Kind::typedef_, "mine", 0, pointer);
  build.integer("int", 8);
  Buffer bytes = build.bytes();
  auto btf = Btf::parse(bytes, &*base);
  ASSERT_TRUE(btf.has_value()) << btf.error().message;
  EXPECT_EQ(btf->first_id(), 2U);
  EXPECT_EQ(btf->type_count(), 5U);
  EXPECT_EQ(btf->name(name), "mine");
  EXPECT_EQ(btf->name(integer), "int");
  EXPECT_EQ(btf->find("int"), std::optional<TypeId>(1)) << "the base comes first";
  EXPECT_EQ(btf->find_all("int"), (std::vector<TypeId>{1, 4}));
  EXPECT_EQ(btf->find("mine"), std::optional<TypeId>(name));
  EXPECT_EQ(btf->resolve(name).value(), pointer);
  EXPECT_NE(error_of(bytes), "accepted") << "without its base";
}

TEST(Btf, loops_end) {
  Build build;
  build.add(Kind::typedef_, "a", 0, 2);
  build.add(Kind::const_, "", 0, 1);
  build.array(3, 3, 2);                            // an array of itself
  build.add(Kind::struct_, "s", 1, 8, {0, 4, 0});  // a struct in itself
  build.add(Kind::ptr, "", 0, 5);                  // legal
  Buffer bytes = build.bytes();
  auto btf = Btf::parse(bytes);
  ASSERT_TRUE(btf.has_value()) << btf.error().message;
  EXPECT_EQ(btf->resolve(1).error().message, "BTF type 1: its chain of typedefs and qualifiers never ends");
  EXPECT_FALSE(btf->size_of(1).has_value());
  EXPECT_FALSE(btf->size_of(3).has_value());
  EXPECT_FALSE(btf->align_of(3).has_value());
  EXPECT_FALSE(btf->align_of(4).has_value());
  EXPECT_EQ(btf->size_of(5).value(), 8U);
}

TEST(Btf, arrays_above_4_gib_have_no_size) {
  Build build;
  TypeId u64 = build.integer("u64", 8);
  TypeId array = build.array(u64, u64, 0x20000000);
  TypeId nested = build.array(array, u64, 0xffffffff);
  Buffer bytes = build.bytes();
  auto btf = Btf::parse(bytes);
  ASSERT_TRUE(btf.has_value());
  EXPECT_EQ(btf->size_of(array).error().message, "BTF type 2: 536870912 elements of 8 bytes are too large");
  EXPECT_FALSE(btf->size_of(nested).has_value());
}

TEST(Btf, wrong_types_are_named) {
  struct Case {
    Kind kind;
    std::uint32_t vlen, third;
    std::initializer_list<std::uint32_t> words;
    bool kflag;
    std::string_view message;
  };
  const Case cases[] = {
      {Kind::ptr,
       0,
       9,
       {},
       false,
       "BTF type 1 (PTR) at offset 0: what it refers to is type 9, but there are 2 types"},
      {Kind::ptr,
       3,
       0,
       {},
       false,
       "BTF type 1 (PTR) at offset 0: info 0x2000003 has bits set that the kind does not have: 0x3"},
      {Kind::int_,
       0,
       4,
       {33},
       false,
       "BTF type 1 (INT) at offset 0: 33 bits at bit 0 do not fit into 4 bytes (of at most 16)"},
      {Kind::int_,
       0,
       4,
       {32},
       true,
       "BTF type 1 (INT) at offset 0: info 0x81000000 has bits set that the kind does not have: 0x80000000"},
      {Kind::array,
       0,
       0,
       {7, 0, 1},
       false,
       "BTF type 1 (ARRAY) at offset 0: its element is type 7, but there are 2 types"},
      {Kind::struct_,
       1,
       4,
       {0, 77, 0},
       false,
       "BTF type 1 (STRUCT) at offset 0: item 0 is type 77, but there are 2 types"},
      {Kind::struct_,
       1,
       4,
       {500, 0, 0},
       false,
       "BTF type 1 (STRUCT) at offset 0: the name of item 0 is at string offset 500, but the strings end at "
       "1"},
      {Kind::struct_,
       2,
       4,
       {0, 0, 0},
       false,
       "BTF type 1: 36 bytes are needed at offset 0, but the types end at 24"},
      {Kind::enum_, 0, 3, {}, false, "BTF type 1 (ENUM) at offset 0: size is 3, must be 1, 2, 4 or 8"},
      {Kind::func, 3, 0, {}, false, "BTF type 1 (FUNC) at offset 0: linkage is 3, must be 0 to 2"},
      {Kind::datasec,
       1,
       4,
       {8, 0, 4},
       false,
       "BTF type 1 (DATASEC) at offset 0: item 0 is type 8, but there are 2 types"},
      {static_cast<Kind>(20), 0, 0, {}, false, "BTF type 1 at offset 0: kind is 20, must be 1 to 19"},
      {Kind::unkn, 0, 0, {}, false, "BTF type 1 at offset 0: kind is 0, must be 1 to 19"},
  };
  for (const Case& each : cases) {
    Build build;
    build.add(each.kind, "", each.vlen, each.third, each.words, each.kflag);
    EXPECT_EQ(error_of(build.bytes()), each.message);
  }
}

TEST(Btf, wrong_headers_are_named) {
  Buffer good = all_kinds(std::endian::native);
  auto with = [&](std::size_t at, std::uint32_t value) {
    Buffer bytes = good;
    base::store(&bytes[at], value);
    return error_of(bytes);
  };
  EXPECT_EQ(error_of({}), "BTF: ends at byte 0, but its header takes 24");
  EXPECT_EQ(with(0, 0x00011234), "BTF: magic is 0x1234, must be 0xeb9f");
  EXPECT_EQ(with(0, 0x0002eb9f), "BTF: version is 2, must be 1");
  EXPECT_NE(with(4, 8).find("BTF: header length is 8, must be 24 to"), std::string::npos);
  EXPECT_NE(with(12, 0xffffffff).find("BTF types: 4294967295 bytes at offset 24 lie outside"),
            std::string::npos);
  EXPECT_NE(with(20, 0xffffffff).find("BTF strings: 4294967295 bytes at offset"), std::string::npos);
  EXPECT_EQ(with(20, 0), "BTF: there are no strings");
  EXPECT_EQ(with(8, 2), "BTF: types begin at offset 2, not a multiple of 4");
  Buffer open = good;
  open.back() = 'x';
  EXPECT_NE(error_of(open).find("BTF strings: the last of"), std::string::npos);
}

TEST(Btf, datasec_can_be_completed_when_owned) {
  Buffer bytes = all_kinds(std::endian::big);
  auto view = Btf::parse(bytes);
  ASSERT_TRUE(view.has_value());
  VarSecinfo vars[] = {{14, 16, 4}};
  EXPECT_EQ(view->set_datasec(15, 20, vars).error().code, EPERM);
  auto btf = Btf::parse_owned(bytes);
  ASSERT_TRUE(btf.has_value());
  ASSERT_TRUE(btf->set_datasec(15, 20, vars).has_value());
  EXPECT_EQ(btf->type(15).size(), 20U);
  EXPECT_EQ(btf->type(15).vars()[0].offset, 16U);
  EXPECT_FALSE(btf->set_datasec(14, 20, vars).has_value());
  EXPECT_FALSE(btf->set_datasec(15, 20, {}).has_value());
  Btf moved = std::move(*btf);
  EXPECT_EQ(moved.type(15).name(), ".data");
}

}  // namespace
}  // namespace skep::btf
