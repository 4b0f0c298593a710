// Replays files through a fuzz target where libFuzzer is not linked in: each argument is a file or a folder.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "skep/base/file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

bool replay(const std::string& path) {
  auto bytes = skep::base::read_file(path);
  if (!bytes) {
    std::fprintf(stderr, "%s\n", bytes.error().message.c_str());
    return false;
  }
  LLVMFuzzerTestOneInput(bytes->data(), bytes->size());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t replayed = 0;
  for (int i = 1; i < argc; i++) {
    if (!std::filesystem::is_directory(argv[i])) {
      if (!replay(argv[i])) return 1;
      replayed++;
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      if (!replay(entry.path().string())) return 1;
      replayed++;
    }
  }
  std::printf("replayed %zu inputs\n", replayed);
  return replayed == 0;
}
