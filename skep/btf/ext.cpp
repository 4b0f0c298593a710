// BtfExt::parse: the three streams share one layout and differ in their records.
#include "skep/btf/ext.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "skep/base/endian.h"

namespace skep::btf {
namespace {

constexpr std::uint16_t magic = 0xeb9f;
constexpr std::uint32_t header_bytes = 24;       // without the CO-RE stream, as until Linux 5.4
constexpr std::uint32_t header_bytes_core = 32;  // with it

constexpr auto core_relo_names = std::to_array<std::string_view>({
    "field_byte_offset",
    "field_byte_size",
    "field_exists",
    "field_signed",
    "field_lshift_u64",
    "field_rshift_u64",
    "type_id_local",
    "type_id_target",
    "type_exists",
    "type_size",
    "enumval_exists",
    "enumval_value",
    "type_matches",
});
static_assert(core_relo_names.size() == static_cast<std::size_t>(CoreRelo::type_matches) + 1);

// Reads one record of each type; where it lies is known by the caller.
struct Fields {
  const Btf& btf;
  base::Reader& reader;

  Result<std::uint32_t> insn_off() {
    std::size_t at = reader.offset();
    std::uint32_t offset = TRY(reader.u32());
    if (offset % 8 != 0)
      return fail(EINVAL, "record at offset {}: instruction offset {} is not a multiple of 8", at, offset);
    return offset;
  }
  Result<std::uint32_t> string(std::string_view what) {
    std::size_t at = reader.offset();
    std::uint32_t offset = TRY(reader.u32());
    if (offset >= btf.string_end())
      return fail(EINVAL, "offset {}: {} is at string offset {}, but the strings end at {}", at, what, offset,
                  btf.string_end());
    return offset;
  }
  Result<TypeId> type() {
    std::size_t at = reader.offset();
    TypeId id = TRY(reader.u32());
    if (!btf.has(id))
      return fail(EINVAL, "offset {}: type is {}, but there are {} types", at, id, btf.type_count());
    return id;
  }
};

Result<FuncInfo> read_record(Fields fields, FuncInfo record) {
  record.insn_off = TRY(fields.insn_off());
  record.type_id = TRY(fields.type());
  return record;
}

Result<LineInfo> read_record(Fields fields, LineInfo record) {
  record.insn_off = TRY(fields.insn_off());
  record.file_name_off = TRY(fields.string("the file's name"));
  record.line_off = TRY(fields.string("the line's text"));
  record.line_col = TRY(fields.reader.u32());
  return record;
}

Result<CoreRelocation> read_record(Fields fields, CoreRelocation record) {
  record.insn_off = TRY(fields.insn_off());
  record.type_id = TRY(fields.type());
  record.access_str_off = TRY(fields.string("the access string"));
  std::size_t at = fields.reader.offset();
  std::uint32_t kind = TRY(fields.reader.u32());
  if (kind >= core_relo_names.size())
    return fail(EINVAL, "offset {}: CO-RE relocation kind is {}, must be 0 to {}", at, kind,
                core_relo_names.size() - 1);
  record.kind = static_cast<CoreRelo>(kind);
  return record;
}

// A stream: record size, then blocks {section name, count, records}.
template <class T>
Result<std::vector<ExtSection<T>>> read_stream(Bytes stream, const Btf& btf, std::endian order,
                                               std::string_view what, std::uint32_t known_bytes) {
  std::vector<ExtSection<T>> blocks;
  if (stream.empty()) return blocks;
  base::Reader reader(stream, what, order);
  Fields fields{btf, reader};
  std::uint32_t record_bytes = TRY(reader.u32());
  if (record_bytes < known_bytes || record_bytes % 4 != 0)
    return fail(EINVAL, "{}: records take {} bytes, must be a multiple of 4 of at least {}", what,
                record_bytes, known_bytes);
  while (reader.left() != 0) {
    std::size_t at = reader.offset();
    ExtSection<T> block;
    auto name = fields.string("the section's name");
    if (!name) return Failure(std::move(name).error().in(what));
    block.section = btf.string(*name);
    std::uint32_t count = TRY(reader.u32());
    if (count > reader.left() / record_bytes)
      return fail(EINVAL,
                  "{}: {} records of {} bytes for section '{}' at offset {} lie beyond its end ({} bytes)",
                  what, count, record_bytes, block.section, at, reader.size());
    block.records.reserve(count);
    for (std::uint32_t i = 0; i < count; i++) {
      std::size_t begin = reader.offset();
      auto record = read_record(fields, T{});
      if (!record) return Failure(std::move(record).error().in(what));
      block.records.push_back(*record);
      TRY(reader.seek(begin + record_bytes));
    }
    blocks.push_back(std::move(block));
  }
  return blocks;
}

}  // namespace

std::string_view core_relo_name(CoreRelo kind) { return core_relo_names[static_cast<std::size_t>(kind)]; }

Result<BtfExt> BtfExt::parse(Bytes data, const Btf& btf) {
  base::Reader reader(data, ".BTF.ext header");
  auto found = TRY(reader.u16());
  if (found != magic && found != std::byteswap(magic))
    return fail(EINVAL, ".BTF.ext: magic is {:#x}, must be {:#x}", found, magic);
  constexpr auto other = std::endian::native == std::endian::little ? std::endian::big : std::endian::little;
  std::endian order = found == magic ? std::endian::native : other;
  reader.set_order(order);
  auto version = TRY(reader.u8());
  if (version != 1) return fail(EOPNOTSUPP, ".BTF.ext: version is {}, must be 1", version);
  TRY(reader.skip(1));
  auto length = TRY(reader.u32());
  if (length < header_bytes || length > data.size())
    return fail(EINVAL, ".BTF.ext: header length is {}, must be {} to {}", length, header_bytes, data.size());

  std::array<Bytes, 3> streams;
  constexpr std::array<std::string_view, 3> names = {".BTF.ext func_info", ".BTF.ext line_info",
                                                     ".BTF.ext core_relo"};
  std::size_t count = length >= header_bytes_core ? 3 : 2;
  for (std::size_t i = 0; i < count; i++) {
    std::uint64_t offset = TRY(reader.u32());
    std::uint64_t size = TRY(reader.u32());
    if (size != 0) streams[i] = TRY(base::slice(data, length + offset, size, names[i]));
  }

  BtfExt ext;
  ext.funcs = TRY(read_stream<FuncInfo>(streams[0], btf, order, names[0], 8));
  ext.lines = TRY(read_stream<LineInfo>(streams[1], btf, order, names[1], 16));
  ext.relocations = TRY(read_stream<CoreRelocation>(streams[2], btf, order, names[2], 16));
  return ext;
}

}  // namespace skep::btf
