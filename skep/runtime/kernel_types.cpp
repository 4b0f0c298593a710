// Reading the kernel's types, once.
#include "skep/runtime/kernel_types.h"

#include "skep/base/file.h"

namespace skep::runtime {

KernelTypesFile::KernelTypesFile(std::string path)
    : path_(path.empty() ? "/sys/kernel/btf/vmlinux" : std::move(path)) {}

const btf::Btf* KernelTypesFile::get() {
  if (const btf::Btf* types = known()) return types;
  std::lock_guard lock(mutex_);
  if (read_) return known();
  read_ = true;
  Result<Buffer> bytes = base::read_file(path_);
  if (!bytes) {
    problem_ = std::move(bytes.error().message);
    return nullptr;
  }
  kept_.bytes = std::move(*bytes);
  Result<btf::Btf> types = btf::Btf::parse(kept_.bytes);
  if (!types) {
    problem_ = fmt::format("{}: {}", path_, types.error().message);
    return nullptr;
  }
  kept_.types = std::make_unique<const btf::Btf>(std::move(*types));
  known_.store(kept_.types.get(), std::memory_order_release);
  return kept_.types.get();
}

std::string KernelTypesFile::problem() const {
  std::lock_guard lock(mutex_);
  return problem_;
}

}  // namespace skep::runtime
