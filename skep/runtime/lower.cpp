// From instructions as loaded to an Image: every lddw resolved, every helper found, jumps counted in
// instructions instead of slots, functions cut apart.
#include <algorithm>
#include <optional>

#include "skep/image/limits.h"
#include "skep/isa/decode.h"
#include "skep/runtime/helpers.h"
#include "skep/runtime/prog_load.h"
#include "skep/uapi/helpers.h"

namespace skep::runtime {

using image::Image;
using isa::Class;
using isa::Decoded;
using isa::Operation;
using isa::Slot;

namespace {

struct Lowering {
  const Source& source;
  ProgObject& prog;
  Image& image = prog.image;
  std::vector<Decoded> decoded{};
  std::vector<Slot> starts{};  // first slots of functions, ascending

  Result<void> run() {
    TRY(isa::validate(source.insns));
    decoded = TRY(isa::decode_all(source.insns));
    number();
    find_functions();
    TRY(check_ends());
    image.insts.reserve(decoded.size());
    for (std::size_t i = 0; i < decoded.size(); i++) {
      image::Inst inst = TRY(lower_one(i));
      image.insts.push_back(inst);
    }
    return {};
  }

  // Slot and Inst in both directions.
  void number() {
    image.inst_of.assign(source.insns.size(), Image::no_inst);
    Slot slot = 0;
    for (const Decoded& d : decoded) {
      image.inst_of[slot] = static_cast<std::uint32_t>(image.slot_of.size());
      image.slot_of.push_back(slot);
      slot += d.slots;
    }
  }

  Slot target(std::size_t i) const {
    return static_cast<Slot>(image.slot_of[i] + decoded[i].slots + decoded[i].distance());
  }
  Slot callee(std::size_t i) const { return image.slot_of[i] + 1 + static_cast<Slot>(decoded[i].imm_low()); }

  void find_functions() {
    starts.push_back(0);
    for (std::size_t i = 0; i < decoded.size(); i++) {
      Operation operation = decoded[i].row().operation;
      if (operation == Operation::call_local || operation == Operation::function) starts.push_back(callee(i));
    }
    std::sort(starts.begin(), starts.end());
    starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
    image.functions.resize(starts.size());
    for (std::size_t f = 0; f < starts.size(); f++) {
      image::Function& function = image.functions[f];
      function.first = image.inst_of[starts[f]];
      std::size_t end = f + 1 < starts.size() ? image.inst_of[starts[f + 1]] : decoded.size();
      function.count = static_cast<std::uint32_t>(end) - function.first;
      function.name = f == 0 ? image.name : fmt::format("func_{}", starts[f]);
    }
  }

  std::size_t function_of(Slot slot) const {
    return static_cast<std::size_t>(std::upper_bound(starts.begin(), starts.end(), slot) - starts.begin()) -
           1;
  }

  // Control stays inside of each function, and none runs over its end.
  Result<void> check_ends() {
    for (std::size_t i = 0; i < decoded.size(); i++) {
      Slot slot = image.slot_of[i];
      if (jumps(decoded[i].row()) && function_of(target(i)) != function_of(slot))
        return fail(EINVAL, "insn {}: jump out of range from insn {} to {}", slot, slot, target(i));
    }
    for (const image::Function& function : image.functions) {
      const isa::Op& last = decoded[function.first + function.count - 1].row();
      if (last.action != Class::exit && last.action != Class::jump && last.action != Class::jump_indirect)
        return fail(EINVAL, "insn {}: last insn is not an exit or jmp",
                    image.slot_of[function.first + function.count - 1]);
    }
    return {};
  }

  // The map's descriptor, entered among those the program names.
  image::MapDescriptor* use(const std::shared_ptr<MapObject>& map) {
    if (std::find(prog.maps.begin(), prog.maps.end(), map) == prog.maps.end()) {
      prog.maps.push_back(map);
      image.maps.push_back(&map->map->descriptor());
    }
    return &map->map->descriptor();
  }

  Result<std::uint64_t> load_value(const Decoded& d, Slot slot) {
    switch (d.row().operation) {
      case Operation::map_fd:
      case Operation::map_idx:
      case Operation::map_value:
      case Operation::map_idx_value: {
        auto index = static_cast<std::uint32_t>(d.imm_low());
        if (index >= source.maps.size() || !source.maps[index])
          return fail(EBADF, "insn {}: no such map", slot);
        image::MapDescriptor* map = use(source.maps[index]);
        prog.insns[slot].imm = static_cast<std::int32_t>(map->id);
        if (d.row().operation == Operation::map_fd || d.row().operation == Operation::map_idx)
          return reinterpret_cast<std::uint64_t>(map);
        auto offset = static_cast<std::uint32_t>(d.imm_high());
        if (!map->base || map->cpu_stride)
          return fail(EINVAL, "insn {}: map '{}' is no array: its values have no fixed address", slot,
                      map->name);
        if (map->max_entries != 1)
          return fail(524, "insn {}: direct value access needs an array of one element, '{}' has {}", slot,
                      map->name, map->max_entries);
        if (offset >= map->value_size)
          return fail(EINVAL, "insn {}: offset {} lies beyond the value of map '{}' ({} bytes)", slot, offset,
                      map->name, map->value_size);
        return reinterpret_cast<std::uint64_t>(map->base) + offset;
      }
      case Operation::function:
        return reinterpret_cast<std::uint64_t>(
            &image.functions[function_of(slot + 1 + static_cast<Slot>(d.imm_low()))]);
      case Operation::btf_id:
        return fail(EINVAL, "insn {}: the address of kernel variable #{} is not available in this runtime",
                    slot, d.imm_low());
      default: return static_cast<std::uint64_t>(d.imm);
    }
  }

  Result<std::uint64_t> helper(const Decoded& d, Slot slot) {
    auto id = static_cast<std::uint32_t>(d.imm_low());
    const uapi::Helper* row = uapi::find_helper(id);
    if (!row) return fail(EINVAL, "insn {}: invalid func unknown#{}", slot, d.imm_low());
    if (!uapi::may_call(*row, image.type))
      return fail(EINVAL, "insn {}: program of this type cannot use helper bpf_{}#{}", slot, row->name, id);
    if (uapi::helper_form(*row, image.type).gpl_only && !image.gpl)
      return fail(EINVAL,
                  "insn {}: cannot call GPL-restricted function bpf_{}#{} from non-GPL compatible program",
                  slot, row->name, id);
    image::HelperFn fn = find_helper_fn(id, image.type);
    if (!fn)
      return fail(EINVAL, "insn {}: helper bpf_{}#{} is not available in this runtime yet", slot, row->name,
                  id);
    for (const auto& known : image.calls)
      if (known->helper == row) return reinterpret_cast<std::uint64_t>(known.get());
    auto call = std::make_unique<image::CallTarget>();
    call->fn = fn;
    call->helper = row;
    call->name = fmt::format("bpf_{}", row->name);
    call->number = id;
    image.calls.push_back(std::move(call));
    return reinterpret_cast<std::uint64_t>(image.calls.back().get());
  }

  bool is_dead(Slot slot) const { return !source.facts.empty() && !source.facts[slot].reachable; }

  static image::Inst go(std::int32_t distance) {
    static const std::uint16_t op = [] {
      isa::Insn insn{};
      insn.opcode = 0x05;
      return isa::decode({&insn, 1}, 0)->op;
    }();
    image::Inst inst;
    inst.op = op;
    inst.off = distance;
    return inst;
  }

  // What no path reaches and asks for something that this runtime may not have: never executed.
  bool drops(const isa::Op& op, Slot slot) const {
    if (!is_dead(slot)) return false;
    return op.operation == Operation::call_helper || op.operation == Operation::call_kfunc ||
           op.operation == Operation::btf_id || op.action == Class::addr_space_cast ||
           op.action == Class::packet_absolute || op.action == Class::packet_indirect;
  }

  // A branch of which the verdict says that one side is never taken goes to the other.
  std::optional<image::Inst> decided(std::size_t i, const image::Inst& inst) const {
    if (decoded[i].row().action != Class::jump_if || source.facts.empty()) return {};
    if (is_dead(image.slot_of[i] + decoded[i].slots)) return go(inst.off);
    if (is_dead(target(i))) return go(0);
    return {};
  }

  // The fact that engines look at.
  void note_access(image::Inst& inst, Class action, Slot slot) const {
    if (source.facts.empty() || !source.facts[slot].may_fault) return;
    bool arena = source.facts[slot].access == verify::Access::arena;
    image::set_access(inst, action, arena ? image::Access::arena : image::Access::probe);
  }

  Result<image::Inst> lower_one(std::size_t i) {
    const Decoded& d = decoded[i];
    const isa::Op& op = d.row();
    Slot slot = image.slot_of[i];
    TRY(isa::validate_constants(d, slot));
    if (drops(op, slot)) return go(-1);
    image::Inst inst;
    inst.op = d.op;
    inst.dst = d.dst;
    inst.src = d.src;
    inst.off = op.field == isa::Field::off ? op.field_value : d.off;
    inst.imm = static_cast<std::uint64_t>(d.imm);
    if (jumps(op)) {
      inst.off = static_cast<std::int32_t>(image.inst_of[target(i)]) - static_cast<std::int32_t>(i) - 1;
      if (isa::jumps_by_imm(op)) inst.imm = 0;
      if (std::optional<image::Inst> jump = decided(i, inst)) return *jump;
    }
    switch (op.action) {
      case Class::load_imm64: inst.imm = TRY(load_value(d, slot)); break;
      case Class::call:
        if (op.operation == Operation::call_helper) inst.imm = TRY(helper(d, slot));
        if (op.operation == Operation::call_local) inst.imm = function_of(callee(i));
        if (op.operation == Operation::call_kfunc)
          return fail(EINVAL, "insn {}: kernel function #{} is not available in this runtime", slot,
                      d.imm_low());
        break;
      case Class::packet_absolute:
      case Class::packet_indirect:
        if (image.type != uapi::ProgType::socket_filter && image.type != uapi::ProgType::sched_cls &&
            image.type != uapi::ProgType::sched_act)
          return fail(EINVAL, "insn {}: BPF_LD_[ABS|IND] instructions not allowed for this program type",
                      slot);
        break;
      case Class::addr_space_cast:
        return fail(EINVAL, "insn {}: addr_space_cast needs an arena, which is not available in this runtime",
                    slot);
      case Class::load:
      case Class::store:
      case Class::store_imm:
      case Class::load_acquire:
      case Class::store_release:
      case Class::atomic: note_access(inst, op.action, slot); break;
      case Class::alu:
      case Class::endian:
      case Class::jump:
      case Class::jump_if:
      case Class::jump_indirect:
      case Class::may_goto:
      case Class::exit: break;
    }
    return inst;
  }
};

}  // namespace

Result<void> lower(const Source& source, ProgObject& prog) {
  prog.insns.assign(source.insns.begin(), source.insns.end());
  Lowering lowering{source, prog};
  return lowering.run();
}

Result<void> add_debug_info(ProgObject& prog) {
  const LoadRequest& request = prog.model->request;
  if (request.funcs.empty() && request.lines.empty()) return {};
  const btf::Btf& btf = prog.btf->types();
  Image& image = prog.image;
  for (std::size_t i = 0; i < request.funcs.size(); i++) {
    auto [slot, type] = request.funcs[i];
    if (slot >= image.inst_of.size() || image.inst_of[slot] == Image::no_inst || (i == 0 && slot != 0))
      return fail(EINVAL, "func_info {}: insn_off {} is no function of the program", i, slot);
    if (!btf.has(type) || btf.type(type).kind != btf::Kind::func)
      return fail(EINVAL, "func_info {}: type {} is no FUNC", i, type);
    for (image::Function& function : image.functions)
      if (function.first == image.inst_of[slot]) function.name = btf.name(type);
  }
  image.lines.reserve(request.lines.size());
  for (const verify::LineInfo& info : request.lines) {
    std::size_t i = image.lines.size();
    image::Line line;
    line.slot = info.slot;
    if (line.slot >= image.inst_of.size() || (i != 0 && line.slot <= image.lines.back().slot))
      return fail(EINVAL, "line_info {}: insn_off {} is out of order or beyond the program", i, line.slot);
    if (info.file_off >= btf.string_end() || info.line_off >= btf.string_end())
      return fail(EINVAL, "line_info {}: string offsets {} and {} must be below {}", i, info.file_off,
                  info.line_off, btf.string_end());
    line.line = info.line_col >> 10;
    line.column = info.line_col & 0x3ff;
    line.file = btf.string(info.file_off);
    line.text = btf.string(info.line_off);
    image.lines.push_back(std::move(line));
  }
  return {};
}

}  // namespace skep::runtime
