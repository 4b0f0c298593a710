// C out of BTF: order, forward declarations, layout, names that clash, and what C cannot say.
#include <gtest/gtest.h>

#include "skep/btf/print.h"
#include "tests/unit/btf/build.h"

namespace skep::btf {
namespace {

// print_c without its frame of #ifndef and #pragma lines.
std::string c_of(const Buffer& bytes) {
  auto btf = Btf::parse(bytes);
  if (!btf) return btf.error().message;
  auto text = print_c(*btf);
  if (!text) return text.error().message;
  std::size_t begin = text->find("#endif\n\n") + 8;
  return text->substr(begin, text->find("#if defined", begin) - begin);
}

TEST(C, declarators) {
  Build build;
  TypeId integer = build.integer("int", 4, int_encoding::is_signed);
  TypeId constant = build.add(Kind::const_, "", 0, integer);
  TypeId pointer = build.pointer(constant);
  TypeId fixed = build.add(Kind::const_, "", 0, pointer);
  TypeId array = build.array(fixed, integer, 4);
  TypeId proto = build.add(Kind::func_proto, "", 3, integer, {0, pointer, 0, array, 0, 0});
  TypeId function = build.pointer(proto);
  TypeId table = build.array(function, integer, 2);
  TypeId to_array = build.pointer(array);
  TypeId none = build.add(Kind::func_proto, "", 0, 0);
  Buffer bytes = build.bytes();
  auto btf = Btf::parse(bytes);
  ASSERT_TRUE(btf.has_value());
  EXPECT_EQ(declare(*btf, fixed, "p").value(), "const int *const p");
  EXPECT_EQ(declare(*btf, array, "a").value(), "const int *const a[4]");
  EXPECT_EQ(declare(*btf, array, "").value(), "const int *const [4]");
  EXPECT_EQ(declare(*btf, table, "t").value(), "int (*t[2])(const int *, const int *const [4], ...)");
  EXPECT_EQ(declare(*btf, to_array, "q").value(), "const int *const (*q)[4]");
  EXPECT_EQ(declare(*btf, none, "f").value(), "void f(void)");
  EXPECT_FALSE(declare(*btf, 99, "x").has_value());
}

TEST(C, definitions_come_after_what_they_need) {
  Build build;
  TypeId integer = build.integer("int", 4, int_encoding::is_signed);
  TypeId u8 = build.integer("u8", 1);  // not C's name
  TypeId list = build.next();          // struct node { struct list *list; struct node *next; };
  build.add(Kind::struct_, "list", 2, 24,
            {build.string("head"), list + 1, 0, build.string("all"), list + 2, 128});
  TypeId node = build.add(Kind::struct_, "node", 2, 16,
                          {build.string("list"), list + 2, 0, build.string("next"), list + 3, 64});
  build.pointer(list);
  build.pointer(node);
  build.add(Kind::typedef_, "node_t", 0, node);
  TypeId bare = build.add(Kind::union_, "", 2, 4, {build.string("i"), integer, 0, build.string("b"), u8, 0});
  build.add(Kind::struct_, "node", 2, 12, {0, bare, 0, build.string("last"), u8, 64});
  build.add(Kind::enum_, "", 2, 4, {build.string("A"), 0, build.string("B"), 7});
  EXPECT_EQ(c_of(build.bytes()), R"(struct list;

struct node;

struct node {
	struct list *list;
	struct node *next;
};

struct list {
	struct node head;
	struct list *all;
};

typedef struct node node_t;

struct node___2 {
	union {
		int i;
		unsigned char b;
	};
	unsigned char ___pad1[4];
	unsigned char last;
};

enum {
	A = 0,
	B = 7,
};

)");
}

TEST(C, layout_is_kept) {
  Build bits;
  TypeId word = bits.integer("unsigned int", 4);
  TypeId byte = bits.integer("unsigned char", 1);
  bits.add(Kind::struct_, "packed", 2, 5, {bits.string("a"), byte, 0, bits.string("b"), word, 8});
  bits.add(
      Kind::struct_, "bits", 3, 12,
      {bits.string("a"), word, 3U << 24, bits.string("b"), word, 5 | 4U << 24, bits.string("c"), word, 64},
      true);
  bits.add(Kind::struct_, "tail", 1, 64, {bits.string("a"), word, 0});
  EXPECT_EQ(c_of(bits.bytes()), R"(struct packed {
	unsigned char a;
	unsigned int b;
} __attribute__((packed));

struct bits {
	unsigned int a: 3;
	unsigned char : 2;
	unsigned int b: 4;
	unsigned char : 7;
	unsigned char ___pad1[6];
	unsigned int c;
};

struct tail {
	unsigned int a;
	unsigned char ___pad2[60];
};

)");
}

TEST(C, what_c_cannot_say_is_an_error) {
  Build build;
  build.add(Kind::struct_, "s", 1, 8, {build.string("again"), 1, 0});
  EXPECT_EQ(c_of(build.bytes()), "BTF type 1: struct 's' contains itself");
  Build loop;
  loop.add(Kind::typedef_, "t", 0, 2);
  loop.add(Kind::ptr, "", 0, 1);
  EXPECT_EQ(c_of(loop.bytes()).find("BTF type 1: typedef 't' contains itself"), 0U);
}

}  // namespace
}  // namespace skep::btf
