// Wild programs: valid ones, damaged. What the interpreter's checks then let pass, every engine must run
// alike, though no verifier has seen it.
#include "generator.h"
#include "pools.h"

namespace skep::oracle {
namespace {

using isa::Class;
using isa::Op;

// A row of the same class with the same kind of operands.
isa::OpId other_row(Random& random, const Op& op) {
  for (unsigned tries = 0; tries < 40; tries++) {
    auto id = static_cast<isa::OpId>(random.below(isa::op_count));
    const Op& other = isa::row(id);
    bool alike = other.action == op.action && other.source == op.source && other.uses == op.uses &&
                 other.slots == op.slots && made(other) != Made::by_golden;
    bool arithmetic = (other.action == Class::alu || other.action == Class::endian) &&
                      (op.action == Class::alu || op.action == Class::endian) && other.uses == op.uses;
    bool memory = (other.action == Class::load || other.action == Class::load_acquire) &&
                  (op.action == Class::load || op.action == Class::load_acquire);
    if ((alike || arithmetic || memory) && made(other) != Made::by_golden) return id;
  }
  return static_cast<isa::OpId>(&op - isa::ops().data());
}

bool is_constant_divisor(const Op& op) {
  return op.source == isa::Source::imm &&
         (op.operation == isa::Operation::div || op.operation == isa::Operation::mod ||
          op.operation == isa::Operation::sdiv || op.operation == isa::Operation::smod);
}
bool is_constant_shift(const Op& op) {
  return op.source == isa::Source::imm &&
         (op.operation == isa::Operation::lsh || op.operation == isa::Operation::rsh ||
          op.operation == isa::Operation::arsh);
}

// Index of the first instruction of the function that holds instruction `at`, and behind its last.
std::pair<std::size_t, std::size_t> function_around(const Labelled& program, std::size_t at) {
  std::size_t from = 0, to = program.code.size();
  for (std::size_t i = 0; i < program.code.size(); i++) {
    if (program.target[i] < 0 || isa::jumps(program.code[i].row())) continue;
    auto start = static_cast<std::size_t>(program.target[i]);
    if (start <= at && start > from) from = start;
    if (start > at && start < to) to = start;
  }
  return {from, to};
}

void damage(Labelled& program, Random& random) {
  std::size_t at = random.below(program.code.size());
  isa::Decoded& d = program.code[at];
  const Op& op = d.row();
  bool call = op.action == Class::call || op.action == Class::exit;
  switch (random.below(10)) {
    case 0:
    case 1:
      if (!call) d.op = other_row(random, op);
      break;
    case 2:
      if (op.has(isa::uses_dst)) d.dst = static_cast<std::uint8_t>(random.below(10));
      break;
    case 3:
      if (op.has(isa::uses_src)) d.src = static_cast<std::uint8_t>(random.below(11));
      break;
    case 4:
      if (op.has(isa::uses_imm) && !call && !isa::jumps(op) && op.action != Class::load_imm64)
        d.imm = edge_number(random);
      if (op.action == Class::load_imm64 && op.operation == isa::Operation::imm64)
        d.imm = static_cast<std::int64_t>(random.next());
      break;
    case 5:
      if (op.has(isa::uses_off) && !isa::jumps(op))
        d.off = static_cast<std::int16_t>(d.off + random.between(-9, 9));
      break;
    case 6:
      if (isa::jumps(op)) {
        auto [from, to] = function_around(program, at);
        program.target[at] = static_cast<int>(from + random.below(to - from));
      }
      break;
    case 7: {  // doubled
      if (call) break;
      isa::Decoded copy = d;
      int target = program.target[at];
      program.code.insert(program.code.begin() + static_cast<std::ptrdiff_t>(at), copy);
      program.target.insert(program.target.begin() + static_cast<std::ptrdiff_t>(at), target);
      for (int& t : program.target)
        if (t > static_cast<int>(at)) t++;
      break;
    }
    case 8:
      if (op.action != Class::exit) drop(program, at, 1);
      break;
    default: {  // two neighbours change places
      if (at + 1 >= program.code.size() || call || isa::jumps(op)) break;
      const Op& next = program.code[at + 1].row();
      if (next.action == Class::exit || next.action == Class::call || isa::jumps(next)) break;
      std::swap(program.code[at], program.code[at + 1]);
      std::swap(program.target[at], program.target[at + 1]);
      break;
    }
  }
  // What loaders refuse whatever the program does.
  if (at < program.code.size()) {
    isa::Decoded& now = program.code[at];
    if (is_constant_shift(now.row())) now.imm &= now.row().width - 1;
    if (is_constant_divisor(now.row()) && now.imm == 0) now.imm = 1;
    if (now.row().has(isa::uses_imm) && now.slots == 1 && now.row().action != Class::packet_absolute)
      now.imm = static_cast<std::int32_t>(now.imm);
  }
}

}  // namespace

Case generate_wild(std::uint64_t seed, const GeneratorOptions& options) {
  Case c = generate(seed, options);
  c.wild = true;
  Random random(seed ^ 0x3141592653589793);
  for (Code& code : c.programs) {
    Labelled program = label(code);
    for (unsigned i = 1 + random.below(5); i-- > 0;) damage(program, random);
    Code changed;
    if (unlabel(program, changed)) code = changed;
  }
  return c;
}

}  // namespace skep::oracle
