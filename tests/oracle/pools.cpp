// Sorting the rows.
#include "pools.h"

namespace skep::oracle {
namespace {

Pools sort_rows() {
  Pools pools;
  for (isa::OpId id = 0; id < isa::op_count; id++) {
    const isa::Op& op = isa::row(id);
    if (made(op) == Made::by_golden) continue;
    switch (op.action) {
      case isa::Class::alu:
        (op.operation == isa::Operation::mov ? pools.mov : pools.alu).push_back(id);
        break;
      case isa::Class::endian: pools.alu.push_back(id); break;
      case isa::Class::load: (op.sign_from ? pools.signed_loads : pools.loads).push_back(id); break;
      case isa::Class::store:
      case isa::Class::store_imm: pools.stores.push_back(id); break;
      case isa::Class::load_acquire: pools.acquire.push_back(id); break;
      case isa::Class::store_release: pools.release.push_back(id); break;
      case isa::Class::atomic: pools.atomics.push_back(id); break;
      case isa::Class::packet_absolute:
      case isa::Class::packet_indirect: pools.packet.push_back(id); break;
      case isa::Class::jump_if: pools.jumps.push_back(id); break;
      case isa::Class::load_imm64:
      case isa::Class::jump:
      case isa::Class::jump_indirect:
      case isa::Class::may_goto:
      case isa::Class::addr_space_cast:
      case isa::Class::call:
      case isa::Class::exit: break;  // the generator writes these by name
    }
  }
  return pools;
}

}  // namespace

const Pools& pools() {
  static const Pools made_once = sort_rows();
  return made_once;
}

}  // namespace skep::oracle
