// The commands' rows. Offsets come from the structs of attr.h, whose layout the tests hold against kernel
// BTF.
#include "skep/uapi/commands.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

#include "skep/uapi/attr.h"
#include "skep/uapi/rows.h"

namespace skep::uapi {
namespace {

using C = Command;
using K = FieldKind;

#define FIELD(type, member, name, kind) \
  AttrField { name, offsetof(type, member), sizeof(type::member), K::kind }
#define PLAIN(type, member, kind) FIELD(type, member, #member, kind)
#define WITHIN(prefix, type, member, kind) FIELD(type, member, prefix "." #member, kind)

constexpr AttrField map_create[] = {
    PLAIN(MapCreateAttr, map_type, in),
    PLAIN(MapCreateAttr, key_size, in),
    PLAIN(MapCreateAttr, value_size, in),
    PLAIN(MapCreateAttr, max_entries, in),
    PLAIN(MapCreateAttr, map_flags, in),
    PLAIN(MapCreateAttr, inner_map_fd, fd),
    PLAIN(MapCreateAttr, numa_node, in),
    PLAIN(MapCreateAttr, map_name, text),
    PLAIN(MapCreateAttr, map_ifindex, in),
    PLAIN(MapCreateAttr, btf_fd, fd),
    PLAIN(MapCreateAttr, btf_key_type_id, in),
    PLAIN(MapCreateAttr, btf_value_type_id, in),
    PLAIN(MapCreateAttr, btf_vmlinux_value_type_id, in),
    PLAIN(MapCreateAttr, map_extra, in),
    PLAIN(MapCreateAttr, value_type_btf_obj_fd, fd),
    PLAIN(MapCreateAttr, map_token_fd, fd),
    PLAIN(MapCreateAttr, excl_prog_hash, in_ptr),
    PLAIN(MapCreateAttr, excl_prog_hash_size, in),
};
constexpr AttrField map_lookup[] = {
    PLAIN(MapElemAttr, map_fd, fd),
    PLAIN(MapElemAttr, key, in_ptr),
    PLAIN(MapElemAttr, value, in_out_ptr),  // a bloom filter reads the value
    PLAIN(MapElemAttr, flags, in),
};
constexpr AttrField map_update[] = {
    PLAIN(MapElemAttr, map_fd, fd),
    PLAIN(MapElemAttr, key, in_ptr),
    PLAIN(MapElemAttr, value, in_ptr),
    PLAIN(MapElemAttr, flags, in),
};
constexpr AttrField map_delete[] = {
    PLAIN(MapElemAttr, map_fd, fd),
    PLAIN(MapElemAttr, key, in_ptr),
};
constexpr AttrField map_next_key[] = {
    PLAIN(MapElemAttr, map_fd, fd),
    PLAIN(MapElemAttr, key, in_ptr),
    FIELD(MapElemAttr, value, "next_key", out_ptr),
};
constexpr AttrField map_lookup_and_delete[] = {
    PLAIN(MapElemAttr, map_fd, fd),
    PLAIN(MapElemAttr, key, in_ptr),
    PLAIN(MapElemAttr, value, out_ptr),
    PLAIN(MapElemAttr, flags, in),
};
constexpr AttrField map_fd[] = {PLAIN(MapElemAttr, map_fd, fd)};
constexpr AttrField batch_read[] = {
    WITHIN("batch", MapBatchAttr, in_batch, in_ptr), WITHIN("batch", MapBatchAttr, out_batch, out_ptr),
    WITHIN("batch", MapBatchAttr, keys, out_ptr),    WITHIN("batch", MapBatchAttr, values, out_ptr),
    WITHIN("batch", MapBatchAttr, count, in_out),    WITHIN("batch", MapBatchAttr, map_fd, fd),
    WITHIN("batch", MapBatchAttr, elem_flags, in),   WITHIN("batch", MapBatchAttr, flags, in),
};
constexpr AttrField batch_write[] = {
    WITHIN("batch", MapBatchAttr, keys, in_ptr),   WITHIN("batch", MapBatchAttr, values, in_ptr),
    WITHIN("batch", MapBatchAttr, count, in_out),  WITHIN("batch", MapBatchAttr, map_fd, fd),
    WITHIN("batch", MapBatchAttr, elem_flags, in), WITHIN("batch", MapBatchAttr, flags, in),
};
constexpr AttrField prog_load[] = {
    PLAIN(ProgLoadAttr, prog_type, in),          PLAIN(ProgLoadAttr, insn_cnt, in),
    PLAIN(ProgLoadAttr, insns, in_ptr),          PLAIN(ProgLoadAttr, license, in_ptr),
    PLAIN(ProgLoadAttr, log_level, in),          PLAIN(ProgLoadAttr, log_size, in),
    PLAIN(ProgLoadAttr, log_buf, out_ptr),       PLAIN(ProgLoadAttr, kern_version, in),
    PLAIN(ProgLoadAttr, prog_flags, in),         PLAIN(ProgLoadAttr, prog_name, text),
    PLAIN(ProgLoadAttr, prog_ifindex, in),       PLAIN(ProgLoadAttr, expected_attach_type, in),
    PLAIN(ProgLoadAttr, prog_btf_fd, fd),        PLAIN(ProgLoadAttr, func_info_rec_size, in),
    PLAIN(ProgLoadAttr, func_info, in_ptr),      PLAIN(ProgLoadAttr, func_info_cnt, in),
    PLAIN(ProgLoadAttr, line_info_rec_size, in), PLAIN(ProgLoadAttr, line_info, in_ptr),
    PLAIN(ProgLoadAttr, line_info_cnt, in),      PLAIN(ProgLoadAttr, attach_btf_id, in),
    PLAIN(ProgLoadAttr, attach_prog_fd, fd),     PLAIN(ProgLoadAttr, core_relo_cnt, in),
    PLAIN(ProgLoadAttr, fd_array, in_ptr),       PLAIN(ProgLoadAttr, core_relos, in_ptr),
    PLAIN(ProgLoadAttr, core_relo_rec_size, in), PLAIN(ProgLoadAttr, log_true_size, out),
    PLAIN(ProgLoadAttr, prog_token_fd, fd),      PLAIN(ProgLoadAttr, fd_array_cnt, in),
    PLAIN(ProgLoadAttr, signature, in_ptr),      PLAIN(ProgLoadAttr, signature_size, in),
    PLAIN(ProgLoadAttr, keyring_id, in),
};
constexpr AttrField obj[] = {
    PLAIN(ObjAttr, pathname, in_ptr),
    PLAIN(ObjAttr, bpf_fd, fd),
    PLAIN(ObjAttr, file_flags, in),
    PLAIN(ObjAttr, path_fd, fd),
};
constexpr AttrField prog_attach[] = {
    PLAIN(ProgAttachAttr, target_fd, fd),         PLAIN(ProgAttachAttr, attach_bpf_fd, fd),
    PLAIN(ProgAttachAttr, attach_type, in),       PLAIN(ProgAttachAttr, attach_flags, in),
    PLAIN(ProgAttachAttr, replace_bpf_fd, fd),    PLAIN(ProgAttachAttr, relative_fd, fd),
    PLAIN(ProgAttachAttr, expected_revision, in),
};
constexpr AttrField test_run[] = {
    WITHIN("test", ProgTestRunAttr, prog_fd, fd),      WITHIN("test", ProgTestRunAttr, retval, out),
    WITHIN("test", ProgTestRunAttr, data_size_in, in), WITHIN("test", ProgTestRunAttr, data_size_out, in_out),
    WITHIN("test", ProgTestRunAttr, data_in, in_ptr),  WITHIN("test", ProgTestRunAttr, data_out, out_ptr),
    WITHIN("test", ProgTestRunAttr, repeat, in),       WITHIN("test", ProgTestRunAttr, duration, out),
    WITHIN("test", ProgTestRunAttr, ctx_size_in, in),  WITHIN("test", ProgTestRunAttr, ctx_size_out, in_out),
    WITHIN("test", ProgTestRunAttr, ctx_in, in_ptr),   WITHIN("test", ProgTestRunAttr, ctx_out, out_ptr),
    WITHIN("test", ProgTestRunAttr, flags, in),        WITHIN("test", ProgTestRunAttr, cpu, in),
    WITHIN("test", ProgTestRunAttr, batch_size, in),
};
constexpr AttrField next_id[] = {
    FIELD(IdAttr, id, "start_id", in),
    PLAIN(IdAttr, next_id, out),
};
constexpr AttrField prog_by_id[] = {FIELD(IdAttr, id, "prog_id", in)};
constexpr AttrField map_by_id[] = {
    FIELD(IdAttr, id, "map_id", in),
    PLAIN(IdAttr, open_flags, in),
};
constexpr AttrField btf_by_id[] = {
    FIELD(IdAttr, id, "btf_id", in),
    PLAIN(IdAttr, open_flags, in),
    PLAIN(IdAttr, fd_by_id_token_fd, fd),
};
constexpr AttrField link_by_id[] = {FIELD(IdAttr, id, "link_id", in)};
constexpr AttrField info[] = {
    WITHIN("info", InfoAttr, bpf_fd, fd),
    WITHIN("info", InfoAttr, info_len, in_out),
    WITHIN("info", InfoAttr, info, in_out_ptr),
};
constexpr AttrField prog_query[] = {
    WITHIN("query", ProgQueryAttr, target_fd, fd),
    WITHIN("query", ProgQueryAttr, attach_type, in),
    WITHIN("query", ProgQueryAttr, query_flags, in),
    WITHIN("query", ProgQueryAttr, attach_flags, out),
    WITHIN("query", ProgQueryAttr, prog_ids, out_ptr),
    WITHIN("query", ProgQueryAttr, count, in_out),
    WITHIN("query", ProgQueryAttr, prog_attach_flags, out_ptr),
    WITHIN("query", ProgQueryAttr, link_ids, out_ptr),
    WITHIN("query", ProgQueryAttr, link_attach_flags, out_ptr),
    WITHIN("query", ProgQueryAttr, revision, out),
};
constexpr AttrField raw_tracepoint[] = {
    WITHIN("raw_tracepoint", RawTracepointAttr, name, in_ptr),
    WITHIN("raw_tracepoint", RawTracepointAttr, prog_fd, fd),
    WITHIN("raw_tracepoint", RawTracepointAttr, cookie, in),
};
constexpr AttrField btf_load[] = {
    PLAIN(BtfLoadAttr, btf, in_ptr),       PLAIN(BtfLoadAttr, btf_log_buf, out_ptr),
    PLAIN(BtfLoadAttr, btf_size, in),      PLAIN(BtfLoadAttr, btf_log_size, in),
    PLAIN(BtfLoadAttr, btf_log_level, in), PLAIN(BtfLoadAttr, btf_log_true_size, out),
    PLAIN(BtfLoadAttr, btf_flags, in),     PLAIN(BtfLoadAttr, btf_token_fd, fd),
};
constexpr AttrField task_fd_query[] = {
    WITHIN("task_fd_query", TaskFdQueryAttr, pid, in),
    WITHIN("task_fd_query", TaskFdQueryAttr, fd, in),
    WITHIN("task_fd_query", TaskFdQueryAttr, flags, in),
    WITHIN("task_fd_query", TaskFdQueryAttr, buf_len, in_out),
    WITHIN("task_fd_query", TaskFdQueryAttr, buf, out_ptr),
    WITHIN("task_fd_query", TaskFdQueryAttr, prog_id, out),
    WITHIN("task_fd_query", TaskFdQueryAttr, fd_type, out),
    WITHIN("task_fd_query", TaskFdQueryAttr, probe_offset, out),
    WITHIN("task_fd_query", TaskFdQueryAttr, probe_addr, out),
};
constexpr AttrField link_create[] = {
    WITHIN("link_create", LinkCreateAttr, prog_fd, fd),
    WITHIN("link_create", LinkCreateAttr, target_fd, fd),
    WITHIN("link_create", LinkCreateAttr, attach_type, in),
    WITHIN("link_create", LinkCreateAttr, flags, in),
    WITHIN("link_create", LinkCreateAttr, target_btf_id, in),
    FIELD(LinkCreateAttr, iter.info, "link_create.iter_info", in_ptr),
    FIELD(LinkCreateAttr, iter.info_len, "link_create.iter_info_len", in),
    WITHIN("link_create", LinkCreateAttr, perf_event.bpf_cookie, in),
    WITHIN("link_create", LinkCreateAttr, kprobe_multi.flags, in),
    WITHIN("link_create", LinkCreateAttr, kprobe_multi.cnt, in),
    WITHIN("link_create", LinkCreateAttr, kprobe_multi.syms, in_ptr),
    WITHIN("link_create", LinkCreateAttr, kprobe_multi.addrs, in_ptr),
    WITHIN("link_create", LinkCreateAttr, kprobe_multi.cookies, in_ptr),
    WITHIN("link_create", LinkCreateAttr, tracing.target_btf_id, in),
    WITHIN("link_create", LinkCreateAttr, tracing.cookie, in),
    WITHIN("link_create", LinkCreateAttr, netfilter.pf, in),
    WITHIN("link_create", LinkCreateAttr, netfilter.hooknum, in),
    WITHIN("link_create", LinkCreateAttr, netfilter.priority, in),
    WITHIN("link_create", LinkCreateAttr, netfilter.flags, in),
    FIELD(LinkCreateAttr, anchored.relative_fd, "link_create.tcx.relative_fd", fd),
    FIELD(LinkCreateAttr, anchored.expected_revision, "link_create.tcx.expected_revision", in),
    WITHIN("link_create", LinkCreateAttr, uprobe_multi.path, in_ptr),
    WITHIN("link_create", LinkCreateAttr, uprobe_multi.offsets, in_ptr),
    WITHIN("link_create", LinkCreateAttr, uprobe_multi.ref_ctr_offsets, in_ptr),
    WITHIN("link_create", LinkCreateAttr, uprobe_multi.cookies, in_ptr),
    WITHIN("link_create", LinkCreateAttr, uprobe_multi.cnt, in),
    WITHIN("link_create", LinkCreateAttr, uprobe_multi.flags, in),
    WITHIN("link_create", LinkCreateAttr, uprobe_multi.pid, in),
};
constexpr AttrField link_update[] = {
    WITHIN("link_update", LinkUpdateAttr, link_fd, fd),
    WITHIN("link_update", LinkUpdateAttr, new_prog_fd, fd),
    WITHIN("link_update", LinkUpdateAttr, flags, in),
    WITHIN("link_update", LinkUpdateAttr, old_prog_fd, fd),
};
constexpr AttrField link_detach[] = {WITHIN("link_detach", LinkDetachAttr, link_fd, fd)};
constexpr AttrField enable_stats[] = {WITHIN("enable_stats", EnableStatsAttr, type, in)};
constexpr AttrField iter_create[] = {
    WITHIN("iter_create", IterCreateAttr, link_fd, fd),
    WITHIN("iter_create", IterCreateAttr, flags, in),
};
constexpr AttrField bind_map[] = {
    WITHIN("prog_bind_map", ProgBindMapAttr, prog_fd, fd),
    WITHIN("prog_bind_map", ProgBindMapAttr, map_fd, fd),
    WITHIN("prog_bind_map", ProgBindMapAttr, flags, in),
};
constexpr AttrField token_create[] = {
    WITHIN("token_create", TokenCreateAttr, flags, in),
    WITHIN("token_create", TokenCreateAttr, bpffs_fd, fd),
};
constexpr AttrField stream_read[] = {
    WITHIN("prog_stream_read", ProgStreamReadAttr, stream_buf, out_ptr),
    WITHIN("prog_stream_read", ProgStreamReadAttr, stream_buf_len, in),
    WITHIN("prog_stream_read", ProgStreamReadAttr, stream_id, in),
    WITHIN("prog_stream_read", ProgStreamReadAttr, prog_fd, fd),
};
// flags exists but must be 0, so the kernel counts it as behind the last member.
constexpr AttrField assoc_struct_ops[] = {
    WITHIN("prog_assoc_struct_ops", ProgAssocStructOpsAttr, map_fd, fd),
    WITHIN("prog_assoc_struct_ops", ProgAssocStructOpsAttr, prog_fd, fd),
};

#undef WITHIN
#undef PLAIN
#undef FIELD

constexpr CommandRow row(C command, std::string_view kernel_name, std::string_view name,
                         std::span<const AttrField> fields, std::uint16_t first, std::string_view evidence) {
  std::uint16_t end = 0;
  for (const AttrField& field : fields)
    end = std::max(end, static_cast<std::uint16_t>(field.offset + field.size));
  return {command, kernel_name, name, fields, end, first, evidence};
}

constexpr std::array rows = std::to_array<CommandRow>({
    row(C::map_create, "BPF_MAP_CREATE", "map_create", map_create, since(3, 18), seen_6_1),
    row(C::map_lookup_elem, "BPF_MAP_LOOKUP_ELEM", "map_lookup_elem", map_lookup, since(3, 18), seen_6_1),
    row(C::map_update_elem, "BPF_MAP_UPDATE_ELEM", "map_update_elem", map_update, since(3, 18), seen_6_1),
    row(C::map_delete_elem, "BPF_MAP_DELETE_ELEM", "map_delete_elem", map_delete, since(3, 18), seen_6_1),
    row(C::map_get_next_key, "BPF_MAP_GET_NEXT_KEY", "map_get_next_key", map_next_key, since(3, 18),
        seen_6_1),
    row(C::prog_load, "BPF_PROG_LOAD", "prog_load", prog_load, since(3, 18), seen_6_1),
    row(C::obj_pin, "BPF_OBJ_PIN", "obj_pin", obj, since(4, 4), seen_6_1),
    row(C::obj_get, "BPF_OBJ_GET", "obj_get", obj, since(4, 4), seen_6_1),
    row(C::prog_attach, "BPF_PROG_ATTACH", "prog_attach", prog_attach, since(4, 10), seen_6_1),
    row(C::prog_detach, "BPF_PROG_DETACH", "prog_detach", prog_attach, since(4, 10), seen_6_1),
    row(C::prog_test_run, "BPF_PROG_TEST_RUN", "prog_test_run", test_run, since(4, 12), seen_6_1),
    row(C::prog_get_next_id, "BPF_PROG_GET_NEXT_ID", "prog_get_next_id", next_id, since(4, 13), seen_6_1),
    row(C::map_get_next_id, "BPF_MAP_GET_NEXT_ID", "map_get_next_id", next_id, since(4, 13), seen_6_1),
    row(C::prog_get_fd_by_id, "BPF_PROG_GET_FD_BY_ID", "prog_get_fd_by_id", prog_by_id, since(4, 13),
        seen_6_1),
    row(C::map_get_fd_by_id, "BPF_MAP_GET_FD_BY_ID", "map_get_fd_by_id", map_by_id, since(4, 13), seen_6_1),
    row(C::obj_get_info_by_fd, "BPF_OBJ_GET_INFO_BY_FD", "obj_get_info_by_fd", info, since(4, 13), seen_6_1),
    row(C::prog_query, "BPF_PROG_QUERY", "prog_query", prog_query, since(4, 15), seen_6_1),
    row(C::raw_tracepoint_open, "BPF_RAW_TRACEPOINT_OPEN", "raw_tracepoint_open", raw_tracepoint,
        since(4, 17), seen_6_1),
    row(C::btf_load, "BPF_BTF_LOAD", "btf_load", btf_load, since(4, 18), seen_6_1),
    row(C::btf_get_fd_by_id, "BPF_BTF_GET_FD_BY_ID", "btf_get_fd_by_id", btf_by_id, since(4, 18), seen_6_1),
    row(C::task_fd_query, "BPF_TASK_FD_QUERY", "task_fd_query", task_fd_query, since(4, 18), seen_6_1),
    row(C::map_lookup_and_delete_elem, "BPF_MAP_LOOKUP_AND_DELETE_ELEM", "map_lookup_and_delete_elem",
        map_lookup_and_delete, since(4, 20), seen_6_1),
    row(C::map_freeze, "BPF_MAP_FREEZE", "map_freeze", map_fd, since(5, 2), seen_6_1),
    row(C::btf_get_next_id, "BPF_BTF_GET_NEXT_ID", "btf_get_next_id", next_id, since(5, 4), seen_6_1),
    row(C::map_lookup_batch, "BPF_MAP_LOOKUP_BATCH", "map_lookup_batch", batch_read, since(5, 6), seen_6_1),
    row(C::map_lookup_and_delete_batch, "BPF_MAP_LOOKUP_AND_DELETE_BATCH", "map_lookup_and_delete_batch",
        batch_read, since(5, 6), seen_6_1),
    row(C::map_update_batch, "BPF_MAP_UPDATE_BATCH", "map_update_batch", batch_write, since(5, 6), seen_6_1),
    row(C::map_delete_batch, "BPF_MAP_DELETE_BATCH", "map_delete_batch", batch_write, since(5, 6), seen_6_1),
    row(C::link_create, "BPF_LINK_CREATE", "link_create", link_create, since(5, 7), seen_6_1),
    row(C::link_update, "BPF_LINK_UPDATE", "link_update", link_update, since(5, 7), seen_6_1),
    row(C::link_get_fd_by_id, "BPF_LINK_GET_FD_BY_ID", "link_get_fd_by_id", link_by_id, since(5, 8),
        seen_6_1),
    row(C::link_get_next_id, "BPF_LINK_GET_NEXT_ID", "link_get_next_id", next_id, since(5, 8), seen_6_1),
    row(C::enable_stats, "BPF_ENABLE_STATS", "enable_stats", enable_stats, since(5, 8), seen_6_1),
    row(C::iter_create, "BPF_ITER_CREATE", "iter_create", iter_create, since(5, 8), seen_6_1),
    row(C::link_detach, "BPF_LINK_DETACH", "link_detach", link_detach, since(5, 9), seen_6_1),
    row(C::prog_bind_map, "BPF_PROG_BIND_MAP", "prog_bind_map", bind_map, since(5, 10), seen_6_1),
    row(C::token_create, "BPF_TOKEN_CREATE", "token_create", token_create, since(6, 9), seen_6_12),
    row(C::prog_stream_read_by_fd, "BPF_PROG_STREAM_READ_BY_FD", "prog_stream_read_by_fd", stream_read,
        since(6, 17), seen_6_18),
    row(C::prog_assoc_struct_ops, "BPF_PROG_ASSOC_STRUCT_OPS", "prog_assoc_struct_ops", assoc_struct_ops,
        since(7, 0), unseen),
});

static_assert(rows.size() == 39);
static_assert(in_order(rows, &CommandRow::command));
static_assert(std::ranges::all_of(rows,
                                  [](const CommandRow& row) { return row.attr_size <= attr_union_size; }));

constexpr std::uint32_t page = 4096;

bool any_set(const unsigned char* bytes, std::uint32_t from, std::uint32_t to) {
  for (std::uint32_t i = from; i < to; ++i)
    if (bytes[i]) return true;
  return false;
}

}  // namespace

std::span<const CommandRow> commands() { return rows; }

const CommandRow* find_command(Command command) { return row_of(rows, command); }

const CommandRow* find_command(std::string_view name) {
  auto at = std::ranges::find_if(
      rows, [name](const CommandRow& row) { return row.name == name || row.kernel_name == name; });
  return at == rows.end() ? nullptr : &*at;
}

long check_attr(Command command, const void* attr, std::uint32_t size) {
  const auto* bytes = static_cast<const unsigned char*>(attr);
  if (size > page) return -E2BIG;
  if (any_set(bytes, attr_union_size, size)) return -E2BIG;
  const CommandRow* row = find_command(command);
  if (!row) return -EINVAL;
  if (any_set(bytes, row->attr_size, std::min(size, attr_union_size))) return -EINVAL;
  return 0;
}

}  // namespace skep::uapi
