// Any bytes as BTF, or as an object with .BTF and .BTF.ext; what parses is listed, sized and used to decode.
#include <algorithm>

#include "skep/btf/btf.h"
#include "skep/btf/ext.h"
#include "skep/btf/print.h"
#include "skep/btf/value.h"
#include "skep/elf/file.h"

using namespace skep;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes types(data, size), ext;
  auto file = elf::File::parse(types);
  if (file) {
    const elf::Section* section = file->find_section(".BTF");
    if (!section) return 0;
    types = section->bytes;
    if (const elf::Section* more = file->find_section(".BTF.ext")) ext = more->bytes;
  }
  auto btf = btf::Btf::parse(types);
  if (!btf) return 0;
  (void)btf::BtfExt::parse(ext, *btf);
  (void)btf::print_types(*btf);
  (void)btf::print_c(*btf);
  std::string text;
  for (btf::TypeId id = 0; id < btf->type_count(); id++) {
    (void)btf->size_of(id);
    (void)btf->align_of(id);
    (void)btf->find(btf->name(id));
    (void)btf::print_value(*btf, id, types.first(std::min<std::size_t>(types.size(), 256)), text);
  }
  return 0;
}
