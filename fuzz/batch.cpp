// Any text as a batch of map updates.
#include "cli/batch.h"
#include "skep/base/check.h"

using namespace skep;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Diagnostics diagnostics;
  auto updates = cli::parse_batch({reinterpret_cast<const char*>(data), size}, "fuzz", diagnostics);
  for (const cli::MapUpdate& update : updates)
    check(!update.map.empty() && !update.key.empty() && !update.value.empty() && update.line > 0,
          "an update is whole");
  (void)diagnostics.print();
  return 0;
}
