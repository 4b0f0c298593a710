// struct_ops: a variable of the object, laid out as its source had the kernel's struct of operations, becomes
// the value of a map, laid out as this kernel has it. Members are matched by name. Functions become programs;
// which member of which struct a program is for is said when it is loaded.
//
// The value of the map is `struct bpf_struct_ops_NAME`, which the kernel defines around its `struct NAME
// data` (kernel/bpf/bpf_struct_ops.c).
#include <algorithm>

#include "skep/object/core.h"
#include "skep/object/loader.h"

namespace skep::object {
namespace {

constexpr std::string_view value_prefix = "bpf_struct_ops_";

// Modifiers and typedefs taken away; void when they run in a circle.
btf::Type plain(const btf::Btf& btf, btf::TypeId id) {
  Result<btf::TypeId> resolved = btf.resolve(id);
  return btf.type(resolved ? *resolved : 0);
}

bool is_function_pointer(const btf::Btf& btf, btf::TypeId id) {
  btf::Type type = plain(btf, id);
  return type.kind == btf::Kind::ptr && plain(btf, type.type()).kind == btf::Kind::func_proto;
}

bool all_zero(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

struct Found {
  btf::Member member;
  std::uint32_t index = 0;
};
std::optional<Found> find_member(const btf::Type& of, std::string_view name) {
  std::uint32_t index = 0;
  for (btf::Member member : of.members()) {
    if (member.name == name) return Found{member, index};
    index++;
  }
  return std::nullopt;
}

}  // namespace

Result<void> Loader::prepare_struct_ops() {
  hooks_.assign(object_.programs_.size(), {});
  for (Map& map : object_.maps_)
    if (map.spec_.origin == MapOrigin::struct_ops && map.spec_.autocreate) TRY(lay_out_struct_ops(map));
  // A program that only maps name which are not created has nowhere to go; unless it is asked for.
  if (!options_.programs.empty()) return {};
  for (const Map& map : object_.maps_) {
    if (map.spec_.origin != MapOrigin::struct_ops || map.spec_.autocreate) continue;
    for (const InitialSlot& slot : map.spec_.initial)
      if (slot.index < hooks_.size() && hooks_[slot.index].struct_id == 0) wanted_[slot.index] = false;
  }
  for (std::size_t i = 0; i < hooks_.size(); i++)
    if (hooks_[i].struct_id != 0) wanted_[i] = true;
  return {};
}

Result<void> Loader::lay_out_struct_ops(Map& map) {
  MapSpec& spec = map.spec_;
  const btf::Btf& own = *spec_.btf;
  btf::Type source = plain(own, spec.value_type_id);
  if (source.kind != btf::Kind::struct_)
    return fail(EINVAL, "map '{}': a variable in '{}' must be a struct", spec.name, spec.section);
  Result<const btf::Btf*> target = target_btf();
  if (!target) return Failure(std::move(target).error().in(fmt::format("map '{}'", spec.name)));
  const btf::Btf& kernel = **target;
  std::string name(without_flavour(source.name()));
  std::optional<btf::TypeId> ops_id = kernel.find(name, btf::Kind::struct_);
  std::optional<btf::TypeId> value_id = kernel.find(std::string(value_prefix) + name, btf::Kind::struct_);
  if (!ops_id || !value_id)
    return fail(ENOTSUP, "map '{}': the kernel has no struct_ops '{}'{}", spec.name, name,
                ops_id ? " (there is a struct, but nothing that takes its operations)" : "");
  btf::Type ops = kernel.type(*ops_id), value = kernel.type(*value_id);
  std::optional<std::uint32_t> data_bits;
  for (btf::Member member : value.members())
    if (plain(kernel, member.type).id == *ops_id) data_bits = member.bit_offset;
  if (!data_bits || *data_bits % 8 != 0 || value.size() < ops.size() ||
      *data_bits / 8 > value.size() - ops.size())
    return fail(EINVAL, "map '{}': the kernel's '{}{}' holds no '{}'", spec.name, value_prefix, name, name);
  std::uint32_t data = *data_bits / 8;

  Buffer out(value.size());
  std::vector<InitialSlot> slots;
  for (btf::Member member : source.members()) {
    std::uint32_t at = member.bit_offset / 8;
    Result<std::uint32_t> known_size = own.size_of(member.type);
    std::uint32_t size = known_size ? *known_size : 0;
    Bytes bytes = TRY(base::slice(spec.contents, at, size, spec.name));
    auto slot = std::find_if(spec.initial.begin(), spec.initial.end(), [&](const InitialSlot& s) {
      return s.key * std::uint64_t{8} >= at && s.key * std::uint64_t{8} < at + std::uint64_t{size};
    });
    bool has_program = slot != spec.initial.end();
    std::optional<Found> found = find_member(ops, member.name);
    if (!found) {
      // A newer struct than this kernel's: fine as long as nothing is asked of the member.
      if (!has_program && all_zero(bytes)) continue;
      return fail(ENOTSUP, "map '{}': the kernel's struct '{}' has no member '{}', and it is not zero",
                  spec.name, name, member.name);
    }
    if (member.bits != 0 || found->member.bits != 0) {
      if (all_zero(bytes)) continue;
      return fail(ENOTSUP, "map '{}': member '{}' is a bitfield", spec.name, member.name);
    }
    std::uint32_t to = data + found->member.bit_offset / 8;
    if (is_function_pointer(own, member.type)) {
      if (!is_function_pointer(kernel, found->member.type))
        return fail(EINVAL, "map '{}': member '{}' is a function here, but not in the kernel's struct '{}'",
                    spec.name, member.name, name);
      if (!has_program) continue;
      if (slot->index >= hooks_.size() ||
          object_.programs_[slot->index].spec().type != uapi::ProgType::struct_ops)
        return fail(EINVAL, "map '{}': member '{}' names a program that is not SEC(\"struct_ops\")",
                    spec.name, member.name);
      StructOpsHook& hook = hooks_[slot->index];
      if (hook.struct_id != 0 && (hook.struct_id != *ops_id || hook.member != found->index))
        return fail(EINVAL, "map '{}': member '{}': program '{}' is already used for another member",
                    spec.name, member.name, object_.programs_[slot->index].name());
      hook = {*ops_id, found->index};
      slots.push_back({.key = to, .is_program = true, .index = slot->index});
      continue;
    }
    Result<std::uint32_t> kernel_size = kernel.size_of(found->member.type);
    if (!known_size || !kernel_size || *kernel_size != size || to + size > out.size())
      return fail(ENOTSUP, "map '{}': member '{}' has {} bytes, in the kernel's struct '{}' {}", spec.name,
                  member.name, size, name, kernel_size ? *kernel_size : 0);
    std::copy(bytes.begin(), bytes.end(), out.begin() + to);
  }
  spec.contents = std::move(out);
  spec.value_size = value.size();
  struct_ops_.push_back(
      {static_cast<std::uint32_t>(&map - object_.maps_.data()), *value_id, std::move(slots)});
  return {};
}

void Loader::fill_struct_ops() {
  for (const StructOps& ops : struct_ops_) {
    MapSpec& spec = object_.maps_[ops.map].spec_;
    for (const InitialSlot& slot : ops.slots) {
      const Program& program = object_.programs_[slot.index];
      std::uint64_t fd = program.fd() < 0 ? 0 : static_cast<std::uint64_t>(program.fd());
      base::store(spec.contents.data() + slot.key, fd);
    }
  }
}

}  // namespace skep::object
