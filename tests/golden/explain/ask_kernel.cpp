// ask_kernel OBJECT...: loads each program of the objects alone into the running kernel and prints one JSON
// object a line: object, program, verdict ("accepts", "rejects"), log, and error if the loader stopped. Exit
// code 77: this process may not load programs.
#include <fmt/core.h>

#include "skep/base/file.h"
#include "skep/base/json.h"
#include "skep/kernel/kernel.h"
#include "skep/object/load.h"
#include "skep/object/parse.h"
#include "skep/uapi/calls.h"

using namespace skep;

namespace {

bool may_load(kernel::Kernel& kernel) {
  uapi::MapCreate array{.type = uapi::MapType::array, .key_size = 4, .value_size = 4, .max_entries = 1};
  return uapi::map_create(kernel, array).has_value();
}

std::string ask(kernel::Kernel& kernel, const char* path, const object::ObjectSpec& spec,
                const object::ProgramSpec& program) {
  object::LoadReport report;
  object::LoadOptions load;
  load.programs = {program.name};
  load.report = &report;
  load.log_level = 1;
  Result<object::Object> loaded = object::load(kernel, spec, load);
  base::JsonWriter json;
  json.object();
  json.member("object", path);
  json.member("program", program.name);
  json.member("verdict", loaded ? "accepts" : "rejects");
  json.member("log", report.log);
  if (!loaded) json.member("error", loaded.error().message);
  json.end();
  return json.take();
}

}  // namespace

int main(int count, char** arguments) {
  constexpr int skipped = 77;
  kernel::Kernel kernel;
  if (!may_load(kernel)) return skipped;
  for (int i = 1; i < count; i++) {
    Diagnostics warnings;
    Result<Buffer> bytes = base::read_file(arguments[i]);
    Result<object::ObjectSpec> spec = fail(EINVAL, "not read");
    if (bytes) spec = object::parse(*bytes, {}, warnings);
    if (!bytes || !spec) {
      fmt::print(stderr, "{}: {}\n", arguments[i], bytes ? spec.error().message : bytes.error().message);
      return 1;
    }
    for (const object::ProgramSpec& program : spec->programs)
      fmt::print("{}\n", ask(kernel, arguments[i], *spec, program));
  }
  return 0;
}
