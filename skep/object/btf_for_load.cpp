// Record layout: Documentation/bpf/btf.rst. A type record is name_off, info, size_or_type and what its kind
// adds; info holds vlen in bits 0-15, the kind in bits 24-28, kind_flag in bit 31.
#include "skep/object/btf_for_load.h"

#include <algorithm>
#include <cstring>

namespace skep::object {
namespace {

constexpr std::size_t record_size = 12;
constexpr std::uint32_t max_extern = 1u << 15;  // with 65,535 variables at most, offsets stay in 32 bits

struct Patcher {
  const btf::Btf& btf;
  Buffer bytes;

  std::uint8_t* at(const std::uint8_t* original) { return bytes.data() + (original - btf.raw().data()); }
  // The 12 bytes of a type.
  std::uint8_t* record(const btf::Type& type) { return at(type.extra) - record_size; }
  void set(std::uint8_t* where, std::uint32_t value) { std::memcpy(where, &value, sizeof value); }

  void func(const btf::Type& type) {
    if (type.func_linkage() != btf::linkage::extern_) return;
    // The kernel knows static and global only, and wants every parameter of a function named.
    set(record(type) + 4, std::uint32_t{static_cast<std::uint8_t>(btf::Kind::func)} << 24);
    btf::Type proto = btf.type(type.type());
    if (proto.kind != btf::Kind::func_proto) return;
    std::size_t index = 0;
    for (btf::Param param : proto.params()) {
      std::uint8_t* entry = at(proto.extra) + index++ * btf::Param::record_size;
      if (param.type != 0 && param.name.empty()) set(entry, type.name_off);
    }
  }
  void var(const btf::Type& type, btf::TypeId any_int) {
    if (type.var_linkage() != btf::linkage::extern_) return;
    set(at(type.extra), btf::linkage::global);
    // `extern const void name __ksym`: no variable has type void.
    Result<btf::TypeId> resolved = btf.resolve(type.type());
    if (resolved && *resolved == 0 && any_int != 0) set(record(type) + 8, any_int);
  }
  // Externs have no place: they are laid out one after the other. A function is replaced by `dummy`, a VAR.
  void datasec(const btf::Type& type, btf::TypeId dummy) {
    if (type.size() != 0) return;
    std::uint32_t end = 0;
    std::size_t index = 0;
    for (btf::VarSecinfo info : type.vars()) {
      std::uint8_t* entry = at(type.extra) + index++ * btf::VarSecinfo::record_size;
      btf::TypeId id = btf.type(info.type).kind == btf::Kind::func ? dummy : info.type;
      Result<std::uint32_t> known = btf.size_of(id);
      std::uint32_t size = known && *known <= max_extern ? std::max(*known, 1u) : 4;
      set(entry, id);
      set(entry + 4, end);
      set(entry + 8, size);
      end += size;
    }
    set(record(type) + 8, std::max(end, 1u));
  }
};

}  // namespace

Buffer btf_for_load(const btf::Btf& btf) {
  Bytes raw = btf.raw();
  Patcher patcher{btf, Buffer(raw.begin(), raw.end())};
  btf::TypeId dummy = 0, any_int = 0;  // any will do where only the kind counts
  for (btf::TypeId id = btf.first_id(); id < btf.type_count(); id++) {
    btf::Kind kind = btf.type(id).kind;
    if (kind == btf::Kind::var && dummy == 0) dummy = id;
    if (kind == btf::Kind::int_ && any_int == 0) any_int = id;
  }
  for (btf::TypeId id = btf.first_id(); id < btf.type_count(); id++) {
    btf::Type type = btf.type(id);
    if (type.kind == btf::Kind::func) patcher.func(type);
    if (type.kind == btf::Kind::var) patcher.var(type, any_int);
    if (type.kind == btf::Kind::datasec) patcher.datasec(type, dummy);
  }
  return std::move(patcher.bytes);
}

}  // namespace skep::object
