// Any bytes as a program. What is valid prints and assembles back to the same bytes in both dialects; all of
// it is loaded and run in the checked interpreter, where the worst that may happen is a fault. The first byte
// chooses the program type; descriptors 1000 to 1003 are maps of it.
#include "skep/base/check.h"
#include "skep/isa/assemble.h"
#include "skep/isa/print.h"
#include "skep/runtime/runtime.h"
#include "skep/uapi/calls.h"

using namespace skep;

namespace {

void round_trip(std::span<const isa::Insn> insns, isa::Dialect dialect) {
  std::string text;
  auto all = isa::decode_all(insns);
  for (const isa::Decoded& decoded : *all) {
    isa::print(text, decoded, {.dialect = dialect, .exact = true});
    text += '\n';
  }
  auto again = isa::assemble_insns(text, {.dialect = dialect});
  check(again && std::ranges::equal(*again, insns), "exact text assembles to the same bytes");
}

void run(Bytes bytes, uapi::ProgType type) {
  static auto runtime =
      runtime::Runtime::create({.possible_cpus = 2, .deterministic = true, .verify = false, .budget = 3000});
  check(runtime.has_value(), "a runtime");
  runtime::RuntimeSys sys(**runtime);
  uapi::Handle maps[4];
  constexpr uapi::MapCreate kinds[] = {
      {.type = uapi::MapType::array, .key_size = 4, .value_size = 16, .max_entries = 4},
      {.type = uapi::MapType::hash, .key_size = 8, .value_size = 8, .max_entries = 4},
      {.type = uapi::MapType::ringbuf, .max_entries = 4096},
      {.type = uapi::MapType::prog_array, .key_size = 4, .value_size = 4, .max_entries = 2}};
  for (int i = 0; i < 4; i++)
    if (auto made = uapi::map_create(sys, kinds[i])) maps[i] = std::move(*made);
  auto loaded = uapi::prog_load(sys, {.type = type, .insns = bytes});
  if (!loaded) return;
  std::uint32_t key = 0, fd = static_cast<std::uint32_t>(loaded->prog.fd());
  (void)uapi::map_update(sys, maps[3].fd(), &key, &fd);
  std::uint8_t packet[64] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45}, out[512];
  uapi::TestRun test{.data_in = packet, .data_out = out};
  (void)uapi::test_run(sys, loaded->prog.fd(), test);
  (void)uapi::map_delete(sys, maps[3].fd(), &key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr uapi::ProgType types[] = {uapi::ProgType::xdp, uapi::ProgType::sched_cls,
                                      uapi::ProgType::socket_filter};
  if (size < 1) return 0;
  Bytes bytes(data + 1, (size - 1) / 8 * 8);
  auto insns = isa::parse_insns(bytes);
  if (insns && isa::validate(*insns)) {
    round_trip(*insns, isa::Dialect::kernel);
    round_trip(*insns, isa::Dialect::gnu);
  }
  run(bytes, types[data[0] % std::size(types)]);
  return 0;
}
