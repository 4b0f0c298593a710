// VerifySys: a side that judges and runs nothing. It keeps what a loader defines (types, maps, their frozen
// contents), and answers BPF_PROG_LOAD with the verdict of verify::verify() on the program.
//
//   runtime::VerifySys sys({.kernel_btf = &vmlinux});
//   auto object = object::load(sys, spec);   // fails where the kernel of the model would refuse
//   const runtime::Judged& last = sys.judged().back();
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "skep/runtime/judged.h"

namespace skep::runtime {

struct VerifyOptions {
  Bytes kernel_btf_bytes{};  // what kernel_btf() hands out; may be empty
  Surroundings around{};     // around.kernel_btf: the same, parsed; null: no kernel types
  verify::Options verify{};  // log_level is the caller's (attr.log_level) unless `own_log_level`
  bool own_log_level = false;
  verify::Privileges map_privileges{};  // what counts for BPF_MAP_CREATE instead of around.privileges
  std::string kconfig{}, kallsyms{};    // texts that the Sys of this name hands out; empty: ENOENT
};

// Descriptors are numbers of its own, from 3 on. One thread at a time.
class VerifySys final : public uapi::Sys, private Descriptors {
 public:
  explicit VerifySys(VerifyOptions options);
  ~VerifySys() override;

  // Every load so far.
  const std::vector<Judged>& judged() const { return judged_; }

  // What around.version lacks, if that is why the last BPF_MAP_CREATE failed; else nothing.
  const uapi::Missing& missing() const { return missing_; }

  std::string_view side() const override { return "verifier"; }
  // BPF_BTF_LOAD, BPF_MAP_CREATE, BPF_MAP_UPDATE_ELEM, BPF_MAP_FREEZE, BPF_PROG_LOAD, BPF_OBJ_PIN (which
  // keeps nothing), BPF_OBJ_GET (ENOENT); the others: EINVAL. The log of a load is cut at its beginning to
  // fit and never turns an answer into ENOSPC.
  long bpf(uapi::Command command, void* attr, std::uint32_t size) override;
  long close(int fd) override;
  long dup(int fd) override;
  long read(int fd, MutableBytes into) override;
  // Memory that nobody looks at (globals of an arena).
  long map(int fd, std::uint64_t offset, std::size_t length, bool writable, void** at) override;
  long unmap(void* at, std::size_t length) override;
  long wait(std::span<uapi::WaitItem> items, int timeout_ms) override;
  Result<std::vector<uapi::BpffsEntry>> bpffs_list(const std::string& path) override;
  long bpffs_mkdir(const std::string& path) override;
  long bpffs_unlink(const std::string& path) override;
  Result<Buffer> kernel_btf(std::string_view module) override;
  Result<std::string> kallsyms() override;
  Result<std::string> kconfig() override;
  uapi::KernelVersion kernel_version() override { return options_.around.version; }
  std::uint32_t possible_cpus() override { return options_.around.cpus; }

 private:
  struct Open {
    std::shared_ptr<KeptMap> map;
    std::shared_ptr<const KeptBtf> btf;
    std::shared_ptr<const KeptModel> prog;
  };
  long give(Open open);
  std::shared_ptr<const KeptMap> map(int fd) override;
  std::shared_ptr<const KeptBtf> btf(int fd) override;
  std::shared_ptr<const KeptModel> program(int fd) override;
  int fd_array(std::int32_t index) override;

  long btf_load(const uapi::BtfLoadAttr& attr);
  long map_create(const uapi::MapCreateAttr& attr);
  long map_update(const uapi::MapElemAttr& attr);
  long prog_load(uapi::ProgLoadAttr& attr);

  VerifyOptions options_;
  std::map<int, Open> open_;
  std::vector<Judged> judged_;
  uapi::Missing missing_;
  std::uint64_t fd_array_ = 0;  // of the load in progress
};

}  // namespace skep::runtime
