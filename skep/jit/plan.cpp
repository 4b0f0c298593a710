// One walk over the instructions of each function for blocks, effects, constants and calls; one or more
// backwards for liveness; one over the call graph for depth.
#include "skep/jit/plan.h"

#include <algorithm>
#include <array>
#include <bit>

#include "skep/jit/jit.h"
#include "skep/uapi/helpers.h"

namespace skep::jit {
namespace {

using image::Image;
using image::Inst;
using isa::Class;
using isa::Operation;

constexpr std::uint16_t argument_registers = 0b11'1110, lost_in_calls = 0b11'1111, all_registers = 0x7ff;

// What an operation does to registers, apart from which ones its fields name.
struct Shape {
  bool reads_dst = false, reads_src = false, writes_dst = false, writes_src = false;
  std::uint16_t reads = 0, writes = 0;
};

constexpr Shape shape_of(const isa::Op& row) {
  Shape shape;
  shape.writes_dst = isa::writes_dst(row);
  shape.writes_src = isa::writes_src(row);
  shape.reads_src = row.source == isa::Source::reg;
  switch (row.action) {
    case Class::alu: shape.reads_dst = row.operation != Operation::mov; break;
    case Class::endian:
    case Class::jump_indirect:
    case Class::store_imm: shape.reads_dst = true; break;
    case Class::load:
    case Class::load_acquire:
    case Class::addr_space_cast: shape.reads_src = true; break;
    case Class::store:
    case Class::store_release: shape.reads_dst = shape.reads_src = true; break;
    case Class::atomic:
      shape.reads_dst = shape.reads_src = true;
      if (row.operation == Operation::cmpxchg) shape.reads = shape.writes = 1;
      break;
    case Class::packet_absolute:
    case Class::packet_indirect:
      shape.reads_src = row.action == Class::packet_indirect;
      shape.reads = 1 << 6;
      shape.writes = lost_in_calls;
      break;
    case Class::jump_if: shape.reads_dst = true; break;
    case Class::load_imm64:
    case Class::jump:
    case Class::may_goto: break;
    case Class::call:
      shape.reads_dst = row.operation == Operation::call_register;
      shape.reads = argument_registers;
      shape.writes = lost_in_calls;
      break;
    case Class::exit: shape.reads = 1; break;
  }
  return shape;
}

constexpr auto shapes = [] {
  std::array<Shape, isa::op_count> all{};
  for (std::size_t i = 0; i < isa::op_count; i++) all[i] = shape_of(isa::rows::all[i]);
  return all;
}();

Effect effect(const Inst& inst) {
  const Shape& shape = shapes[inst.op];
  const auto dst = static_cast<std::uint16_t>(1U << inst.dst),
             src = static_cast<std::uint16_t>(1U << inst.src);
  Effect e{shape.reads, shape.writes};
  if (shape.reads_dst) e.reads |= dst;
  if (shape.reads_src) e.reads |= src;
  if (shape.writes_dst) e.writes |= dst;
  if (shape.writes_src) e.writes |= src;
  return e;
}

bool ends_line(Class action) {
  return action == Class::exit || action == Class::jump || action == Class::jump_indirect;
}

// The constants that registers hold at one place.
struct Constants {
  std::uint16_t known = 0;
  std::array<std::uint64_t, 11> value{};
  bool has(unsigned reg) const { return known >> reg & 1; }
  void set(unsigned reg, std::uint64_t v) {
    known = static_cast<std::uint16_t>(known | 1U << reg);
    value[reg] = v;
  }
  void forget(std::uint16_t registers) { known = static_cast<std::uint16_t>(known & ~registers); }
};

// The value that an Inst loads if it is a constant.
bool loads_constant(const Inst& inst, const isa::Op& row, std::uint64_t* value) {
  if (row.action == Class::load_imm64) {
    *value = inst.imm;
    return true;
  }
  if (row.action != Class::alu || row.operation != Operation::mov || row.source != isa::Source::imm)
    return false;
  *value = row.width == 32 ? static_cast<std::uint32_t>(inst.imm) : inst.imm;
  return true;
}

namespace helper {
constexpr std::uint32_t map_lookup_elem = 1, map_update_elem = 2, map_delete_elem = 3,
                        get_smp_processor_id = 8, tail_call = 12, for_each_map_elem = 164, loop = 181;
}

class Planner {
 public:
  Planner(const Image& image, const Options& options) : image_(image), options_(options) {}

  Result<Plan> run() {
    TRY(find_functions());
    plan_.arena = image::arena_base(image_);
    plan_.insts.resize(image_.insts.size());
    for (std::size_t f = 0; f < plan_.functions.size(); f++) TRY(mark(f));
    for (std::size_t f = 0; f < plan_.functions.size(); f++) TRY(walk(f));
    find_called();
    find_tail_callers();
    measure_depth();
    for (const FunctionPlan& function : plan_.functions) find_live(function);
    return std::move(plan_);
  }

 private:
  Result<void> find_functions() {
    const std::size_t count = image_.insts.size();
    if (count == 0 || count > (std::size_t{1} << 26) || image_.functions.empty() ||
        image_.functions[0].first != 0)
      return fail(EINVAL, "image '{}': {} instructions and {} functions, the first must begin at 0",
                  image_.name, count, image_.functions.size());
    plan_.functions.resize(image_.functions.size());
    edges_.resize(image_.functions.size());
    for (std::size_t f = 0; f < image_.functions.size(); f++) {
      const std::uint32_t first = image_.functions[f].first;
      const std::size_t end = f + 1 < image_.functions.size() ? image_.functions[f + 1].first : count;
      if (first >= end)
        return fail(EINVAL, "image '{}': function {} begins at {} and ends at {}", image_.name, f, first,
                    end);
      plan_.functions[f].first = first;
      plan_.functions[f].end = static_cast<std::uint32_t>(end);
    }
    return {};
  }

  Failure broken(std::uint32_t at, std::string_view what) const {
    return fail(EINVAL, "image '{}': inst {}: {}", image_.name, at, what);
  }

  // Leaders, loops and the registers that hold one constant all over the function.
  Result<void> mark(std::size_t f) {
    FunctionPlan& function = plan_.functions[f];
    std::vector<InstPlan>& insts = plan_.insts;
    insts[function.first].flags |= leader;
    for (std::uint32_t i = function.first; i < function.end; i++) {
      const Inst& inst = image_.insts[i];
      if (inst.op >= isa::op_count || inst.dst > 10 || inst.src > 10) return broken(i, "no instruction");
      const isa::Op& row = isa::row(inst.op);
      if (isa::jumps(row)) {
        const std::int64_t to = std::int64_t{i} + 1 + inst.off;
        if (to < function.first || to >= function.end) return broken(i, "jump out of the function");
        insts[static_cast<std::size_t>(to)].flags |= leader;
        if (to <= i) {
          insts[i].flags |= back_edge;
          insts[static_cast<std::size_t>(to)].flags |= loop_head;
        }
      }
      if (row.action == Class::jump_indirect) {
        function.gotox = true;
        insts[i].flags |= back_edge;
      }
      if (row.action == Class::may_goto) function.may_goto = true;
    }
    if (!ends_line(isa::row(image_.insts[function.end - 1].op).action))
      return broken(function.end - 1, "control runs over the end of the function");
    if (function.gotox) {
      if (image_.indirect_targets.empty()) {
        for (std::uint32_t i = function.first; i < function.end; i++) insts[i].flags |= leader;
      } else {
        for (std::uint32_t to : image_.indirect_targets)
          if (to >= function.first && to < function.end) insts[to].flags |= leader;
      }
    }
    return {};
  }

  // r6 to r9 that are written once, with a constant, hold it wherever the program may read them.
  Constants whole_function(const FunctionPlan& function) const {
    std::array<unsigned, 11> writes{};
    Constants constants;
    for (std::uint32_t i = function.first; i < function.end; i++) {
      const Inst& inst = image_.insts[i];
      const Shape& shape = shapes[inst.op];
      if (shape.writes_src) writes[inst.src] = 2;
      if (!shape.writes_dst || inst.dst < 6) continue;
      std::uint64_t value = 0;
      if (writes[inst.dst]++ == 0 && loads_constant(inst, isa::row(inst.op), &value))
        constants.set(inst.dst, value);
    }
    for (unsigned reg = 0; reg < 11; reg++)
      if (writes[reg] != 1) constants.forget(static_cast<std::uint16_t>(1U << reg));
    return constants;
  }

  Result<void> walk(std::size_t f) {
    FunctionPlan& function = plan_.functions[f];
    const Constants everywhere = whole_function(function);
    Constants here = everywhere;
    for (std::uint32_t i = function.first; i < function.end; i++) {
      const Inst& inst = image_.insts[i];
      const isa::Op& row = isa::row(inst.op);
      if (plan_.insts[i].flags & leader) here = everywhere;
      const Effect e = effect(inst);
      if (e.writes >> 10) return broken(i, "r10 is written");
      function.reads |= e.reads;
      function.writes |= e.writes;
      if (e.reads >> 10) note_frame_use(function, inst, row);
      if (row.action == Class::call) {
        function.calls = true;
        TRY(plan_call(static_cast<std::uint32_t>(f), i, row, here));
      } else if (row.action == Class::alu && row.source == isa::Source::reg && here.has(inst.src) &&
                 (row.operation == Operation::div || row.operation == Operation::mod ||
                  row.operation == Operation::sdiv || row.operation == Operation::smod)) {
        plan_.insts[i].flags |= const_divisor;
        plan_.constants.push_back({i, here.value[inst.src]});
      } else if (row.operation == Operation::function) {
        TRY(note_address(inst, i));
      }
      if (row.action == Class::packet_absolute || row.action == Class::packet_indirect) function.calls = true;
      here.forget(e.writes);
      std::uint64_t value = 0;
      if (loads_constant(inst, row, &value)) {
        here.set(inst.dst, value);
      } else if (row.action == Class::alu && row.operation == Operation::mov && row.width == 64 &&
                 row.sign_from == 0 && here.has(inst.src)) {
        here.set(inst.dst, here.value[inst.src]);
      } else {
        here.known |= static_cast<std::uint16_t>(everywhere.known & e.writes);
      }
    }
    if (function.frame_escapes) function.stack = image::stack_bytes;
    return {};
  }

  // r10 as the base of an access uses that much of the frame; anything else may use all of it.
  static void note_frame_use(FunctionPlan& function, const Inst& inst, const isa::Op& row) {
    bool base = false;
    switch (row.action) {
      case Class::load:
      case Class::load_acquire: base = true; break;
      case Class::store_imm: base = true; break;
      case Class::store:
      case Class::store_release:
      case Class::atomic: base = inst.src != 10; break;
      default: break;
    }
    if (base && inst.off < 0 && inst.off >= -static_cast<std::int32_t>(image::stack_bytes))
      function.stack = std::max(function.stack, static_cast<std::uint32_t>(-inst.off + 7) / 8 * 8);
    else
      function.frame_escapes = true;
  }

  Result<void> note_address(const Inst& inst, std::uint32_t at) {
    const image::Function* function = image::find_function(image_, inst.imm);
    if (!function) return broken(at, "lddw of a function that the image does not have");
    address_taken_.push_back(static_cast<std::uint32_t>(function - image_.functions.data()));
    return {};
  }

  Result<void> plan_call(std::uint32_t f, std::uint32_t at, const isa::Op& row, const Constants& here) {
    const Inst& inst = image_.insts[at];
    FunctionPlan& function = plan_.functions[f];
    if (row.operation == Operation::call_register) {
      // Whoever is called: any function, any helper with a number.
      calls_any_ = plan_.count_depth = function.calls_local = function.may_tail_call = true;
      tail_callers_.push_back(f);
      return {};
    }
    if (row.operation == Operation::call_local) {
      if (inst.imm >= plan_.functions.size())
        return broken(at, "call of a function that the image does not have");
      function.calls_local = true;
      edges_[f].push_back(static_cast<std::uint32_t>(inst.imm));
      return {};
    }
    const auto* target = reinterpret_cast<const image::CallTarget*>(inst.imm);
    if (!target || !target->fn) return broken(at, "call without a target");
    CallPlan call;
    call.inst = at;
    call.target = target;
    call.may_tail_call = !target->helper || target->helper->id == helper::tail_call;
    bool calls_back = !target->helper;
    if (target->helper) {
      call.arguments = 0;
      for (uapi::Arg arg : uapi::helper_form(*target->helper, image_.type).args) {
        if (arg == uapi::Arg::none) break;
        calls_back |= arg == uapi::Arg::function;
        call.arguments++;
      }
      // bpf_trace_printk reads the registers behind its declared arguments.
      if (target->helper->prototype.ends_with("...)")) call.arguments = 5;
      if (options_.inline_helpers) specialise(call, here);
    }
    if (call.kind == CallKind::loop) {
      function.calls_local = true;
      edges_[f].push_back(call.function);
    } else if (calls_back) {
      call_back_.push_back(f);
      if (call.instead == CallPlan::Instead::each) {
        function.calls_local = true;
        edges_[f].push_back(call.function);
      }
    }
    if (call.may_tail_call) {
      function.may_tail_call = true;
      tail_callers_.push_back(f);
    }
    plan_.insts[at].flags |= has_call;
    plan_.calls.push_back(call);
    return {};
  }

  void specialise(CallPlan& call, const Constants& here) const {
    image::MapDescriptor* map = nullptr;
    if (here.has(1))
      for (image::MapDescriptor* m : image_.maps)
        if (here.value[1] == reinterpret_cast<std::uint64_t>(m)) map = m;
    auto becomes = [&](CallKind kind) {
      call.kind = kind;
      call.may_fault = false;
      call.map = map;
    };
    switch (call.target->helper->id) {
      case helper::map_lookup_elem:
        if (!map) break;
        if (map->type == uapi::MapType::array && map->base && !map->cpu_stride)
          becomes(CallKind::array);
        else if (map->type == uapi::MapType::percpu_array && map->base && map->cpu_stride)
          becomes(CallKind::percpu_array);
        // The helper makes inner maps known to checked runs, which are not ours; still, leave them to it.
        else if (map->lookup && map->type != uapi::MapType::array_of_maps &&
                 map->type != uapi::MapType::hash_of_maps)
          becomes(CallKind::lookup);
        break;
      case helper::map_update_elem:
        if (map && map->update) becomes(CallKind::update);
        break;
      case helper::map_delete_elem:
        if (map && map->remove) becomes(CallKind::remove);
        break;
      case helper::get_smp_processor_id: becomes(CallKind::cpu); break;
      case helper::loop:
        if (!here.has(2)) break;
        if (const image::Function* callback = image::find_function(image_, here.value[2])) {
          becomes(CallKind::loop);
          call.function = static_cast<std::uint32_t>(callback - image_.functions.data());
        }
        break;
      case helper::for_each_map_elem:
        if (!map || !here.has(2) || !map->base || map->stride > 0x7fff'ffff ||
            (map->type != uapi::MapType::array && map->type != uapi::MapType::percpu_array))
          break;
        if (const image::Function* callback = image::find_function(image_, here.value[2])) {
          call.instead = CallPlan::Instead::each;
          call.map = map;
          call.function = static_cast<std::uint32_t>(callback - image_.functions.data());
        }
        break;
      case helper::tail_call:
        if (!here.has(2)) break;
        for (image::MapDescriptor* m : image_.maps)
          if (here.value[2] == reinterpret_cast<std::uint64_t>(m) && m->type == uapi::MapType::prog_array &&
              m->targets) {
            call.instead = CallPlan::Instead::tail;
            call.map = m;
            if (here.has(3)) call.index = static_cast<std::uint32_t>(here.value[3]);
          }
        break;
      default: break;
    }
  }

  void find_called() {
    for (const auto& to : edges_)
      for (std::uint32_t f : to) plan_.functions[f].called = true;
    for (FunctionPlan& function : plan_.functions) function.called |= calls_any_;
  }

  // Who calls a function that may tail call may find itself under another image's name afterwards.
  void find_tail_callers() {
    for (bool changed = !tail_callers_.empty(); changed;) {
      changed = false;
      for (std::size_t f = 0; f < edges_.size(); f++)
        for (std::uint32_t to : edges_[f])
          if (plan_.functions[to].may_tail_call && !plan_.functions[f].may_tail_call)
            changed = plan_.functions[f].may_tail_call = true;
    }
  }

  // The longest chain of calls, callbacks counted as calls of every function whose address is taken.
  void measure_depth() {
    for (std::uint32_t f : call_back_)
      edges_[f].insert(edges_[f].end(), address_taken_.begin(), address_taken_.end());
    // A tail call below the first frame puts another image's frames on top of ours.
    for (std::uint32_t f : tail_callers_) plan_.count_depth |= f != 0;
    if (!tail_callers_.empty())
      for (const auto& to : edges_) plan_.count_depth |= std::find(to.begin(), to.end(), 0U) != to.end();
    std::vector<std::uint32_t> depth(edges_.size(), 1);
    // Without a cycle nothing changes any more after as many rounds as there are functions on a chain.
    for (unsigned round = 0;; round++) {
      bool changed = false;
      for (std::size_t f = edges_.size(); f-- > 0;)
        for (std::uint32_t to : edges_[f])
          if (depth[to] + 1 > depth[f]) {
            depth[f] = depth[to] + 1;
            changed = true;
          }
      if (!changed) break;
      if (round > image::max_frames) {
        plan_.count_depth = true;
        break;
      }
    }
    plan_.max_depth = std::min(*std::max_element(depth.begin(), depth.end()), image::max_frames + 1);
    if (plan_.max_depth > image::max_frames) plan_.count_depth = true;
    // Counting code checks for itself; what enters it needs room for one frame.
    if (plan_.count_depth) plan_.max_depth = 1;
  }

  void find_live(const FunctionPlan& function) {
    live_in_.resize(image_.insts.size());
    std::size_t call = plan_.calls.size();
    const auto calls_end = [&] {
      return static_cast<std::size_t>(
          std::lower_bound(plan_.calls.begin(), plan_.calls.end(), function.end,
                           [](const CallPlan& c, std::uint32_t inst) { return c.inst < inst; }) -
          plan_.calls.begin());
    }();
    for (bool again = true; again;) {
      again = false;
      call = calls_end;
      std::uint16_t live = 0;
      for (std::uint32_t i = function.end; i-- > function.first;) {
        const Inst& inst = image_.insts[i];
        const isa::Op& row = isa::row(inst.op);
        InstPlan& facts = plan_.insts[i];
        if (ends_line(row.action))
          live = row.action == Class::jump_indirect ? all_registers : std::uint16_t{0};
        if (isa::jumps(row)) live |= live_in_[static_cast<std::size_t>(std::int64_t{i} + 1 + inst.off)];
        facts.live_out = live;
        Effect e = effect(inst);
        if (facts.flags & has_call) {
          const unsigned arguments = plan_.calls[--call].arguments;
          e.reads = static_cast<std::uint16_t>(e.reads & ((2U << arguments) - 1));
        }
        live = static_cast<std::uint16_t>((live & ~e.writes) | e.reads);
        if (live_in_[i] != live) {
          if (facts.flags & loop_head) again = true;
          live_in_[i] = live;
        }
      }
    }
  }

  const Image& image_;
  const Options& options_;
  Plan plan_;
  std::vector<std::vector<std::uint32_t>> edges_;  // local calls, by function
  std::vector<std::uint32_t> address_taken_, call_back_, tail_callers_;
  bool calls_any_ = false;  // there is a callx
  std::vector<std::uint16_t> live_in_;
};

}  // namespace

Effect effect_of(const Inst& inst, const isa::Op& row, unsigned arguments) {
  Effect e = effect(inst);
  if (row.action == Class::call)
    e.reads = static_cast<std::uint16_t>(e.reads &
                                         (((2U << arguments) - 1) | 1U << 10 | (e.reads & ~lost_in_calls)));
  return e;
}

const CallPlan* Plan::find_call(std::uint32_t inst) const {
  auto at = std::lower_bound(calls.begin(), calls.end(), inst,
                             [](const CallPlan& call, std::uint32_t i) { return call.inst < i; });
  return at != calls.end() && at->inst == inst ? &*at : nullptr;
}

Result<Plan> make_plan(const Image& image, const Options& options) { return Planner(image, options).run(); }

}  // namespace skep::jit
