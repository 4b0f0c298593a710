// Any bytes as a program with a Model of its own: type, kernel, privileges, maps, types and functions come
// from the input as well: a header, rows of maps, functions and lines, BTF, instructions. The verdict is
// bounded in time and memory, and says why it refuses.
#include <cstring>

#include "skep/base/check.h"
#include "skep/btf/btf.h"
#include "skep/isa/decode.h"
#include "skep/uapi/prog_types.h"
#include "skep/verify/verify.h"

using namespace skep;

namespace {

constexpr std::uint64_t insn_limit = 3000, memory_limit = std::uint64_t{32} << 20;

struct Header {
  std::uint8_t type, kernel, privileges, flags, attach_type, options, maps, functions, lines, target, member,
      cpus;
  std::uint16_t btf_bytes, log_limit;
};
struct MapRow {
  std::uint8_t type, key_size, max_entries, flags;
  std::uint16_t value_size;
  std::uint8_t key_type, value_type;
  std::int8_t inner;
  std::uint8_t choices;
};
struct FunctionRow {
  std::uint16_t slot, type;
};
struct LineRow {
  std::uint16_t slot, line_off, line_col;
};
static_assert(sizeof(Header) == 16 && sizeof(MapRow) == 10 && sizeof(FunctionRow) == 4);

template <class Row>
bool take(Bytes& from, Row& row) {
  if (from.size() < sizeof row) return false;
  std::memcpy(&row, from.data(), sizeof row);
  from = from.subspan(sizeof row);
  return true;
}

verify::Options bounded(std::uint8_t choices, std::uint16_t log_limit) {
  verify::Options options;
  options.log_level = choices & 7;
  options.log_limit_bytes = log_limit;
  options.insn_limit = insn_limit;
  options.memory_limit_bytes = memory_limit;
  return options;
}

void check_verdict(const verify::Verdict& verdict, std::size_t slots, const verify::Options& options) {
  check(verdict.accepted == (verdict.code == 0), "a refusal has an errno");
  check(verdict.accepted == verdict.reason.empty(), "a refusal has a reason");
  check(!verdict.accepted || !verdict.unsupported, "what is not known is refused");
  check(verdict.accepted || verdict.insn == 0 || verdict.insn < slots, "a refusal lies in the program");
  check(verdict.stats.insns_processed <= insn_limit + 1, "instructions are bounded");
  check(verdict.stats.peak_memory_bytes <= memory_limit + (memory_limit >> 2), "states are bounded");
  check(verdict.log.size() <= options.log_limit_bytes, "the log is bounded");
}

void judge(Bytes data) {
  Header header;
  if (!take(data, header)) return;
  verify::Model model;
  constexpr std::uint16_t kernels[] = {uapi::since(5, 4),  uapi::since(5, 10), uapi::since(5, 15),
                                       uapi::since(6, 1),  uapi::since(6, 6),  uapi::since(6, 12),
                                       uapi::since(6, 18), uapi::since(7, 0)};
  model.kernel = kernels[header.kernel % std::size(kernels)];
  const unsigned may = header.privileges;
  model.privileges = {(may & 1) == 0, (may & 2) == 0, (may & 4) == 0, (may & 8) == 0};
  model.cpus = header.cpus;

  std::vector<MapRow> rows(header.maps % 8);
  for (MapRow& row : rows)
    if (!take(data, row)) return;
  std::vector<verify::FuncInfo> functions;
  for (unsigned i = 0; i < header.functions % 16; i++) {
    FunctionRow row;
    if (!take(data, row)) return;
    functions.push_back({row.slot, row.type});
  }
  std::vector<verify::LineInfo> lines;
  for (unsigned i = 0; i < header.lines % 16; i++) {
    LineRow row;
    if (!take(data, row)) return;
    lines.push_back({row.slot, 0, row.line_off, row.line_col});
  }
  const std::size_t btf_bytes = std::min<std::size_t>(header.btf_bytes, data.size());
  auto parsed = btf::Btf::parse(data.first(btf_bytes));
  const btf::Btf* types = parsed ? &*parsed : nullptr;
  data = data.subspan(btf_bytes);
  auto insns = isa::parse_insns(data.first(std::min<std::size_t>(data.size() / 8, 2000) * 8));
  if (!insns) return;

  const std::vector<std::uint8_t> contents(65536, 3);
  for (const MapRow& row : rows) {
    verify::MapModel map;
    map.name = "m";
    map.type = static_cast<uapi::MapType>(row.type % 40);
    map.key_size = row.key_size;
    map.value_size = row.value_size;
    map.max_entries = row.max_entries;
    map.flags = static_cast<std::uint32_t>(row.flags) << 3;
    if ((row.choices & 1) == 0) map.btf = types;
    map.key_type = row.key_type;
    map.value_type = row.value_type;
    map.inner = row.inner >= 0 && static_cast<std::size_t>(row.inner) < rows.size() ? row.inner : -1;
    map.frozen = (row.choices & 2) != 0;
    if (map.frozen) map.contents = Bytes(contents).first(row.value_size);
    map.struct_ops_type = row.value_type;
    model.maps.push_back(map);
  }
  if ((header.options & 8) == 0) model.kernel_btf = types;
  if ((header.options & 16) != 0) model.modules.push_back({"module", types});
  verify::ProgModel& prog = model.prog;
  prog.name = "fuzz";
  prog.type = static_cast<uapi::ProgType>(header.type % 34);
  prog.attach_type =
      uapi::fixed_attach_type(prog.type, static_cast<uapi::AttachType>(header.attach_type % 64));
  prog.flags = header.flags;
  prog.gpl = (header.options & 32) == 0;
  prog.dev_bound = (header.options & 64) != 0;
  prog.insns = *insns;
  if ((header.options & 128) == 0) prog.btf = types;
  prog.funcs = functions;
  prog.lines = lines;
  verify::ProgModel other;  // freplace and tracing of programs
  other.name = "target";
  other.type = static_cast<uapi::ProgType>(header.member % 34);
  other.btf = types;
  other.insns = *insns;
  other.funcs = functions;
  prog.target.btf = types;
  prog.target.id = header.target;
  prog.target.member = header.member;
  if ((may & 16) != 0) prog.target.prog = &other;

  const verify::Options options = bounded(header.options, header.log_limit);
  check_verdict(verify::verify(model, options), insns->size(), options);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  judge(Bytes(data, size));
  return 0;
}
