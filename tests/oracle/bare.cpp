// Running bare programs.
#include "bare.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include "skep/image/image.h"
#include "skep/image/limits.h"
#include "skep/isa/assemble.h"
#include "skep/maps/map.h"
#include "skep/uapi/helpers.h"
#include "skep/vm/machine.h"
#if SKEP_HAVE_JIT
#include "skep/jit/jit.h"
#endif

namespace skep::oracle {
namespace {

using image::RunContext;
using isa::Operation;

std::uint64_t same(std::uint64_t r1, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                   RunContext*) {
  return r1;
}
std::uint64_t sum(std::uint64_t r1, std::uint64_t r2, std::uint64_t r3, std::uint64_t r4, std::uint64_t r5,
                  RunContext*) {
  return r1 + 2 * r2 + 3 * r3 + 4 * r4 + 5 * r5;
}
std::uint64_t each(std::uint64_t function, std::uint64_t count, std::uint64_t argument, std::uint64_t,
                   std::uint64_t, RunContext* ctx) {
  std::uint64_t total = 0;
  for (std::uint64_t i = 1; i <= count && !ctx->fault; i++)
    total += ctx->call_function(ctx, function, i, argument, 0, 0, 0);
  return total;
}
std::uint64_t lookup(std::uint64_t map, std::uint64_t key, std::uint64_t, std::uint64_t, std::uint64_t,
                     RunContext* ctx) {
  auto* descriptor = reinterpret_cast<image::MapDescriptor*>(map);
  return reinterpret_cast<std::uint64_t>(
      descriptor->lookup(descriptor, reinterpret_cast<const void*>(key), ctx));
}

struct Callable {
  std::uint32_t number;
  image::HelperFn fn;
  std::string_view name;
  bool checked_as_helper;  // by the row of uapi/helpers.h
};
constexpr Callable callables[] = {
    {1, lookup, "lookup", true},
    {5, same, "same", false},
    {101, sum, "sum", false},
    {102, each, "each", false},
};

// Kernel variables by BTF id: `variable 7` holds 0x1122334455667788.
constexpr std::uint32_t variable_id = 7;
std::uint64_t variable = 0x1122334455667788;

// 4 GiB of addresses that begin at a multiple of 4 GiB, of which the first pages are there.
std::uint8_t* make_arena() {
  constexpr std::size_t window = std::size_t{1} << 32, pages = 16384;
  static std::uint8_t* const arena = [] {
    void* at = mmap(nullptr, 2 * window, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return static_cast<std::uint8_t*>(nullptr);
    auto address = (reinterpret_cast<std::uint64_t>(at) + window - 1) & ~(window - 1);
    auto* base = reinterpret_cast<std::uint8_t*>(address);
    return mprotect(base, pages, PROT_READ | PROT_WRITE) == 0 ? base : nullptr;
  }();
  if (arena) std::memset(arena, 0, pages);
  return arena;
}

// What a bare program runs in; outlives its Image.
struct Surroundings {
  std::shared_ptr<maps::Map> array, single;
  image::MapDescriptor arena;
  std::map<std::uint32_t, image::MapDescriptor*> maps;  // by the number that programs use
};

Result<void> surround(const Bare& test, Surroundings& around) {
  if (test.maps) {
    maps::Definition definition;
    definition.type = uapi::MapType::array;
    definition.key_size = 4;
    definition.value_size = 16;
    definition.max_entries = 4;
    definition.name = "array";
    around.array = TRY(maps::create(definition));
    definition.max_entries = 1;
    definition.name = "single";
    around.single = TRY(maps::create(definition));
    around.maps[1] = &around.array->descriptor();
    around.maps[2] = &around.single->descriptor();
    for (std::uint32_t i = 0; i < 4; i++) {
      std::uint64_t value[2] = {0x1000 + i, 0x2000 + i};
      around.array->update(&i, value, 0);
      if (i == 0) around.single->update(&i, value, 0);
    }
  }
  if (test.arena) {
    around.arena.type = uapi::MapType::arena;
    around.arena.base = make_arena();
    if (!around.arena.base) return fail(ENOMEM, "no 4 GiB of addresses for an arena");
    around.maps[9] = &around.arena;
  }
  return {};
}

struct Lowering {
  const Bare& test;
  Surroundings& around;
  std::vector<isa::Decoded> code{};
  std::vector<std::uint32_t> starts{};  // slots of functions

  Result<std::unique_ptr<image::Image>> run() {
    isa::AssembleOptions options;
    options.dialect = test.gnu ? isa::Dialect::gnu : isa::Dialect::kernel;
    options.file = test.name;
    auto insns = TRY(isa::assemble_insns(test.assembly, options));
    TRY(isa::validate(insns));
    code = TRY(isa::decode_all(insns));
    auto image = std::make_unique<image::Image>();
    image->name = "bare";
    image->type = test.packet ? uapi::ProgType::socket_filter : uapi::ProgType::unspec;
    for (const isa::Decoded& d : code) {
      image->slot_of.push_back(static_cast<isa::Slot>(image->inst_of.size()));
      image->inst_of.push_back(static_cast<std::uint32_t>(image->slot_of.size() - 1));
      if (d.slots == 2) image->inst_of.push_back(image::Image::no_inst);
    }
    find_functions(*image);
    for (const Callable& callable : callables) {
      auto target = std::make_unique<image::CallTarget>();
      target->fn = callable.fn;
      target->helper = callable.checked_as_helper ? uapi::find_helper(callable.number) : nullptr;
      target->name = callable.name;
      target->number = callable.number;
      image->calls.push_back(std::move(target));
    }
    for (const auto& [number, map] : around.maps) image->maps.push_back(map);
    for (std::size_t i = 0; i < code.size(); i++) {
      image::Inst inst = TRY(lower_one(*image, i));
      image->insts.push_back(inst);
    }
    for (std::uint32_t slot : test.table) image->indirect_targets.push_back(image->inst_of[slot]);
    std::sort(image->indirect_targets.begin(), image->indirect_targets.end());
    for (std::uint32_t slot : test.probes) {
      image::Inst& inst = image->insts[image->inst_of[slot]];
      image::set_access(inst, isa::row(inst.op).action, image::Access::probe);
    }
    return image;
  }

  std::uint32_t target_of(const image::Image& image, std::size_t i) const {
    std::int64_t from = image.slot_of[i];
    return static_cast<std::uint32_t>(isa::jumps(code[i].row()) ? from + code[i].slots + code[i].distance()
                                                                : from + 1 + code[i].imm_low());
  }
  void find_functions(image::Image& image) {
    starts.push_back(0);
    for (std::size_t i = 0; i < code.size(); i++) {
      Operation operation = code[i].row().operation;
      if (operation == Operation::call_local || operation == Operation::function)
        starts.push_back(target_of(image, i));
    }
    std::sort(starts.begin(), starts.end());
    starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
    for (std::size_t n = 0; n < starts.size(); n++) {
      std::uint32_t first = image.inst_of[starts[n]];
      std::size_t end = n + 1 < starts.size() ? image.inst_of[starts[n + 1]] : code.size();
      image.functions.push_back({fmt::format("f{}", n), first, static_cast<std::uint32_t>(end) - first});
    }
  }
  std::size_t function_at(std::uint32_t slot) const {
    return static_cast<std::size_t>(std::find(starts.begin(), starts.end(), slot) - starts.begin());
  }
  Result<image::Inst> lower_one(const image::Image& image, std::size_t i) {
    const isa::Decoded& d = code[i];
    const isa::Op& row = d.row();
    image::Inst inst;
    inst.op = d.op;
    inst.dst = d.dst;
    inst.src = d.src;
    inst.off = row.field == isa::Field::off ? row.field_value : d.off;
    inst.imm = static_cast<std::uint64_t>(d.imm);
    auto number = static_cast<std::uint32_t>(d.imm_low());
    if (isa::jumps(row)) {
      inst.off =
          static_cast<std::int32_t>(image.inst_of[target_of(image, i)]) - static_cast<std::int32_t>(i) - 1;
      if (isa::jumps_by_imm(row)) inst.imm = 0;
    }
    switch (row.operation) {
      case Operation::call_local: inst.imm = function_at(target_of(image, i)); break;
      case Operation::function:
        inst.imm = reinterpret_cast<std::uint64_t>(&image.functions[function_at(target_of(image, i))]);
        break;
      case Operation::call_helper:
      case Operation::call_kfunc:
        for (const auto& target : image.calls)
          if (target->number == number) {
            inst.imm = reinterpret_cast<std::uint64_t>(target.get());
            return inst;
          }
        return fail(EINVAL, "there is no function {}", number);
      case Operation::map_fd:
      case Operation::map_idx:
      case Operation::map_value:
      case Operation::map_idx_value: {
        auto found = around.maps.find(number);
        if (found == around.maps.end()) return fail(EINVAL, "there is no map {}", number);
        bool value = row.operation == Operation::map_value || row.operation == Operation::map_idx_value;
        inst.imm = value ? reinterpret_cast<std::uint64_t>(found->second->base) +
                               static_cast<std::uint32_t>(d.imm_high())
                         : reinterpret_cast<std::uint64_t>(found->second);
        break;
      }
      case Operation::btf_id:
        if (number != variable_id) return fail(EINVAL, "there is no variable {}", number);
        inst.imm = reinterpret_cast<std::uint64_t>(&variable);
        break;
      default: break;
    }
    return inst;
  }
};

image::Region region_of(const void* base, std::size_t size, const char* name) {
  image::Region region;
  region.base = reinterpret_cast<std::uint64_t>(base);
  region.size = size;
  region.writable = true;
  region.name = name;
  return region;
}

std::string judge_end(const Bare& test, bool done, std::uint64_t r0, const std::string& fault,
                      const std::vector<std::uint8_t>& memory, bool whole) {
  if (test.result == "fault") return done ? fmt::format("exited with r0 {:#x}, must fault", r0) : "";
  if (!done) return fault;
  std::uint64_t wanted = std::stoull(test.result, nullptr, 0);
  if (!whole) wanted &= 0xffff'ffff;
  if (r0 != wanted) return fmt::format("r0 is {:#x}, must be {:#x}", r0, wanted);
  if (test.has_after)
    for (std::size_t i = 0; i < test.after.size(); i++)
      if (i >= memory.size() || memory[i] != test.after[i])
        return fmt::format("byte {} of the memory is {:#x}, must be {:#x}", i, memory[i], test.after[i]);
  return {};
}

}  // namespace

Result<Bare> parse_bare(const std::string& path) {
  std::ifstream file(path);
  if (!file) return fail(ENOENT, "{} cannot be read", path);
  Bare test;
  test.name = path.substr(path.rfind('/') + 1);
  test.gnu = path.ends_with(".data");
  auto read_bytes = [](const std::string& line, std::vector<std::uint8_t>& into) {
    std::istringstream bytes(line.substr(0, line.find('#')));
    unsigned byte = 0;
    while (bytes >> std::hex >> byte) into.push_back(static_cast<std::uint8_t>(byte));
  };
  std::string line, section;
  while (std::getline(file, line)) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.starts_with("--")) {
      section = line.substr(line.find_first_not_of("- "));
      continue;
    }
    if (section == "asm") test.assembly += line + "\n";
    if (section == "result" && !line.empty()) test.result = line;
    if (section == "mem") read_bytes(line, test.memory);
    if (section == "after") {
      test.has_after = true;
      read_bytes(line, test.after);
    }
    if (section == "setting" && !line.empty()) {
      std::istringstream words(line);
      std::string word;
      words >> word;
      std::uint32_t slot = 0;
      if (word == "packet")
        test.packet = true;
      else if (word == "arena")
        test.arena = true;
      else if (word == "maps")
        test.maps = true;
      else if (word == "native")
        test.native = true;
      else if (word == "checked")
        test.checked_only = true;
      else if (word == "here")
        test.here = true;
      else if (word == "table")
        while (words >> slot) test.table.push_back(slot);
      else if (word == "probe")
        while (words >> slot) test.probes.push_back(slot);
      else
        return fail(EINVAL, "{}: there is no setting '{}'", test.name, word);
    }
  }
  if (test.assembly.empty() || test.result.empty())
    return fail(EINVAL, "{}: no program or no result", test.name);
  return test;
}

std::vector<isa::OpId> bare_rows(const Bare& test) {
  isa::AssembleOptions options;
  options.dialect = test.gnu ? isa::Dialect::gnu : isa::Dialect::kernel;
  std::vector<isa::OpId> rows;
  if (auto insns = isa::assemble_insns(test.assembly, options))
    if (auto code = isa::decode_all(*insns))
      for (const isa::Decoded& d : *code) rows.push_back(d.op);
  return rows;
}

std::string run_bare(const Bare& test, EngineKind kind) {
  Surroundings around;
  if (Result<void> made = surround(test, around); !made) return made.error().message;
  Lowering lowering{test, around};
  auto image = lowering.run();
  if (!image) return image.error().message;
  (*image)->trusted = kind != EngineKind::vm_checked;
  std::vector<std::uint8_t> memory = test.memory;
  std::vector<std::uint64_t> table;
  for (std::uint32_t slot : test.table)
    table.push_back(reinterpret_cast<std::uint64_t>(&(*image)->insts[(*image)->inst_of[slot]]));
  image::Regions regions;
  if (!memory.empty()) regions.add(region_of(memory.data(), memory.size(), "memory"));
  if (!table.empty()) regions.add(region_of(table.data(), table.size() * 8, "table"));
  if (test.arena) regions.add(region_of(around.arena.base, 16384, "arena"));
  regions.add(region_of(&variable, sizeof variable, "variable"));
  for (const auto& map : {around.array, around.single})
    if (map) {
      const image::Slab& slab = map->descriptor().values;
      image::Region region = region_of(slab.base, slab.count * slab.stride, "map");
      region.stride = slab.stride;
      region.cell = slab.size;
      regions.add(region);
    }
  RunContext ctx;
  ctx.regions = &regions;
  std::uint32_t md[48] = {};  // struct __sk_buff
  vm::Arguments arguments{reinterpret_cast<std::uint64_t>(memory.data()), memory.size(),
                          reinterpret_cast<std::uint64_t>(table.data()), 0, 0};
  if (test.packet) {
    md[0] = static_cast<std::uint32_t>(memory.size());
    ctx.context = md;
    ctx.context_size = sizeof md;
    ctx.packet.head = ctx.packet.data = memory.data();
    ctx.packet.data_end = ctx.packet.limit = memory.data() + memory.size();
    ctx.packet.mac_header = memory.data();
    ctx.packet.network_header = memory.data() + std::min<std::size_t>(14, memory.size());
    arguments[0] = reinterpret_cast<std::uint64_t>(md);
  }
  auto entry = reinterpret_cast<std::uint64_t>((*image)->functions.data());
  std::uint64_t r0 = 0;
  if (kind != EngineKind::jit) {
    static vm::Machine machine;
    bool done = machine.call(**image, ctx, entry, arguments, &r0);
    return judge_end(test, done, r0, done ? "" : machine.fault().message(), memory, true);
  }
#if SKEP_HAVE_JIT
  auto native = jit::compile(**image);
  if (!native) return native.error().message;
  (*image)->native = native->handle();
  ctx.regions = nullptr;
  static jit::Machine machine;
  bool done = machine.call(*native, ctx, entry, arguments, &r0);
  return judge_end(test, done, r0, done ? "" : machine.fault().message(), memory, true);
#else
  return "there is no compiler";
#endif
}

std::string run_bare_in_kernel(const Bare& test, uapi::Sys& sys, bool* accepted) {
  *accepted = false;
  isa::AssembleOptions options;
  options.dialect = test.gnu ? isa::Dialect::gnu : isa::Dialect::kernel;
  auto insns = isa::assemble_insns(test.assembly, options);
  if (!insns) return insns.error().message;
  // Memory is the value of a map of one element; the packet is the packet.
  uapi::Handle map;
  std::vector<isa::Insn> program;
  constexpr std::uint32_t ethernet = 14;
  if (!test.packet && !test.memory.empty()) {
    uapi::MapCreate create;
    create.type = uapi::MapType::array;
    create.name = "memory";
    create.key_size = 4;
    create.value_size = static_cast<std::uint32_t>(test.memory.size());
    create.max_entries = 1;
    auto made = uapi::map_create(sys, create);
    if (!made) return {};
    map = std::move(*made);
    std::uint32_t key = 0;
    if (uapi::map_update(sys, map.fd(), &key, test.memory.data())) return {};
    isa::Insn value;
    value.opcode = 0x18;
    value.set_dst(1);
    value.set_src(isa::pseudo::map_value);
    value.imm = map.fd();
    isa::Insn size;
    size.opcode = 0xb7;
    size.set_dst(2);
    size.imm = static_cast<std::int32_t>(test.memory.size());
    program = {value, isa::Insn{}, size};
  }
  program.insert(program.end(), insns->begin(), insns->end());
  uapi::ProgLoad load;
  load.type = test.packet ? uapi::ProgType::sched_cls : uapi::ProgType::xdp;
  load.name = "bare";
  load.insns = Bytes(reinterpret_cast<const std::uint8_t*>(program.data()), program.size() * 8);
  auto loaded = uapi::prog_load(sys, load);
  if (!loaded) return {};
  std::vector<std::uint8_t> packet(64), out(4096), memory = test.memory;
  if (test.packet) packet = test.memory;
  if (packet.size() < ethernet) return {};
  uapi::TestRun run;
  run.data_in = packet;
  run.data_out = out;
  if (uapi::test_run(sys, loaded->prog.fd(), run) != 0) return {};
  *accepted = true;
  std::uint32_t key = 0;
  if (map && uapi::map_lookup(sys, map.fd(), &key, memory.data())) return "the map cannot be read";
  return judge_end(test, true, run.retval, "", memory, false);
}

}  // namespace skep::oracle
