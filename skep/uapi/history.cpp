// The rows. Versions are those of mainline: the first release that holds the named commit; distributions and
// stable series carry some of it further back.
#include "skep/uapi/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "skep/uapi/flags.h"
#include "skep/uapi/rows.h"

namespace skep::uapi {
namespace {

constexpr std::array rules = std::to_array<RuleRow>({
    {Rule::million, Lack::limit, "1M instructions", since(5, 2), "c04c0d2b968a"},
    {Rule::long_jumps, Lack::limit, "8192 branches", since(5, 3), "b285fcb760da"},
    {Rule::bounded_loops, Lack::rule, "bounded loops", since(5, 3), "2589726d12a1"},
    {Rule::constant_maps, Lack::rule, "constants in .rodata", since(5, 5), "a23740ec43ba"},
    {Rule::global_functions, Lack::rule, "global functions", since(5, 6), "51c39bb1d5d1"},
    {Rule::bounded_spills, Lack::rule, "bounds on the stack", since(5, 10), "5689d49b71ad"},
    {Rule::mixed_tail_calls, Lack::rule, "tail calls among functions", since(5, 10), "e411901c0b77"},
    {Rule::memory_arguments, Lack::rule, "pointers to global functions", since(5, 12), "e5069b9c23b3"},
    {Rule::variable_stack, Lack::rule, "variable stack offsets", since(5, 12), "01f810ace9ed"},
    {Rule::narrow_spills, Lack::rule, "narrow bounds on the stack", since(5, 16), "354e8f1970f8"},
});
static_assert(rules.size() == rule_count);
static_assert(in_order(rules, &RuleRow::rule));

constexpr FlagRow map_flags[] = {
    {map_no_prealloc, "BPF_F_NO_PREALLOC", since(4, 6)},
    {map_no_common_lru, "BPF_F_NO_COMMON_LRU", since(4, 10)},
    {map_numa_node, "BPF_F_NUMA_NODE", since(4, 14)},
    {map_rdonly, "BPF_F_RDONLY", since(4, 15)},
    {map_wronly, "BPF_F_WRONLY", since(4, 15)},
    {map_stack_build_id, "BPF_F_STACK_BUILD_ID", since(4, 17)},
    {map_zero_seed, "BPF_F_ZERO_SEED", since(5, 0)},
    {map_rdonly_prog, "BPF_F_RDONLY_PROG", since(5, 2)},
    {map_wronly_prog, "BPF_F_WRONLY_PROG", since(5, 2)},
    {map_clone, "BPF_F_CLONE", since(5, 4)},
    {map_mmapable, "BPF_F_MMAPABLE", since(5, 5)},
    {map_preserve_elems, "BPF_F_PRESERVE_ELEMS", since(5, 10)},
    {map_inner_map, "BPF_F_INNER_MAP", since(5, 10)},
    {map_link, "BPF_F_LINK", since(6, 4)},
    {map_vtype_btf_obj_fd, "BPF_F_VTYPE_BTF_OBJ_FD", since(6, 9)},
    {map_token_fd, "BPF_F_TOKEN_FD", since(6, 9)},
    {map_segv_on_fault, "BPF_F_SEGV_ON_FAULT", since(6, 9)},
    {map_no_user_conv, "BPF_F_NO_USER_CONV", since(6, 9)},
    {map_rb_overwrite, "BPF_F_RB_OVERWRITE", since(6, 19)},
};

constexpr FlagRow program_flags[] = {
    {load_strict_alignment, "BPF_F_STRICT_ALIGNMENT", since(4, 12)},
    {load_any_alignment, "BPF_F_ANY_ALIGNMENT", since(5, 0)},
    {load_test_rnd_hi32, "BPF_F_TEST_RND_HI32", since(5, 3)},
    {load_test_state_freq, "BPF_F_TEST_STATE_FREQ", since(5, 4)},
    {load_sleepable, "BPF_F_SLEEPABLE", since(5, 10)},
    {load_xdp_has_frags, "BPF_F_XDP_HAS_FRAGS", since(5, 18)},
    {load_xdp_dev_bound_only, "BPF_F_XDP_DEV_BOUND_ONLY", since(6, 3)},
    {load_test_reg_invariants, "BPF_F_TEST_REG_INVARIANTS", since(6, 8)},
    {load_token_fd, "BPF_F_TOKEN_FD", since(6, 9)},
};

struct SleepRow {
  ProgType type;
  std::uint16_t since;
};
constexpr SleepRow sleepers[] = {
    {ProgType::tracing, since(5, 10)}, {ProgType::lsm, since(5, 10)},       {ProgType::syscall, since(5, 14)},
    {ProgType::kprobe, since(6, 0)},   {ProgType::struct_ops, since(6, 3)},
};

}  // namespace

std::string_view lack_name(Lack lack) {
  switch (lack) {
    case Lack::none: return "";
    case Lack::limit: return "limit";
    case Lack::instruction: return "instruction";
    case Lack::helper: return "helper";
    case Lack::kfunc: return "kfunc";
    case Lack::map_type: return "map type";
    case Lack::map_flag: return "map flag";
    case Lack::program_type: return "program type";
    case Lack::program_flag: return "program flag";
    case Lack::attach_type: return "attach type";
    case Lack::btf: return "BTF";
    case Lack::rule: return "rule";
  }
  return "";
}

std::string few_words(const Missing& missing) {
  if (missing.lack == Lack::rule) return missing.name;
  if (missing.name.empty()) return std::string(lack_name(missing.lack));
  return fmt::format("{} {}", lack_name(missing.lack), missing.name);
}

std::string version_text(std::uint16_t version) { return fmt::format("{}.{}", version >> 8, version & 0xff); }

std::span<const FlagRow> map_flag_rows() { return map_flags; }
std::span<const FlagRow> program_flag_rows() { return program_flags; }

const FlagRow* unknown_flag(std::span<const FlagRow> rows, std::uint32_t flags, std::uint16_t version) {
  auto at = std::ranges::find_if(
      rows, [&](const FlagRow& row) { return (flags & row.bit) != 0 && row.since > version; });
  return at == rows.end() ? nullptr : &*at;
}

std::uint16_t sleepable_since(ProgType type) {
  auto at = std::ranges::find(sleepers, type, &SleepRow::type);
  return at == std::end(sleepers) ? std::uint16_t{0} : at->since;
}

const RuleRow& rule_row(Rule rule) { return rules[static_cast<std::size_t>(rule)]; }

Missing missing(Rule rule) {
  const RuleRow& row = rule_row(rule);
  return {row.lack, std::string(row.name), row.since};
}

}  // namespace skep::uapi
