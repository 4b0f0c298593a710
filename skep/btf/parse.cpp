// Btf::parse: checks the bytes and notes where each type begins.
//
// A kernel has more than 100,000 types and this runs at each start, so one pass over the records gathers the
// highest type id and string offset and the union of all forbidden bits; only if those are wrong a second
// pass looks for the culprit and says what is wrong with it.
#include <fmt/format.h>

#include <algorithm>

#include "skep/base/endian.h"
#include "skep/btf/btf.h"
#include "skep/btf/kinds.h"

namespace skep::btf {
namespace {

constexpr std::uint16_t magic = 0xeb9f;
constexpr std::uint32_t header_bytes = 24, record_bytes = 12;
// No string is longer than twice this: what reads names stays linear in practice.
constexpr std::size_t longest_string = 65536;

std::uint32_t u32(const std::uint8_t* at) { return base::load<std::uint32_t>(at); }

bool int_is_sane(std::uint32_t size, std::uint32_t data) {
  std::uint32_t bits = data & 0xff, offset = data >> 16 & 0xff;
  return size >= 1 && size <= 16 && bits + offset <= size * 8 && (data & 0xf000'0000) == 0;
}
bool enum_is_sane(std::uint32_t size) { return size == 1 || size == 2 || size == 4 || size == 8; }

}  // namespace

class Parser {
 public:
  Parser(Bytes data, Buffer owned, bool writable, const Btf* base) {
    out_.owned_ = std::move(owned);
    out_.data_ = data;
    out_.writable_ = writable;
    out_.base_ = base;
    if (base) {
      out_.first_id_ = base->type_count();
      out_.first_string_ = base->string_end();
    }
  }

  Result<Btf> run() {
    TRY(header());
    TRY(strings());
    TRY(types());
    return std::move(out_);
  }

 private:
  Result<void> header() {
    Bytes data = out_.data_;
    if (data.size() < header_bytes)
      return fail(EINVAL, "BTF: ends at byte {}, but its header takes {}", data.size(), header_bytes);
    auto found = base::load<std::uint16_t>(data.data());
    if (found == std::byteswap(magic)) {
      TRY(swap());
      data = out_.data_;
    } else if (found != magic) {
      return fail(EINVAL, "BTF: magic is {:#x}, must be {:#x}", found, magic);
    }
    if (data[2] != 1) return fail(EOPNOTSUPP, "BTF: version is {}, must be 1", data[2]);
    std::uint64_t length = u32(&data[4]), type_off = u32(&data[8]), type_len = u32(&data[12]);
    std::uint64_t str_off = u32(&data[16]), str_len = u32(&data[20]);
    if (length < header_bytes || length > data.size())
      return fail(EINVAL, "BTF: header length is {}, must be {} to {}", length, header_bytes, data.size());
    if (type_off % 4 != 0)
      return fail(EINVAL, "BTF: types begin at offset {}, not a multiple of 4", type_off);
    out_.types_ = TRY(base::slice(data, length + type_off, type_len, "BTF types"));
    out_.strings_ = TRY(base::slice(data, length + str_off, str_len, "BTF strings"));
    return {};
  }

  // Copies bytes of the other byte order into this machine's: header and types are nothing but 32-bit words,
  // but for the first four bytes.
  Result<void> swap() {
    constexpr auto other =
        std::endian::native == std::endian::little ? std::endian::big : std::endian::little;
    out_.order_ = other;
    if (out_.owned_.empty()) out_.owned_.assign(out_.data_.begin(), out_.data_.end());
    MutableBytes data(out_.owned_);
    out_.data_ = data;
    base::store(&data[0], magic);
    auto swap_words = [&](std::uint64_t from, std::uint64_t count) {
      for (std::uint64_t at = from; at + 4 <= from + count; at += 4)
        base::store(&data[at], base::load<std::uint32_t>(&data[at], other));
    };
    swap_words(4, header_bytes - 4);
    std::uint64_t begin = std::uint64_t{u32(&data[4])} + u32(&data[8]);
    TRY(base::slice(data, begin, u32(&data[12]), "BTF types"));
    if (begin < header_bytes)
      return fail(EINVAL, "BTF: header length is {}, must be {} to {}", u32(&data[4]), header_bytes,
                  data.size());
    swap_words(begin, u32(&data[12]));
    return {};
  }

  Result<void> strings() {
    Bytes strings = out_.strings_;
    if (out_.base_ && strings.empty()) return {};
    if (strings.empty()) return fail(EINVAL, "BTF: there are no strings");
    if (!out_.base_ && strings.front() != 0) return fail(EINVAL, "BTF strings: the first is not empty");
    if (strings.back() != 0)
      return fail(EINVAL, "BTF strings: the last of {} bytes is not NUL", strings.size());
    if (std::uint64_t{out_.first_string_} + strings.size() > UINT32_MAX)
      return fail(EINVAL, "BTF strings: {} bytes after the base's {} are too many", strings.size(),
                  out_.first_string_);
    for (std::size_t at = 0; at + longest_string <= strings.size(); at += longest_string)
      if (!std::memchr(&strings[at], 0, longest_string))
        return fail(EINVAL, "BTF strings: the one at offset {} is longer than {} bytes", at, longest_string);
    return {};
  }

  Result<void> types() {
    const std::uint8_t* const begin = out_.types_.data();
    const std::size_t size = out_.types_.size();
    // Nearly all types of kernels take 12 to 28 bytes; what is reserved and not used costs no memory.
    out_.offsets_.reserve(size / record_bytes);
    std::uint32_t highest_id = 0, highest_string = 0, forbidden = 0;
    auto string = [&](std::uint32_t offset) { highest_string = std::max(highest_string, offset); };
    auto id = [&](std::uint32_t type) { highest_id = std::max(highest_id, type); };

    for (std::size_t at = 0; at < size;) {
      if (size - at < record_bytes) return ends_early(at, record_bytes);
      const std::uint8_t* record = begin + at;
      std::uint32_t info = u32(record + 4), third = u32(record + 8);
      std::uint32_t number = (info & info_kind) >> 24;
      if (number == 0 || number >= kind_count) return unknown_kind(at, number);
      const KindRow& row = kind_rows[number];
      std::uint32_t vlen = info & info_vlen;
      std::size_t takes = record_bytes + row.fixed_bytes + std::size_t{vlen} * row.item_bytes;
      if (size - at < takes) return ends_early(at, takes);
      string(u32(record));
      forbidden |= info & ~info_kind & ~row.info_allowed;
      out_.offsets_.push_back(static_cast<std::uint32_t>(at));
      at += takes;

      const std::uint8_t* extra = record + record_bytes;
      const std::uint8_t* const end = record + takes;
      switch (row.kind) {
        case Kind::unkn:
        case Kind::fwd:
        case Kind::float_: break;
        case Kind::int_: forbidden |= int_is_sane(third, u32(extra)) ? 0 : 1; break;
        case Kind::ptr:
        case Kind::typedef_:
        case Kind::volatile_:
        case Kind::const_:
        case Kind::restrict_:
        case Kind::var:
        case Kind::decl_tag:
        case Kind::type_tag: id(third); break;
        case Kind::func:
          id(third);
          forbidden |= vlen > row.vlen_limit;
          break;
        case Kind::array:
          id(u32(extra));
          id(u32(extra + 4));
          break;
        case Kind::struct_:
        case Kind::union_:
          for (; extra != end; extra += 12) {
            string(u32(extra));
            id(u32(extra + 4));
          }
          break;
        case Kind::enum_:
        case Kind::enum64:
          forbidden |= enum_is_sane(third) ? 0 : 1;
          for (; extra != end; extra += row.item_bytes) string(u32(extra));
          break;
        case Kind::func_proto:
          id(third);
          for (; extra != end; extra += 8) {
            string(u32(extra));
            id(u32(extra + 4));
          }
          break;
        case Kind::datasec:
          for (; extra != end; extra += 12) id(u32(extra));
          break;
      }
    }
    if (highest_id >= out_.type_count() || highest_string >= std::max(out_.string_end(), 1U) ||
        forbidden != 0)
      return explain();
    return {};
  }

  TypeId next_id() const { return out_.type_count(); }

  Failure ends_early(std::size_t at, std::size_t need) const {
    return fail(EINVAL, "BTF type {}: {} bytes are needed at offset {}, but the types end at {}", next_id(),
                need, at, out_.types_.size());
  }
  Failure unknown_kind(std::size_t at, std::uint32_t number) const {
    return fail(EINVAL, "BTF type {} at offset {}: kind is {}, must be 1 to {}", next_id(), at, number,
                kind_count - 1);
  }

  // The first type that is wrong, and how.
  Result<void> explain() const {
    for (TypeId type = out_.first_id(); type < out_.type_count(); type++) {
      auto checked = explain(type);
      if (!checked) {
        std::uint32_t offset = out_.offsets_[type - out_.first_id()];
        std::uint32_t number = (u32(&out_.types_[offset + 4]) & info_kind) >> 24;
        return Failure(std::move(checked).error().in(
            fmt::format("BTF type {} ({}) at offset {}", type, kind_rows[number].name, offset)));
      }
    }
    return fail(EINVAL, "BTF: inconsistent types");
  }

  Result<void> check_string(std::uint32_t offset, std::string_view what) const {
    if (offset < std::max(out_.string_end(), 1U)) return {};
    return fail(EINVAL, "{} is at string offset {}, but the strings end at {}", what, offset,
                out_.string_end());
  }
  Result<void> check_id(TypeId id, std::string_view what) const {
    if (id < out_.type_count()) return {};
    return fail(EINVAL, "{} is type {}, but there are {} types", what, id, out_.type_count());
  }

  Result<void> explain(TypeId type) const {
    const std::uint8_t* record = &out_.types_[out_.offsets_[type - out_.first_id()]];
    std::uint32_t info = u32(record + 4), third = u32(record + 8), vlen = info & info_vlen;
    const KindRow& row = kind_rows[(info & info_kind) >> 24];
    const std::uint8_t* extra = record + record_bytes;
    TRY(check_string(u32(record), "its name"));
    std::uint32_t wrong = info & ~info_kind & ~row.info_allowed;
    if (wrong != 0)
      return fail(EINVAL, "info {:#x} has bits set that the kind does not have: {:#x}", info, wrong);
    if (row.kind == Kind::func && vlen > row.vlen_limit)
      return fail(EINVAL, "linkage is {}, must be 0 to {}", vlen, row.vlen_limit);
    if (row.kind == Kind::int_ && !int_is_sane(third, u32(extra)))
      return fail(EINVAL, "{} bits at bit {} do not fit into {} bytes (of at most 16)", u32(extra) & 0xff,
                  u32(extra) >> 16 & 0xff, third);
    if ((row.kind == Kind::enum_ || row.kind == Kind::enum64) && !enum_is_sane(third))
      return fail(EINVAL, "size is {}, must be 1, 2, 4 or 8", third);
    if (row.refers) TRY(check_id(third, "what it refers to"));
    if (row.kind == Kind::array) {
      TRY(check_id(u32(extra), "its element"));
      TRY(check_id(u32(extra + 4), "its index"));
    }
    for (std::uint32_t i = 0; row.item_bytes != 0 && i < vlen; i++, extra += row.item_bytes) {
      bool names = row.kind != Kind::datasec;
      bool types = row.kind != Kind::enum_ && row.kind != Kind::enum64;
      if (names) TRY(check_string(u32(extra), fmt::format("the name of item {}", i)));
      if (types) TRY(check_id(u32(extra + (names ? 4 : 0)), fmt::format("item {}", i)));
    }
    return {};
  }

  Btf out_;
};

Result<Btf> Btf::parse(Bytes data, const Btf* base) { return Parser(data, {}, false, base).run(); }

Result<Btf> Btf::parse_owned(Buffer data, const Btf* base) {
  Bytes view(data);
  return Parser(view, std::move(data), true, base).run();
}

}  // namespace skep::btf
