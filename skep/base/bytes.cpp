// Slices and C strings inside foreign bytes.
#include "skep/base/bytes.h"

namespace skep::base {

Result<Bytes> slice(Bytes bytes, std::uint64_t offset, std::uint64_t count, std::string_view what) {
  if (offset > bytes.size() || count > bytes.size() - offset)
    return fail(EINVAL, "{}: {} bytes at offset {} lie outside the {} bytes there are", what, count, offset,
                bytes.size());
  return bytes.subspan(offset, count);
}

Result<std::string_view> c_string(Bytes bytes, std::uint64_t offset, std::string_view what) {
  if (offset >= bytes.size())
    return fail(EINVAL, "{}: string at offset {} lies outside the {} bytes there are", what, offset,
                bytes.size());
  std::string_view rest = as_text(bytes.subspan(offset));
  std::size_t end = rest.find('\0');
  if (end == rest.npos) return fail(EINVAL, "{}: string at offset {} never ends", what, offset);
  return rest.substr(0, end);
}

}  // namespace skep::base
