// Inside of load(): its steps. The state that they share is the class; each step is in the file that its
// comment names.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "skep/object/load.h"
#include "skep/uapi/calls.h"

namespace skep::object {

class Loader {
 public:
  Loader(uapi::Sys& sys, ObjectSpec spec, const LoadOptions& options)
      : sys_(sys), spec_(std::move(spec)), options_(options) {}

  Result<Object> run();

 private:
  // load.cpp
  Result<void> choose_programs();
  Result<void> load_btf();
  Result<const btf::Btf*> target_btf();
  void note(std::string text) {
    if (options_.report) options_.report->notes.push_back(std::move(text));
  }

  // load_externs.cpp
  Result<void> fill_kconfig();
  Result<void> find_ksyms();

  // load_maps.cpp
  Result<void> create_maps();
  Result<uapi::Handle> create_map(MapSpec& map, int inner_fd, bool inner);
  Result<uapi::Handle> reuse_pinned(const MapSpec& map, const std::string& path);
  Result<void> pin_map(const Map& map, const std::string& path);
  Result<void> fill_map(Map& map);
  Result<void> fill_inner_maps();
  Result<void> fill_program_slots();

  // load_struct_ops.cpp
  Result<void> prepare_struct_ops();
  Result<void> lay_out_struct_ops(Map& map);
  void fill_struct_ops();

  // load_programs.cpp
  Result<void> load_program(Program& program);
  Result<void> relocate(ProgramSpec& program);
  Result<std::uint32_t> attach_target(const ProgramSpec& program);
  bool wanted(const Program& program) const {
    return wanted_[static_cast<std::size_t>(&program - object_.programs_.data())];
  }

  // What an extern became.
  struct Resolved {
    std::uint64_t address = 0;  // ksym_typeless
    std::uint32_t btf_id = 0;   // typed ksym, kfunc: in the target's BTF
    bool found = false;
  };

  // The member of a struct of operations that a program is for; struct_id 0: none.
  struct StructOpsHook {
    btf::TypeId struct_id = 0;  // in the target's BTF
    std::uint32_t member = 0;
  };
  // A struct_ops map: the type of its value in the target's BTF, and where programs go (key: byte offset).
  struct StructOps {
    std::uint32_t map = 0;
    btf::TypeId value_id = 0;
    std::vector<InitialSlot> slots;
  };

  uapi::Sys& sys_;
  ObjectSpec spec_;  // programs and maps move into object_
  const LoadOptions& options_;
  Object object_;
  std::vector<bool> wanted_;  // per program
  std::vector<Resolved> externs_;
  std::vector<StructOpsHook> hooks_;  // per program
  std::vector<StructOps> struct_ops_;
  // The target's types, once something asked for them.
  bool target_tried_ = false;
  std::optional<Buffer> target_bytes_;
  std::optional<btf::Btf> target_owned_;
};

}  // namespace skep::object
