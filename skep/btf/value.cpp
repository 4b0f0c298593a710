// Decoding: one walk over type and bytes, told to a sink (text, JSON, or nothing at all: the check before
// JSON is written, because what a JsonWriter was given cannot be taken back).
#include "skep/btf/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <optional>

#include "skep/base/endian.h"

namespace skep::btf {
namespace {

constexpr int deepest = 32;
// Values shown per value: this many, and more for more bytes. Structs whose members overlap could otherwise
// multiply with each level.
constexpr std::uint64_t values_always = 65536, values_per_byte = 16;

class Sink {
 public:
  Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  virtual ~Sink() = default;
  virtual void open_struct() {}
  virtual void member(std::string_view) {}
  virtual void close_struct() {}
  virtual void open_array() {}
  virtual void element() {}
  virtual void close_array() {}
  virtual void signed_number(std::int64_t) {}
  virtual void unsigned_number(std::uint64_t) {}
  virtual void real(double) {}
  virtual void boolean(bool) {}
  virtual void string(std::string_view) {}
  virtual void enumerator(std::string_view) {}
  virtual void hex(std::string_view) {}  // "0x..."
};

class JsonSink final : public Sink {
 public:
  explicit JsonSink(base::JsonWriter& json) : json_(json) {}
  void open_struct() override { json_.object(); }
  void member(std::string_view name) override { json_.key(name); }
  void close_struct() override { json_.end(); }
  void open_array() override { json_.array(); }
  void close_array() override { json_.end(); }
  void signed_number(std::int64_t value) override { json_.number(value); }
  void unsigned_number(std::uint64_t value) override { json_.number(value); }
  void real(double value) override { json_.number(value); }
  void boolean(bool value) override { json_.boolean(value); }
  void string(std::string_view text) override { json_.string(text); }
  void enumerator(std::string_view name) override { json_.string(name); }
  void hex(std::string_view digits) override { json_.string(digits); }

 private:
  base::JsonWriter& json_;
};

class TextSink final : public Sink {
 public:
  TextSink(std::string& out, bool multiline) : out_(out), multiline_(multiline) {}
  void open_struct() override { open('{'); }
  void member(std::string_view name) override {
    element();
    if (!name.empty()) fmt::format_to(std::back_inserter(out_), ".{} = ", name);
  }
  void close_struct() override { close('}'); }
  void open_array() override { open('['); }
  void element() override {
    if (!first_) out_ += multiline_ ? "," : ", ";
    first_ = false;
    newline();
  }
  void close_array() override { close(']'); }
  void signed_number(std::int64_t value) override { append(value); }
  void unsigned_number(std::uint64_t value) override { append(value); }
  void real(double value) override { append(value); }
  void boolean(bool value) override { out_ += value ? "true" : "false"; }
  void string(std::string_view text) override {
    out_ += '"';
    for (char c : text) {
      if (c == '"' || c == '\\') out_ += '\\';
      out_ += c;
    }
    out_ += '"';
  }
  void enumerator(std::string_view name) override { out_ += name; }
  void hex(std::string_view digits) override { out_ += digits; }

 private:
  template <class T>
  void append(T value) {
    fmt::format_to(std::back_inserter(out_), "{}", value);
  }
  void open(char opening) {
    out_ += opening;
    depth_++;
    first_ = true;
    brace_ = opening == '{';
  }
  void close(char closing) {
    depth_--;
    if (!first_) {
      newline();
      if (!multiline_ && closing == '}') out_ += ' ';
    }
    out_ += closing;
    first_ = false;
    brace_ = false;
  }
  void newline() {
    if (multiline_) {
      out_ += '\n';
      out_.append(depth_ * 4, ' ');
    } else if (brace_) {
      out_ += ' ';
    }
    brace_ = false;
  }

  std::string& out_;
  bool multiline_;
  std::size_t depth_ = 0;
  bool first_ = true;
  bool brace_ = false;  // directly after "{": a space follows
};

bool printable(char c) { return c >= 0x20 && c < 0x7f; }

class Walk {
 public:
  Walk(const Btf& btf, Sink& sink, std::endian order, std::uint64_t budget)
      : btf_(btf), sink_(sink), order_(order), budget_(budget) {}

  Result<void> value(TypeId id, Bytes bytes, int depth) {
    TRY(spend(1, id));
    if (depth > deepest) return fail(EINVAL, "BTF type {}: nested deeper than {}", id, deepest);
    TypeId resolved = TRY(btf_.resolve(id));
    Type type = btf_.type(resolved);
    switch (type.kind) {
      case Kind::int_: {
        TRY(enough(type, bytes, type.size()));
        Int integer = type.integer();
        if (integer.bits > 64) return wide(bytes.first(type.size()));
        return number(type, bytes, integer.offset, integer.bits);
      }
      case Kind::enum_:
      case Kind::enum64:
        TRY(enough(type, bytes, type.size()));
        return number(type, bytes, 0, type.size() * 8);
      case Kind::ptr: {
        TRY(enough(type, bytes, 8));
        sink_.hex(fmt::format("{:#x}", base::load<std::uint64_t>(bytes.data(), order_)));
        return {};
      }
      case Kind::float_: TRY(enough(type, bytes, type.size())); return real(bytes.first(type.size()));
      case Kind::array: return array(type, bytes, depth);
      case Kind::struct_:
      case Kind::union_: return composite(type, bytes, depth);
      case Kind::datasec: return datasec(type, bytes, depth);
      case Kind::var: return value(type.type(), bytes, depth + 1);
      case Kind::unkn:
      case Kind::fwd:
      case Kind::typedef_:
      case Kind::volatile_:
      case Kind::const_:
      case Kind::restrict_:
      case Kind::func:
      case Kind::func_proto:
      case Kind::decl_tag:
      case Kind::type_tag: break;
    }
    return fail(EINVAL, "BTF type {}: a {} '{}' has no value", resolved, kind_name(type.kind), type.name());
  }

 private:
  Result<void> spend(std::uint64_t steps, TypeId id) {
    if (steps > budget_) return fail(EINVAL, "BTF type {}: too many values for so few bytes", id);
    budget_ -= steps;
    return {};
  }

  Result<void> enough(const Type& type, Bytes bytes, std::uint64_t need) const {
    if (bytes.size() >= need) return {};
    return fail(EINVAL, "BTF type {}: a {} '{}' takes {} bytes, but there are {}", type.id,
                kind_name(type.kind), type.name(), need, bytes.size());
  }

  // `bits` bits at bit `offset`, counted as the byte order does: from the lowest bit in little endian, from
  // the highest in big endian.
  Result<void> number(const Type& type, Bytes bytes, std::uint32_t offset, std::uint32_t bits) {
    if (bits == 0 || bits > 64) return fail(EINVAL, "BTF type {}: a number of {} bits", type.id, bits);
    std::size_t first = offset / 8, last = (std::size_t{offset} + bits + 7) / 8;
    if (last > bytes.size())
      return fail(EINVAL, "BTF type {}: bits {} to {} lie outside {} bytes", type.id, offset,
                  offset + bits - 1, bytes.size());
    // 64 bits at an odd bit touch nine bytes.
    __extension__ typedef unsigned __int128 Wide;
    Wide wide = 0;
    std::size_t count = last - first;
    for (std::size_t i = 0; i < count; i++)
      wide = wide << 8 | bytes[order_ == std::endian::big ? first + i : last - 1 - i];
    std::size_t shift = order_ == std::endian::big ? last * 8 - offset - bits : offset % 8;
    auto value = static_cast<std::uint64_t>(wide >> shift);
    if (bits < 64) value &= (std::uint64_t{1} << bits) - 1;
    auto extended = static_cast<std::int64_t>(value << (64 - bits)) >> (64 - bits);

    if (type.is_enum()) return enumerator(type, type.kflag ? extended : static_cast<std::int64_t>(value));
    std::uint8_t encoding = type.integer().encoding;
    if ((encoding & int_encoding::is_bool) != 0 && value <= 1)
      sink_.boolean(value != 0);
    else if ((encoding & int_encoding::is_signed) != 0)
      sink_.signed_number(extended);
    else
      sink_.unsigned_number(value);
    return {};
  }

  Result<void> enumerator(const Type& type, std::int64_t value) {
    TRY(spend(type.vlen / 64, type.id));
    for (Enumerator each : type.enumerators()) {
      if (each.value != value || each.name.empty()) continue;
      sink_.enumerator(each.name);
      return {};
    }
    if (type.kflag)
      sink_.signed_number(value);
    else
      sink_.unsigned_number(static_cast<std::uint64_t>(value));
    return {};
  }

  Result<void> wide(Bytes bytes) {
    std::string digits = "0x";
    bool leading = true;
    for (std::size_t i = 0; i < bytes.size(); i++) {
      std::uint8_t byte = bytes[order_ == std::endian::big ? i : bytes.size() - 1 - i];
      if (leading && byte == 0 && i + 1 != bytes.size()) continue;
      fmt::format_to(std::back_inserter(digits), "{:0{}x}", byte, leading ? 1 : 2);
      leading = false;
    }
    sink_.hex(digits);
    return {};
  }

  Result<void> real(Bytes bytes) {
    if (bytes.size() == 4)
      sink_.real(std::bit_cast<float>(base::load<std::uint32_t>(bytes.data(), order_)));
    else if (bytes.size() == 8)
      sink_.real(std::bit_cast<double>(base::load<std::uint64_t>(bytes.data(), order_)));
    else
      return wide(bytes);
    return {};
  }

  // A char array's text up to its NUL, when all of it is printable.
  std::optional<std::string_view> text_of(TypeId element, Bytes bytes) const {
    auto resolved = btf_.resolve(element);
    if (!resolved) return std::nullopt;
    Type type = btf_.type(*resolved);
    if (type.kind != Kind::int_ || type.size() != 1) return std::nullopt;
    if ((type.integer().encoding & int_encoding::is_char) == 0 && type.name() != "char") return std::nullopt;
    std::string_view text = base::as_text(bytes);
    text = text.substr(0, text.find('\0'));
    if (!std::all_of(text.begin(), text.end(), printable)) return std::nullopt;
    return text;
  }

  Result<void> array(const Type& type, Bytes bytes, int depth) {
    Array array = type.array();
    std::uint32_t whole = TRY(btf_.size_of(type.id));
    TRY(enough(type, bytes, whole));
    if (array.count != 0) {
      TRY(spend(whole / values_per_byte, type.id));
      if (auto text = text_of(array.type, bytes.first(whole))) {
        sink_.string(*text);
        return {};
      }
    }
    std::size_t stride = array.count == 0 ? 0 : whole / array.count;
    sink_.open_array();
    for (std::uint32_t i = 0; i < array.count; i++) {
      sink_.element();
      TRY(value(array.type, bytes.subspan(i * stride, stride), depth + 1));
    }
    sink_.close_array();
    return {};
  }

  Result<void> composite(const Type& type, Bytes bytes, int depth) {
    TRY(enough(type, bytes, type.size()));
    bytes = bytes.first(type.size());
    sink_.open_struct();
    for (Member each : type.members()) {
      sink_.member(each.name);
      auto shown = member(each, bytes, depth);
      if (!shown) return Failure(std::move(shown).error().in(fmt::format("member '{}'", each.name)));
    }
    sink_.close_struct();
    return {};
  }

  Result<void> member(const Member& member, Bytes bytes, int depth) {
    TypeId resolved = TRY(btf_.resolve(member.type));
    Type type = btf_.type(resolved);
    bool numeric = type.kind == Kind::int_ || type.is_enum();
    if (numeric && member.bits != 0) {
      TRY(spend(1, type.id));
      return number(type, bytes, member.bit_offset, member.bits);
    }
    // Before kflag (Linux 5.0) bitfields were INTs narrower than their size.
    if (type.kind == Kind::int_ && type.integer().bits <= 64 &&
        (member.bit_offset % 8 != 0 || type.integer().bits != type.size() * 8)) {
      TRY(spend(1, type.id));
      return number(type, bytes, member.bit_offset + type.integer().offset, type.integer().bits);
    }
    if (member.bit_offset % 8 != 0)
      return fail(EINVAL, "BTF type {}: a {} at bit {}", type.id, kind_name(type.kind), member.bit_offset);
    Bytes rest = TRY(base::slice(bytes, member.bit_offset / 8, 0, "member"));
    rest = bytes.subspan(static_cast<std::size_t>(rest.data() - bytes.data()));
    return value(member.type, rest, depth + 1);
  }

  Result<void> datasec(const Type& type, Bytes bytes, int depth) {
    sink_.open_struct();
    for (VarSecinfo var : type.vars()) {
      std::string_view name = btf_.name(var.type);
      sink_.member(name);
      auto inside = base::slice(bytes, var.offset, var.size, "variable");
      if (!inside) return Failure(std::move(inside).error().in(fmt::format("'{}'", name)));
      TRY(value(var.type, *inside, depth + 1));
    }
    sink_.close_struct();
    return {};
  }

  const Btf& btf_;
  Sink& sink_;
  std::endian order_;
  std::uint64_t budget_;
};

Result<void> walk(const Btf& btf, TypeId id, Bytes bytes, Sink& sink, std::endian order) {
  if (!btf.has(id)) return fail(EINVAL, "BTF type {}: there are {} types", id, btf.type_count());
  return Walk(btf, sink, order, values_always + values_per_byte * bytes.size()).value(id, bytes, 0);
}

}  // namespace

Result<void> print_value(const Btf& btf, TypeId id, Bytes bytes, std::string& out, ValueStyle style) {
  std::size_t before = out.size();
  TextSink sink(out, style.multiline);
  auto done = walk(btf, id, bytes, sink, style.order);
  if (!done) out.resize(before);
  return done;
}

Result<void> print_value(const Btf& btf, TypeId id, Bytes bytes, base::JsonWriter& json, ValueStyle style) {
  Sink nothing;
  TRY(walk(btf, id, bytes, nothing, style.order));
  JsonSink sink(json);
  return walk(btf, id, bytes, sink, style.order);
}

}  // namespace skep::btf
