// From the attributes of BPF_PROG_LOAD to a verify::Model: descriptors become maps and types, records of
// bytes become lists. Facts: kernel/bpf/syscall.c (bpf_prog_load), include/uapi/linux/bpf.h.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "skep/base/bytes.h"
#include "skep/base/result.h"
#include "skep/runtime/user_memory.h"
#include "skep/uapi/attr.h"
#include "skep/uapi/history.h"
#include "skep/uapi/sys.h"
#include "skep/verify/model.h"

namespace skep::runtime {

// Types with the bytes that they view.
struct KeptBtf {
  Buffer bytes;
  std::unique_ptr<const btf::Btf> types;
  std::string module;  // name of the kernel module that they are of; empty: a program's
};

// A map as MAP_CREATE and the commands after it have defined it.
struct KeptMap {
  verify::MapModel model;  // btf views `btf`, contents view `contents`; inner is set by read_model()
  std::shared_ptr<const KeptBtf> btf;
  std::shared_ptr<const KeptMap> inner;  // template of a map-in-map's values
  Buffer contents;
};

// A loaded program, as freplace and fentry look at it.
struct KeptModel;

// What the descriptors of the loading task stand for. Null: no such thing behind that number.
class Descriptors {
 public:
  virtual ~Descriptors() = default;
  virtual std::shared_ptr<const KeptMap> map(int fd) = 0;
  virtual std::shared_ptr<const KeptBtf> btf(int fd) = 0;
  virtual std::shared_ptr<const KeptModel> program(int fd) = 0;
  // Element `index` of attr.fd_array, or -1 if it cannot be read.
  virtual int fd_array(std::int32_t index) = 0;
};

// The rest of what a verdict depends on.
struct Surroundings {
  verify::KernelTypes kernel_btf;
  uapi::KernelVersion version{6, 18, 0};
  verify::Privileges privileges;
  unsigned cpus = 1;
  bool error_injection = true;  // verify::Model says what it is
};

// BPF_PROG_LOAD's attributes, read from the caller's memory.
struct LoadRequest {
  static constexpr std::uint32_t insn_limit = 1'000'000;  // BPF_COMPLEXITY_LIMIT_INSNS

  std::string name;
  uapi::ProgType type = uapi::ProgType::unspec;
  uapi::AttachType attach_type{};
  std::uint32_t flags = 0;
  std::string license;
  std::uint32_t ifindex = 0;
  std::vector<isa::Insn> insns;
  int btf_fd = -1;  // -1: none
  std::vector<verify::FuncInfo> funcs;
  std::vector<verify::LineInfo> lines;
  btf::TypeId attach_btf_id = 0;
  int attach_fd = 0;  // attach_prog_fd or attach_btf_obj_fd; 0: none
};

// A Model and everything that it views.
struct KeptModel {
  LoadRequest request;  // its instructions name maps by index into model.maps
  verify::Model model;
  std::vector<std::shared_ptr<const KeptMap>> maps;  // in the order of model.maps
  std::vector<std::shared_ptr<const void>> kept;
};

// May code under this licence call GPL-only functions (license_is_gpl_compatible() of linux/license.h)?
bool is_gpl(std::string_view license);

// The model of a load, or what bpf(2) refuses before the verifier looks at the program: memory that cannot be
// read, privileges, limits, program and attach types that do not go together. The error carries the kernel's
// errno. A descriptor of no map becomes an index outside of model.maps, which verify() refuses where it
// stands. If the refusal's reason is that around.version lacks something, `missing` (where given) says what.
Result<std::shared_ptr<const KeptModel>> read_model(const uapi::ProgLoadAttr& attr, const UserMemory& memory,
                                                    const Surroundings& around, Descriptors& fds,
                                                    uapi::Missing* missing = nullptr);

// What BPF_MAP_CREATE refuses of the types of keys and values: EINVAL for ids that are none or sizes that
// differ from the map's. `types` is the BTF that btf_fd names. (A struct_ops map's value has no size of its
// own.)
Result<void> check_map_types(const uapi::MapCreateAttr& attr, const btf::Btf& types);

// func_info and line_info as they lie in memory: `count` records of `size` bytes. EINVAL for a size that is
// too small or no multiple of 4, E2BIG for values beyond what is known here.
Result<std::vector<verify::FuncInfo>> read_func_info(Bytes records, std::uint32_t size);
Result<std::vector<verify::LineInfo>> read_line_info(Bytes records, std::uint32_t size);

}  // namespace skep::runtime
