// The steps of load(), the object's BTF, and what an Object answers.
#include "skep/object/load.h"

#include <algorithm>

#include "skep/object/btf_for_load.h"
#include "skep/object/loader.h"

namespace skep::object {

Result<Object> load(uapi::Sys& sys, ObjectSpec spec, const LoadOptions& options) {
  return Loader(sys, std::move(spec), options).run();
}

Result<Object> Loader::run() {
  if (spec_.order != std::endian::native)
    return fail(ENOEXEC, "object '{}' is {}-endian and can be inspected here, but not loaded", spec_.name,
                spec_.order == std::endian::big ? "big" : "little");
  object_.name_ = spec_.name;
  object_.btf_ = spec_.btf;
  for (MapSpec& map : spec_.maps) object_.maps_.emplace_back().spec_ = std::move(map);
  for (ProgramSpec& program : spec_.programs) object_.programs_.emplace_back().spec_ = std::move(program);

  TRY(choose_programs());     // before anything is made: unknown names and sections cost nothing
  TRY(load_btf());            // maps and programs refer to it
  TRY(fill_kconfig());        // contents of a map
  TRY(prepare_struct_ops());  // contents of maps, and what programs are for
  TRY(create_maps());         // programs refer to maps
  TRY(fill_inner_maps());     // once all maps are there
  TRY(find_ksyms());
  for (Program& program : object_.programs_)
    if (wanted(program)) TRY(load_program(program));
  TRY(fill_program_slots());  // once all programs are there
  fill_struct_ops();
  return std::move(object_);
}

Result<void> Loader::choose_programs() {
  wanted_.assign(object_.programs_.size(), false);
  for (const std::string& name : options_.programs) {
    bool found = false;
    for (std::size_t i = 0; i < object_.programs_.size(); i++)
      if (object_.programs_[i].name() == name) wanted_[i] = found = true;
    if (!found) {
      std::string known;
      for (const Program& program : object_.programs_) known += (known.empty() ? "" : ", ") + program.name();
      return fail(ENOENT, "object '{}' has no program '{}' (it has: {})", spec_.name, name,
                  known.empty() ? "none" : known);
    }
  }
  for (std::size_t i = 0; i < object_.programs_.size(); i++) {
    const ProgramSpec& program = object_.programs_[i].spec();
    if (options_.programs.empty()) wanted_[i] = program.autoload;
    if (wanted_[i] && program.type == uapi::ProgType::unspec)
      return fail(EINVAL, "program '{}': section '{}' is not a known SEC() name", program.name,
                  program.section);
  }
  return {};
}

Result<void> Loader::load_btf() {
  if (!spec_.btf) return {};
  Buffer bytes = btf_for_load(*spec_.btf);
  std::string log;
  Result<uapi::Handle> handle = uapi::btf_load(sys_, {.btf = bytes}, &log);
  if (handle)
    object_.btf_handle_ = std::move(*handle);
  else
    note(fmt::format("loaded without BTF: {}", handle.error().message));
  return {};
}

Result<const btf::Btf*> Loader::target_btf() {
  if (options_.btf) return options_.btf;
  if (!target_tried_) {
    target_tried_ = true;
    Result<Buffer> bytes = sys_.kernel_btf("");
    if (!bytes) return Failure(std::move(bytes).error().in("kernel BTF"));
    target_bytes_ = std::move(*bytes);
    Result<btf::Btf> parsed = btf::Btf::parse(*target_bytes_);
    if (!parsed) return Failure(std::move(parsed).error().in("kernel BTF"));
    target_owned_.emplace(std::move(*parsed));
  }
  if (!target_owned_) return fail(ENOENT, "kernel BTF: there is none on this side ({})", sys_.side());
  return &*target_owned_;
}

const Map* Object::map(std::string_view name) const {
  for (const Map& map : maps_)
    if (map.name() == name) return &map;
  for (const Map& map : maps_)
    if (map.spec().is_internal() && map.spec().section == name) return &map;
  return nullptr;
}

const Program* Object::program(std::string_view name) const {
  for (const Program& program : programs_)
    if (program.name() == name) return &program;
  return nullptr;
}

}  // namespace skep::object
