// BTF: the kernel's type information. A Btf is a view over the bytes of a .BTF section with a table of where
// each type begins; types are decoded when they are looked at.
//
// Format: the kernel's Documentation/bpf/btf.rst and include/uapi/linux/btf.h. A header (magic 0xeb9f,
// version 1, lengths), type records of 12 bytes plus what their kind adds, then NUL-terminated strings. Type
// ids count the records from 1; 0 is void. Split BTF (a module's) continues the ids and string offsets of its
// base.
#pragma once

#include <bit>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "skep/base/bytes.h"
#include "skep/base/endian.h"
#include "skep/base/result.h"

namespace skep::btf {

using TypeId = std::uint32_t;

// BTF_KIND_*; C's keywords get an underscore.
enum class Kind : std::uint8_t {
  unkn = 0,  // void (id 0 only)
  int_ = 1,
  ptr = 2,
  array = 3,
  struct_ = 4,
  union_ = 5,
  enum_ = 6,
  fwd = 7,
  typedef_ = 8,
  volatile_ = 9,
  const_ = 10,
  restrict_ = 11,
  func = 12,
  func_proto = 13,
  var = 14,
  datasec = 15,
  float_ = 16,
  decl_tag = 17,
  type_tag = 18,
  enum64 = 19,
};
inline constexpr unsigned kind_count = 20;
// The kernel's name: "INT", "STRUCT", "TYPE_TAG".
std::string_view kind_name(Kind kind);

// Encoding of INT.
namespace int_encoding {
inline constexpr std::uint8_t is_signed = 1, is_char = 2, is_bool = 4;
}
// Linkage of FUNC and VAR (BTF_FUNC_STATIC, BTF_VAR_STATIC …).
namespace linkage {
inline constexpr std::uint32_t static_ = 0, global = 1, extern_ = 2;
}

class Btf;
struct Type;

struct Int {
  std::uint8_t encoding = 0;  // int_encoding::
  std::uint8_t offset = 0;    // bits; 0 in practice
  std::uint8_t bits = 0;      // at most 128
};
struct Array {
  TypeId type = 0, index_type = 0;
  std::uint32_t count = 0;
};
struct Member {
  std::string_view name;  // empty: anonymous
  TypeId type = 0;
  std::uint32_t bit_offset = 0;  // from the start of the struct
  std::uint32_t bits = 0;        // width of a bitfield; 0: an ordinary member
  static constexpr std::size_t record_size = 12;
  static Member decode(const Type& of, const std::uint8_t* at);
};
struct Enumerator {
  std::string_view name;
  std::int64_t value = 0;  // of an unsigned enum64: the bit pattern
  static Enumerator decode(const Type& of, const std::uint8_t* at);
};
struct Param {
  std::string_view name;
  TypeId type = 0;  // 0 with an empty name, as the last one: "..."
  static constexpr std::size_t record_size = 8;
  static Param decode(const Type& of, const std::uint8_t* at);
};
struct VarSecinfo {
  TypeId type = 0;  // of the VAR (or FUNC)
  std::uint32_t offset = 0, size = 0;
  static constexpr std::size_t record_size = 12;
  static VarSecinfo decode(const Type& of, const std::uint8_t* at);
};

template <class T>
class Records;

// One type, decoded from its record. A view: valid while its Btf stays where it is.
struct Type {
  const Btf* btf = nullptr;
  TypeId id = 0;
  Kind kind = Kind::unkn;
  bool kflag = false;
  std::uint16_t vlen = 0;
  std::uint32_t name_off = 0;
  std::uint32_t size_or_type = 0;
  const std::uint8_t* extra = nullptr;  // what follows the 12 bytes, in this machine's byte order

  std::string_view name() const;
  // INT, STRUCT, UNION, ENUM, DATASEC, FLOAT, ENUM64: bytes.
  std::uint32_t size() const { return size_or_type; }
  // PTR, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FUNC_PROTO (result), VAR, DECL_TAG, TYPE_TAG: what it
  // refers to.
  TypeId type() const { return size_or_type; }

  bool is_composite() const { return kind == Kind::struct_ || kind == Kind::union_; }
  bool is_enum() const { return kind == Kind::enum_ || kind == Kind::enum64; }
  bool is_modifier() const {
    return kind == Kind::volatile_ || kind == Kind::const_ || kind == Kind::restrict_ ||
           kind == Kind::type_tag;
  }
  bool is_signed_enum() const { return is_enum() && kflag; }
  bool is_union_fwd() const { return kind == Kind::fwd && kflag; }

  Int integer() const;                                 // INT
  Array array() const;                                 // ARRAY
  std::uint32_t var_linkage() const;                   // VAR: linkage::
  std::uint32_t func_linkage() const { return vlen; }  // FUNC: linkage::
  std::int32_t component_index() const;                // DECL_TAG: member or parameter; -1: the whole type
  Records<Member> members() const;                     // STRUCT, UNION; empty for others, as those below
  Records<Enumerator> enumerators() const;             // ENUM, ENUM64
  Records<Param> params() const;                       // FUNC_PROTO
  Records<VarSecinfo> vars() const;                    // DATASEC
};

// The vlen records behind a type; decoded one at a time.
template <class T>
class Records {
 public:
  Records() = default;
  Records(Type of, std::size_t count, std::size_t stride) : of_(of), count_(count), stride_(stride) {}

  std::size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  T operator[](std::size_t index) const { return T::decode(of_, of_.extra + index * stride_); }

  class iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    iterator() = default;
    iterator(const Records* records, std::size_t index) : records_(records), index_(index) {}
    T operator*() const { return (*records_)[index_]; }
    iterator& operator++() {
      ++index_;
      return *this;
    }
    iterator operator++(int) {
      iterator before = *this;
      ++index_;
      return before;
    }
    bool operator==(const iterator& other) const { return index_ == other.index_; }

   private:
    const Records* records_ = nullptr;
    std::size_t index_ = 0;
  };
  iterator begin() const { return {this, 0}; }
  iterator end() const { return {this, count_}; }

 private:
  Type of_;
  std::size_t count_ = 0, stride_ = 0;
};

class Btf {
 public:
  // Views `data`, which must outlive the Btf; so must `base`, which also must not move. (Bytes in the other
  // byte order are swapped into a copy of the Btf's own.) Checks everything that can be checked without
  // following references: lengths, kinds, type ids, string offsets. EINVAL with the type's number and offset.
  static Result<Btf> parse(Bytes data, const Btf* base = nullptr);
  // The same, with the bytes handed over; the set_...() work on such a Btf only.
  static Result<Btf> parse_owned(Buffer data, const Btf* base = nullptr);

  Btf(Btf&&) noexcept;
  Btf& operator=(Btf&&) noexcept;
  ~Btf();

  // Ids 0 (void) to type_count() - 1 are valid, those of the base included.
  TypeId type_count() const { return first_id_ + static_cast<TypeId>(offsets_.size()); }
  // The first id that is not the base's; 1 without a base.
  TypeId first_id() const { return first_id_; }
  const Btf* base() const { return base_; }
  std::endian order() const { return order_; }  // of the bytes given; raw() is in this machine's
  // The whole section, as the kernel of this machine takes it (BPF_BTF_LOAD).
  Bytes raw() const { return data_; }

  // `id` must be below type_count(), which every id found inside the Btf is; ids from elsewhere: check first.
  Type type(TypeId id) const;
  bool has(TypeId id) const { return id < type_count(); }
  std::string_view name(TypeId id) const { return type(id).name(); }
  // The string at an offset below string_end(), which all offsets inside the Btf are.
  std::string_view string(std::uint32_t offset) const;
  std::uint32_t string_end() const { return first_string_ + static_cast<std::uint32_t>(strings_.size()); }

  // The lowest id of that name and kind, the base searched first; nothing if there is none. The first call
  // builds an index over all names (a few ms for a kernel); safe to call from several threads.
  std::optional<TypeId> find(std::string_view name, Kind kind) const;
  std::optional<TypeId> find(std::string_view name) const;
  // Every id of that name, ascending within base and split part.
  std::vector<TypeId> find_all(std::string_view name) const;

  // The type behind typedefs, const, volatile, restrict and type tags. EINVAL if the chain is a loop.
  Result<TypeId> resolve(TypeId id) const;
  // The type behind const, volatile, restrict and type tags, typedefs kept.
  Result<TypeId> skip_modifiers(TypeId id) const;
  // Bytes that a value takes (pointers: 8), modifiers, typedefs, arrays and VARs followed. EINVAL for void,
  // FWD, FUNC, FUNC_PROTO, loops, and for arrays above 4 GiB.
  Result<std::uint32_t> size_of(TypeId id) const;
  // Natural alignment in bytes: 1, 2, 4, 8 (or 16 for __int128); 1 for a struct that must have been packed.
  Result<std::uint32_t> align_of(TypeId id) const;

  // Replaces size and variables of a DATASEC: compilers leave them 0, a loader fills them in from the symbol
  // table and sorts by offset. As many `vars` as there were. Only after parse_owned() (else EPERM).
  Result<void> set_datasec(TypeId id, std::uint32_t size, std::span<const VarSecinfo> vars);
  // Replaces the linkage (linkage::) of a FUNC. Only after parse_owned() (else EPERM).
  Result<void> set_func_linkage(TypeId id, std::uint32_t linkage);

 private:
  friend class Parser;
  struct NameIndex;
  Btf();
  const NameIndex& index() const;
  std::optional<TypeId> find_own(std::string_view name, const Kind* kind) const;

  Bytes data_;             // header, types, strings; in this machine's byte order
  Buffer owned_;           // holds data_ when swapped or handed over
  bool writable_ = false;  // after parse_owned
  Bytes types_;
  Bytes strings_;
  std::vector<std::uint32_t> offsets_;  // of type first_id_ + i, into types_
  TypeId first_id_ = 1;
  std::uint32_t first_string_ = 0;
  const Btf* base_ = nullptr;
  std::endian order_ = std::endian::native;
  std::unique_ptr<NameIndex> index_;  // built by the first find()
};

}  // namespace skep::btf
