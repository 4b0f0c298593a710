// load(): the arrow from an ObjectSpec to resources of a side. Creates the maps, fills in what the programs
// still need (maps, externs, CO-RE) and loads them, all through one Sys.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "skep/base/result.h"
#include "skep/btf/btf.h"
#include "skep/object/spec.h"
#include "skep/uapi/handle.h"
#include "skep/uapi/sys.h"

namespace skep::object {

// What load() found besides its result. Filled also when it fails.
struct LoadReport {
  std::vector<std::string> notes;  // what was worked around, one line each
  std::string program;             // the program that was refused; empty if none was
  std::string log;                 // the whole log of its verifier
};

// Called when a program is refused: turns the verifier's log into a better explanation, which replaces the
// log's last line in the error's message. An empty answer keeps it.
using Explain = std::string (*)(void* context, const ProgramSpec& program, std::string_view log, int code);

struct LoadOptions {
  std::vector<std::string> programs{};   // load just these; empty: all with autoload
  std::uint32_t log_level = 0;           // of BPF_PROG_LOAD; 0: a log only for what is refused
  std::uint32_t log_size = 0;            // bytes to begin with when log_level > 0; grows as needed
  const btf::Btf* btf = nullptr;         // the kernel's types; null: those of the Sys
  const btf::Btf* core_btf = nullptr;    // types that CO-RE adapts to; null: the kernel's
  std::string kconfig{};                 // "CONFIG_X=y" lines that count before the Sys's
  std::string pin_root = "/sys/fs/bpf";  // where maps with Pinning::by_name go
  Explain explain = nullptr;
  void* explain_context = nullptr;
  LoadReport* report = nullptr;
};

class Map {
 public:
  const std::string& name() const { return spec_.name; }
  // As it was created: sizes and flags adjusted to what the side took.
  const MapSpec& spec() const { return spec_; }
  int fd() const { return handle_.fd(); }  // -1: not created (autocreate is false)
  const uapi::Handle& handle() const { return handle_; }
  bool pinned_before() const { return reused_; }  // an existing pinned map was taken

 private:
  friend class Loader;
  MapSpec spec_;
  uapi::Handle handle_;
  bool reused_ = false;
};

class Program {
 public:
  const std::string& name() const { return spec_.name; }
  // As it was loaded: all relocations applied to its instructions.
  const ProgramSpec& spec() const { return spec_; }
  int fd() const { return handle_.fd(); }  // -1: not loaded
  const uapi::Handle& handle() const { return handle_; }
  const std::string& log() const { return log_; }  // empty unless log_level > 0

 private:
  friend class Loader;
  ProgramSpec spec_;
  uapi::Handle handle_;
  std::string log_;
};

// Owns the descriptors of a loaded object and closes them. Its Sys must outlive it.
class Object {
 public:
  const std::string& name() const { return name_; }
  // In the order of the spec, those that were not created or loaded too.
  const std::vector<Map>& maps() const { return maps_; }
  const std::vector<Program>& programs() const { return programs_; }
  // By name; null if absent. Internal maps answer to their section's name (".rodata") too.
  const Map* map(std::string_view name) const;
  const Program* program(std::string_view name) const;
  // The object's types; null if it has none. `btf_fd` is -1 if the side did not take them.
  const btf::Btf* btf() const { return btf_.get(); }
  int btf_fd() const { return btf_handle_.fd(); }

 private:
  friend class Loader;
  std::string name_;
  std::shared_ptr<const btf::Btf> btf_;
  uapi::Handle btf_handle_;
  std::vector<Map> maps_;
  std::vector<Program> programs_;
};

// Loads the object. On failure nothing stays behind but pins of maps that were made before. Errors name the
// map or program and carry the errno of the side; for a refused program the message ends with the last line
// of its log, and LoadReport has it all. ENOTSUP: something that this loader does not do, named. ENOEXEC: an
// object of the other byte order. ENOENT: an unknown program, extern, kfunc or CO-RE target.
Result<Object> load(uapi::Sys& sys, ObjectSpec spec, const LoadOptions& options = {});

}  // namespace skep::object
