// The kernel's types as a Runtime has them: a BTF file that is read when a verdict first needs it.
#pragma once

#include <atomic>
#include <mutex>
#include <string>

#include "skep/runtime/model.h"

namespace skep::runtime {

class KernelTypesFile final : public verify::LazyTypes {
 public:
  // `path`: what Options::kernel_btf says; empty: the running kernel's.
  explicit KernelTypesFile(std::string path);
  const btf::Btf* get() override;
  const btf::Btf* known() const override { return known_.load(std::memory_order_acquire); }
  const std::string& path() const { return path_; }
  // Why get() has nothing; empty before it was called, and when it has.
  std::string problem() const;

 private:
  std::string path_;
  mutable std::mutex mutex_;
  bool read_ = false;
  std::string problem_;
  KeptBtf kept_;
  std::atomic<const btf::Btf*> known_{nullptr};
};

}  // namespace skep::runtime
