// Building the Model of a load.
#include "skep/runtime/model.h"

#include <algorithm>
#include <cstring>

#include "skep/uapi/attach_types.h"
#include "skep/uapi/flags.h"
#include "skep/uapi/prog_types.h"

namespace skep::runtime {

using uapi::ProgType;

namespace {

constexpr std::uint8_t lddw = 0x18, call = 0x85;

struct Builder {
  KeptModel& out;
  Descriptors& fds;
  std::vector<std::shared_ptr<const KeptMap>>& maps = out.maps;
  std::vector<std::shared_ptr<const KeptBtf>> modules{};

  // Index into model.maps; -1 for no map.
  std::int32_t map_index(std::shared_ptr<const KeptMap> map) {
    if (!map) return -1;
    auto known = std::find(maps.begin(), maps.end(), map);
    if (known != maps.end()) return static_cast<std::int32_t>(known - maps.begin());
    auto index = maps.size();
    maps.push_back(map);
    out.model.maps.push_back(map->model);
    if (map->inner) out.model.maps[index].inner = map_index(map->inner);
    return static_cast<std::int32_t>(index);
  }
  // 0: the kernel's types; n: the (n - 1)th module; -1: no types.
  std::int32_t module_index(int fd) {
    if (fd == 0) return 0;
    std::shared_ptr<const KeptBtf> btf = fds.btf(fd);
    if (!btf || btf->module.empty()) return -1;
    auto known = std::find(modules.begin(), modules.end(), btf);
    if (known == modules.end()) {
      out.model.modules.push_back({btf->module, btf->types.get()});
      out.kept.push_back(btf);
      known = modules.insert(modules.end(), btf);
    }
    return static_cast<std::int32_t>(known - modules.begin()) + 1;
  }

  void resolve() {
    std::vector<isa::Insn>& insns = out.request.insns;
    for (std::size_t i = 0; i < insns.size(); i++) {
      isa::Insn& insn = insns[i];
      if (insn.opcode == call && insn.src() == isa::pseudo::kfunc_call && insn.off != 0)
        insn.off = static_cast<std::int16_t>(insn.off < 0 ? -1 : module_index(fds.fd_array(insn.off)));
      if (insn.opcode != lddw || i + 1 >= insns.size()) continue;
      switch (insn.src()) {
        case isa::pseudo::map_fd:
        case isa::pseudo::map_value: insn.imm = map_index(fds.map(insn.imm)); break;
        case isa::pseudo::map_idx:
        case isa::pseudo::map_idx_value: insn.imm = map_index(fds.map(fds.fd_array(insn.imm))); break;
        case isa::pseudo::btf_id: insns[i + 1].imm = module_index(insns[i + 1].imm); break;
      }
      i++;
    }
  }

  Result<void> find_target() {
    verify::TargetModel& target = out.model.prog.target;
    const LoadRequest& request = out.request;
    target.id = request.attach_btf_id;
    if (request.attach_fd != 0) {
      if (std::shared_ptr<const KeptModel> prog = fds.program(request.attach_fd)) {
        target.prog = &prog->model.prog;
        target.btf = prog->model.prog.btf;
        out.kept.push_back(std::move(prog));
      } else if (std::shared_ptr<const KeptBtf> btf = fds.btf(request.attach_fd)) {
        if (btf->module.empty())
          return fail(EINVAL, "attach_btf_obj_fd {} is not the BTF of the kernel or of a module",
                      request.attach_fd);
        target.btf = btf->types.get();
        out.kept.push_back(std::move(btf));
      } else {
        return fail(EINVAL, "attach_prog_fd {} is neither a program nor BTF", request.attach_fd);
      }
    } else if (request.attach_btf_id != 0) {
      target.btf = out.model.kernel_btf;
    }
    if (request.type == ProgType::struct_ops) target.member = static_cast<std::uint32_t>(request.attach_type);
    return {};
  }

  Result<void> run(const Surroundings& around) {
    LoadRequest& request = out.request;
    verify::Model& model = out.model;
    model.kernel_btf = around.kernel_btf;
    model.kernel = uapi::since(around.version.major, around.version.minor);
    model.privileges = around.privileges;
    model.cpus = around.cpus;
    model.error_injection = around.error_injection;
    verify::ProgModel& prog = model.prog;
    prog.name = request.name;
    prog.type = request.type;
    prog.attach_type = uapi::fixed_attach_type(request.type, request.attach_type);
    prog.flags = request.flags;
    prog.gpl = is_gpl(request.license);
    prog.dev_bound = request.ifindex != 0;
    if (request.btf_fd >= 0) {
      std::shared_ptr<const KeptBtf> btf = fds.btf(request.btf_fd);
      if (!btf) return fail(EBADF, "prog_btf_fd {} is no BTF", request.btf_fd);
      prog.btf = btf->types.get();
      out.kept.push_back(std::move(btf));
    }
    TRY(find_target());
    resolve();
    prog.insns = request.insns;
    prog.funcs = request.funcs;
    prog.lines = request.lines;
    return {};
  }
};

// The types that need CAP_NET_ADMIN and CAP_PERFMON besides CAP_BPF.
constexpr ProgType net_admin_types[] = {ProgType::sched_cls,
                                        ProgType::sched_act,
                                        ProgType::xdp,
                                        ProgType::lwt_in,
                                        ProgType::lwt_out,
                                        ProgType::lwt_xmit,
                                        ProgType::lwt_seg6local,
                                        ProgType::sk_skb,
                                        ProgType::sk_msg,
                                        ProgType::flow_dissector,
                                        ProgType::cgroup_device,
                                        ProgType::cgroup_sock,
                                        ProgType::cgroup_sock_addr,
                                        ProgType::cgroup_sockopt,
                                        ProgType::cgroup_sysctl,
                                        ProgType::sock_ops,
                                        ProgType::ext,
                                        ProgType::netfilter};
constexpr ProgType perfmon_types[] = {ProgType::kprobe,
                                      ProgType::tracepoint,
                                      ProgType::perf_event,
                                      ProgType::raw_tracepoint,
                                      ProgType::raw_tracepoint_writable,
                                      ProgType::tracing,
                                      ProgType::lsm,
                                      ProgType::struct_ops,
                                      ProgType::ext};

template <std::size_t N>
bool is_one_of(ProgType type, const ProgType (&types)[N]) {
  return std::find(std::begin(types), std::end(types), type) != std::end(types);
}

// Records in memory: 32-bit words, of which `known` bytes mean something.
Result<std::size_t> count_records(Bytes records, std::uint32_t size, std::uint32_t known,
                                  std::string_view what) {
  constexpr std::uint32_t size_limit = 252;
  if (size < known || size > size_limit || size % 4 != 0)
    return fail(EINVAL, "{}: record size {} must be {} to {} and a multiple of 4", what, size, known,
                size_limit);
  std::size_t count = records.size() / size;
  for (std::size_t i = 0; i < count; i++)
    for (std::uint8_t byte : records.subspan(i * size + known, size - known))
      if (byte != 0) return fail(E2BIG, "{}: record {} has values beyond {} bytes", what, i, known);
  return count;
}

// What the attr says by itself and in the caller's memory, without the records of BTF.
Result<LoadRequest> read_request(const uapi::ProgLoadAttr& attr, const UserMemory& memory) {
  LoadRequest request;
  char license[128] = {};
  if (memory.read_string(license, attr.license, sizeof license - 1) == -EFAULT)
    return fail(EFAULT, "the license cannot be read");
  if (attr.insn_cnt == 0 || attr.insn_cnt > LoadRequest::insn_limit)
    return fail(E2BIG, "insn_cnt is {}, must be 1 to {}", attr.insn_cnt, LoadRequest::insn_limit);
  request.name.assign(attr.prog_name, strnlen(attr.prog_name, sizeof attr.prog_name));
  request.type = static_cast<ProgType>(attr.prog_type);
  request.attach_type = static_cast<uapi::AttachType>(attr.expected_attach_type);
  request.flags = attr.prog_flags;
  request.license = license;
  request.ifindex = attr.prog_ifindex;
  request.attach_btf_id = attr.attach_btf_id;
  request.attach_fd = static_cast<int>(attr.attach_prog_fd);
  request.insns.resize(attr.insn_cnt);
  if (!memory.read(request.insns.data(), attr.insns, request.insns.size() * sizeof(isa::Insn)))
    return fail(EFAULT, "the instructions cannot be read");
  return request;
}

Result<Buffer> read_records(const UserMemory& memory, std::uint64_t from, std::uint32_t count,
                            std::uint32_t size, std::string_view what) {
  constexpr std::uint32_t size_limit = 252;
  if (count > LoadRequest::insn_limit) return fail(EINVAL, "{}: {} records are too many", what, count);
  Buffer out(std::size_t{count} * std::min(size, size_limit));  // another size is refused by who reads them
  if (!memory.read(out.data(), from, out.size())) return fail(EFAULT, "{}: cannot be read", what);
  return out;
}

Result<void> read_debug_records(const uapi::ProgLoadAttr& attr, const UserMemory& memory,
                                LoadRequest& request) {
  if (attr.func_info_cnt == 0 && attr.line_info_cnt == 0) return {};
  request.btf_fd = static_cast<int>(attr.prog_btf_fd);
  if (attr.func_info_cnt != 0) {
    Buffer records =
        TRY(read_records(memory, attr.func_info, attr.func_info_cnt, attr.func_info_rec_size, "func_info"));
    request.funcs = TRY(read_func_info(records, attr.func_info_rec_size));
  }
  if (attr.line_info_cnt != 0) {
    Buffer records =
        TRY(read_records(memory, attr.line_info, attr.line_info_cnt, attr.line_info_rec_size, "line_info"));
    request.lines = TRY(read_line_info(records, attr.line_info_rec_size));
  }
  return {};
}

// As many instructions as the version takes from this task.
Result<void> check_size(const LoadRequest& request, const verify::Privileges& may, std::uint16_t version,
                        uapi::Missing& lacks) {
  constexpr std::uint32_t small = 4096;
  const bool old = version < uapi::rule_row(uapi::Rule::million).since;
  const std::uint32_t limit = may.bpf && !old ? LoadRequest::insn_limit : small;
  const std::size_t size = request.insns.size();
  if (size != 0 && size <= limit) return {};
  if (size > small) lacks = uapi::missing(uapi::Rule::million);
  if (!old) lacks.since = 0;
  return fail(E2BIG, "{} instructions, must be 1 to {}", size, limit);
}

// Privileges, limits, program and attach types that do not go together.
Result<void> check_request(const LoadRequest& request, const Surroundings& around, Descriptors& fds,
                           uapi::Missing* missing) {
  const verify::Privileges& may = around.privileges;
  const std::uint16_t version = uapi::since(around.version.major, around.version.minor);
  uapi::Missing unheard;
  uapi::Missing& lacks = missing ? *missing : unheard;
  const uapi::ProgTypeRow* row = uapi::find_prog_type(request.type);
  if (row && row->since > version) lacks = {uapi::Lack::program_type, std::string(row->name), row->since};
  if (!row || row->since > version)
    return fail(EINVAL, "there is no program type {}", static_cast<std::uint32_t>(request.type));
  if (const uapi::FlagRow* flag = uapi::unknown_flag(uapi::program_flag_rows(), request.flags, version)) {
    lacks = {uapi::Lack::program_flag, std::string(flag->name), flag->since};
    return fail(EINVAL, "there is no prog_flags bit {:#x} ({})", flag->bit, flag->name);
  }
  TRY(check_size(request, may, version, lacks));
  if (request.type != ProgType::socket_filter && request.type != ProgType::cgroup_skb && !may.bpf)
    return fail(EPERM, "program type {} needs CAP_BPF", row->name);
  if (is_one_of(request.type, net_admin_types) && !may.net_admin && !may.sys_admin)
    return fail(EPERM, "program type {} needs CAP_NET_ADMIN", row->name);
  if (is_one_of(request.type, perfmon_types) && !may.perfmon)
    return fail(EPERM, "program type {} needs CAP_PERFMON", row->name);

  bool has_program = request.attach_fd != 0 && fds.program(request.attach_fd);
  if (request.attach_btf_id != 0 && !row->needs_btf_target)
    return fail(EINVAL, "attach_btf_id {}: program type {} has no BTF target", request.attach_btf_id,
                row->name);
  if (request.attach_fd != 0 && !has_program && request.attach_btf_id == 0)
    return fail(EINVAL, "attach_btf_obj_fd {} without an attach_btf_id", request.attach_fd);
  if (has_program && request.type != ProgType::tracing && request.type != ProgType::ext)
    return fail(EINVAL, "attach_prog_fd {}: program type {} does not attach to programs", request.attach_fd,
                row->name);
  if (request.type == ProgType::ext && static_cast<std::uint32_t>(request.attach_type) != 0)
    return fail(EINVAL, "expected_attach_type {}: must be 0 for extensions",
                static_cast<std::uint32_t>(request.attach_type));
  uapi::AttachType attach_type = uapi::fixed_attach_type(request.type, request.attach_type);
  // Checked at load for these types; struct_ops programs name a member there.
  const bool checked = row->needs_attach_type || row->needs_btf_target;
  const uapi::AttachTypeRow* hook = uapi::find_attach_type(attach_type);
  if (checked && hook && request.type != ProgType::struct_ops && hook->since > version) {
    lacks = {uapi::Lack::attach_type, std::string(hook->name), hook->since};
    return fail(EINVAL, "there is no attach type {}", static_cast<std::uint32_t>(attach_type));
  }
  if (row->needs_attach_type && !uapi::takes_attach_type(request.type, attach_type))
    return fail(EINVAL, "expected_attach_type {} does not go with program type {}",
                static_cast<std::uint32_t>(attach_type), row->name);
  return {};
}

}  // namespace

bool is_gpl(std::string_view license) {
  constexpr std::string_view compatible[] = {"GPL",          "GPL v2",       "GPL and additional rights",
                                             "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"};
  return std::find(std::begin(compatible), std::end(compatible), license) != std::end(compatible);
}

Result<std::shared_ptr<const KeptModel>> read_model(const uapi::ProgLoadAttr& attr, const UserMemory& memory,
                                                    const Surroundings& around, Descriptors& fds,
                                                    uapi::Missing* missing) {
  auto out = std::make_shared<KeptModel>();
  out->request = TRY(read_request(attr, memory));
  TRY(check_request(out->request, around, fds, missing));
  TRY(read_debug_records(attr, memory, out->request));
  TRY((Builder{*out, fds}.run(around)));
  return std::shared_ptr<const KeptModel>(std::move(out));
}

Result<void> check_map_types(const uapi::MapCreateAttr& attr, const btf::Btf& types) {
  auto check = [&](btf::TypeId id, std::uint32_t bytes, std::string_view what) -> Result<void> {
    Result<std::uint32_t> size = types.has(id) ? types.size_of(id) : Result<std::uint32_t>(0);
    if (!types.has(id) || !size || *size != bytes)
      return fail(EINVAL, "map '{}': BTF type {} does not have the {}'s {} bytes", attr.map_name, id, what,
                  bytes);
    return {};
  };
  if (attr.btf_key_type_id != 0) TRY(check(attr.btf_key_type_id, attr.key_size, "key"));
  bool struct_ops = attr.map_type == static_cast<std::uint32_t>(uapi::MapType::struct_ops);
  if (struct_ops && attr.btf_value_type_id != 0 && types.has(attr.btf_value_type_id)) return {};
  return check(attr.btf_value_type_id, attr.value_size, "value");
}

Result<std::vector<verify::FuncInfo>> read_func_info(Bytes records, std::uint32_t size) {
  std::size_t count = TRY(count_records(records, size, 8, "func_info"));
  std::vector<verify::FuncInfo> out(count);
  for (std::size_t i = 0; i < count; i++) {
    const std::uint8_t* at = records.data() + i * size;
    out[i] = {base::load<std::uint32_t>(at), base::load<std::uint32_t>(at + 4)};
  }
  return out;
}

Result<std::vector<verify::LineInfo>> read_line_info(Bytes records, std::uint32_t size) {
  std::size_t count = TRY(count_records(records, size, 16, "line_info"));
  std::vector<verify::LineInfo> out(count);
  for (std::size_t i = 0; i < count; i++) {
    const std::uint8_t* at = records.data() + i * size;
    out[i] = {base::load<std::uint32_t>(at), base::load<std::uint32_t>(at + 4),
              base::load<std::uint32_t>(at + 8), base::load<std::uint32_t>(at + 12)};
  }
  return out;
}

}  // namespace skep::runtime
