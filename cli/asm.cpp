// skep asm: source to an object.
#include <fmt/core.h>

#include <optional>
#include <string>

#include "cli/commands.h"
#include "cli/disasm.h"
#include "cli/text.h"
#include "skep/base/file.h"
#include "skep/object/assembled.h"
#include "skep/uapi/helpers.h"

namespace skep::cli {

namespace {

std::optional<std::uint32_t> helper_id(std::string_view name) {
  if (!name.starts_with("bpf_")) return std::nullopt;
  const uapi::Helper* helper = uapi::find_helper(name.substr(4));
  return helper ? std::optional(helper->id) : std::nullopt;
}

Result<void> assemble(const Arguments& arguments) {
  const std::string& path = arguments.positional[0];
  const std::string* output = arguments.find("output");
  isa::Dialect dialect = TRY(find_dialect(arguments));
  isa::AssembleOptions options{.dialect = dialect,
                               .file = path == "-" ? "<stdin>" : path,
                               .order = arguments.has("big-endian") ? std::endian::big : std::endian::little,
                               .helper_id = helper_id};
  Buffer text = TRY(base::read_file(path == "-" ? "/dev/stdin" : path));
  Diagnostics diagnostics;
  auto assembly = isa::assemble(base::as_text(text), options, diagnostics);
  say(stderr, "{}", printable(diagnostics.print()));
  if (!assembly) return Failure(std::move(assembly).error());
  Buffer object = TRY(elf::write(object::new_file(std::move(*assembly), options.order)));
  if (*output != "-") return base::write_file(*output, object);
  std::fwrite(object.data(), 1, object.size(), stdout);  // main looks at what went wrong
  return {};
}

}  // namespace

Result<isa::Dialect> find_dialect(const Arguments& arguments) {
  const std::string* name = arguments.find("dialect");
  if (!name || *name == "kernel") return isa::Dialect::kernel;
  if (*name == "gnu") return isa::Dialect::gnu;
  return fail(EINVAL, "--dialect is '{}', must be kernel or gnu", *name);
}

int run_asm(const Arguments& arguments) {
  if (!arguments.has("output")) {
    report({EINVAL, "'skep asm' needs -o OBJECT"});
    return Exit::usage;
  }
  if (auto dialect = find_dialect(arguments); !dialect) {
    report(dialect.error());
    return Exit::usage;
  }
  auto done = assemble(arguments);
  return done ? Exit::ok : report(done.error());
}

}  // namespace skep::cli
