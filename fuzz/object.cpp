// Any bytes as an object file: parsed, printed, and loaded into a runtime with its own types as the types of
// the kernel.
#include "skep/base/check.h"
#include "skep/object/load.h"
#include "skep/object/parse.h"
#include "skep/object/print.h"
#include "skep/runtime/runtime.h"

using namespace skep;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto runtime =
      runtime::Runtime::create({.possible_cpus = 2, .deterministic = true, .kernel_btf = "/dev/null"});
  check(runtime.has_value(), "a runtime");
  Diagnostics warnings;
  auto spec = object::parse(Bytes(data, size), {.name = "fuzz"}, warnings);
  (void)warnings.print();
  if (!spec) return 0;
  (void)object::print(*spec);
  for (object::MapSpec& map : spec->maps) map.pinning = object::Pinning::none;  // each input begins anew
  runtime::RuntimeSys sys(**runtime);
  std::shared_ptr<const btf::Btf> types = spec->btf;
  (void)object::load(sys, std::move(*spec), {.btf = types.get()});
  return 0;
}
