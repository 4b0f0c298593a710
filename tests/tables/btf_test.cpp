// The tables of skep/uapi against kernels' own type information: the running kernel's and those of the
// reference data. Rows and kernels must agree in both directions, so that a claim of evidence means
// something.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <optional>

#include "skep/base/file.h"
#include "skep/btf/btf.h"
#include "skep/uapi/attach_types.h"
#include "skep/uapi/attr.h"
#include "skep/uapi/commands.h"
#include "skep/uapi/contexts.h"
#include "skep/uapi/kfuncs.h"
#include "skep/uapi/link_types.h"
#include "skep/uapi/map_types.h"
#include "skep/uapi/prog_types.h"
#include "tests/support/xz.h"

namespace skep::uapi {
namespace {

struct Source {
  const char* name;  // of the reference file, or "running"
  unsigned version;  // major << 8 | minor; 0: not known
};

struct Place {
  std::uint32_t offset, size;
};

class Tables : public testing::TestWithParam<Source> {
 protected:
  void SetUp() override {
    if (GetParam().version == 0) {
      std::FILE* file = std::fopen("/sys/kernel/btf/vmlinux", "rb");
      if (!file) GTEST_SKIP() << "this kernel shows no BTF";
      std::uint8_t chunk[65536];
      while (std::size_t count = std::fread(chunk, 1, sizeof chunk, file))
        bytes_.insert(bytes_.end(), chunk, chunk + count);
      std::fclose(file);
    } else {
      std::string path = std::string(SKEP_DATA_DIR) + "/btf/linux-" + GetParam().name + ".btf.xz";
      if (!std::filesystem::exists(path)) GTEST_SKIP() << "no reference data: " << path;
      auto read = test_support::read_xz(path);
      ASSERT_TRUE(read.has_value()) << read.error().message;
      bytes_ = std::move(*read);
    }
    auto parsed = btf::Btf::parse(bytes_);
    ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
    btf_.emplace(std::move(*parsed));
  }

  bool newest() const { return GetParam().version == since(6, 18); }

  // Does this kernel have to have a row with that evidence? Nothing is known of the running one.
  std::optional<bool> expected(std::string_view evidence) const {
    unsigned version = GetParam().version;
    if (version == 0) return {};
    if (evidence == seen_6_1) return true;
    if (evidence == seen_6_12) return version >= since(6, 12);
    if (evidence == seen_6_18) return version >= since(6, 18);
    return false;
  }

  std::optional<std::int64_t> enumerator(std::string_view type, std::string_view name) const {
    auto id = btf_->find(type, btf::Kind::enum_);
    if (!id) return {};
    for (btf::Enumerator item : btf_->type(*id).enumerators())
      if (item.name == name) return item.value;
    return {};
  }

  template <class Rows, class Number>
  void hold_enum(std::string_view type, const Rows& rows, Number number) {
    int seen = 0;
    for (const auto& row : rows) {
      auto value = enumerator(type, row.kernel_name);
      seen += value.has_value();
      if (value) {
        EXPECT_EQ(*value, static_cast<std::int64_t>(number(row))) << row.kernel_name;
      }
      if (auto must = expected(row.evidence)) {
        EXPECT_EQ(value.has_value(), *must)
            << row.kernel_name << ": its evidence is '" << row.evidence << "'";
      }
    }
    EXPECT_GT(seen, 0) << type;
    if (GetParam().version == 0) return;
    // The kernel has no number that the table lacks.
    auto id = btf_->find(type, btf::Kind::enum_);
    ASSERT_TRUE(id.has_value());
    for (btf::Enumerator item : btf_->type(*id).enumerators()) {
      bool known =
          item.name.starts_with("__") || item.name.starts_with("MAX_") || item.name.ends_with("_UNSPEC");
      for (const auto& row : rows) known |= static_cast<std::int64_t>(number(row)) == item.value;
      EXPECT_TRUE(known) << type << "." << item.name;
    }
  }

  // A member by its path, looking into anonymous structs and unions.
  std::optional<Place> place(btf::TypeId id, std::string_view path, std::uint32_t base = 0) const {
    auto resolved = btf_->resolve(id);
    if (!resolved) return {};
    std::string_view head = path.substr(0, path.find('.'));
    for (btf::Member member : btf_->type(*resolved).members()) {
      std::uint32_t at = base + member.bit_offset / 8;
      if (member.name == head) {
        if (head.size() < path.size()) return place(member.type, path.substr(head.size() + 1), at);
        // a bit-field counts with the byte it stands in
        return Place{at, member.bits ? 1 : btf_->size_of(member.type).value_or(0)};
      }
      if (member.name.empty() && member.bits == 0)
        if (auto inner = place(member.type, path, at)) return inner;
    }
    return {};
  }

  void hold(std::string_view type, btf::Kind kind, std::string_view path, std::uint32_t offset,
            std::uint32_t size) {
    auto id = btf_->find(type, kind);
    if (!id) {
      EXPECT_FALSE(newest()) << type;
      return;
    }
    auto found = place(*id, path);
    if (!found) {
      EXPECT_FALSE(newest()) << type << "." << path << ": not in the newest kernel at hand";
      return;
    }
    EXPECT_EQ(found->offset, offset) << type << "." << path;
    EXPECT_EQ(found->size, size) << type << "." << path;
    ++held_;
  }

  Buffer bytes_;
  std::optional<btf::Btf> btf_;
  int held_ = 0;
};

template <class Row, class Type, Type Row::* member>
auto number_of() {
  return [](const Row& row) { return static_cast<std::uint32_t>(row.*member); };
}

TEST_P(Tables, Enums) {
  hold_enum("bpf_cmd", commands(), number_of<CommandRow, Command, &CommandRow::command>());
  hold_enum("bpf_map_type", map_types(), number_of<MapTypeRow, MapType, &MapTypeRow::type>());
  hold_enum("bpf_prog_type", prog_types(), number_of<ProgTypeRow, ProgType, &ProgTypeRow::type>());
  hold_enum("bpf_attach_type", attach_types(), number_of<AttachTypeRow, AttachType, &AttachTypeRow::type>());
  hold_enum("bpf_link_type", link_types(), number_of<LinkTypeRow, LinkType, &LinkTypeRow::type>());
}

TEST_P(Tables, MembersOfBpfAttr) {
  for (const CommandRow& row : commands()) {
    if (row.evidence == unseen) continue;
    for (const AttrField& field : row.fields)
      hold("bpf_attr", btf::Kind::union_, field.name, field.offset, field.size);
  }
  EXPECT_GT(held_, 150);
  auto id = btf_->find("bpf_attr", btf::Kind::union_);
  ASSERT_TRUE(id.has_value());
  if (newest()) {
    EXPECT_EQ(btf_->size_of(*id).value_or(0), attr_union_size);
  } else if (GetParam().version != 0) {
    EXPECT_LE(btf_->size_of(*id).value_or(0), attr_union_size);
  }
}

TEST_P(Tables, InfoStructs) {
#define HOLD(type, kernel, member) \
  hold(kernel, btf::Kind::struct_, #member, offsetof(type, member), sizeof(type::member))
  HOLD(MapInfo, "bpf_map_info", type);
  HOLD(MapInfo, "bpf_map_info", id);
  HOLD(MapInfo, "bpf_map_info", key_size);
  HOLD(MapInfo, "bpf_map_info", value_size);
  HOLD(MapInfo, "bpf_map_info", max_entries);
  HOLD(MapInfo, "bpf_map_info", map_flags);
  HOLD(MapInfo, "bpf_map_info", name);
  HOLD(MapInfo, "bpf_map_info", ifindex);
  HOLD(MapInfo, "bpf_map_info", btf_vmlinux_value_type_id);
  HOLD(MapInfo, "bpf_map_info", netns_dev);
  HOLD(MapInfo, "bpf_map_info", netns_ino);
  HOLD(MapInfo, "bpf_map_info", btf_id);
  HOLD(MapInfo, "bpf_map_info", btf_key_type_id);
  HOLD(MapInfo, "bpf_map_info", btf_value_type_id);
  HOLD(MapInfo, "bpf_map_info", btf_vmlinux_id);
  HOLD(MapInfo, "bpf_map_info", map_extra);
  HOLD(MapInfo, "bpf_map_info", hash);
  HOLD(MapInfo, "bpf_map_info", hash_size);
  HOLD(ProgInfo, "bpf_prog_info", type);
  HOLD(ProgInfo, "bpf_prog_info", id);
  HOLD(ProgInfo, "bpf_prog_info", tag);
  HOLD(ProgInfo, "bpf_prog_info", jited_prog_len);
  HOLD(ProgInfo, "bpf_prog_info", xlated_prog_len);
  HOLD(ProgInfo, "bpf_prog_info", jited_prog_insns);
  HOLD(ProgInfo, "bpf_prog_info", xlated_prog_insns);
  HOLD(ProgInfo, "bpf_prog_info", load_time);
  HOLD(ProgInfo, "bpf_prog_info", created_by_uid);
  HOLD(ProgInfo, "bpf_prog_info", nr_map_ids);
  HOLD(ProgInfo, "bpf_prog_info", map_ids);
  HOLD(ProgInfo, "bpf_prog_info", name);
  HOLD(ProgInfo, "bpf_prog_info", ifindex);
  HOLD(ProgInfo, "bpf_prog_info", netns_dev);
  HOLD(ProgInfo, "bpf_prog_info", netns_ino);
  HOLD(ProgInfo, "bpf_prog_info", nr_jited_ksyms);
  HOLD(ProgInfo, "bpf_prog_info", nr_jited_func_lens);
  HOLD(ProgInfo, "bpf_prog_info", jited_ksyms);
  HOLD(ProgInfo, "bpf_prog_info", jited_func_lens);
  HOLD(ProgInfo, "bpf_prog_info", btf_id);
  HOLD(ProgInfo, "bpf_prog_info", func_info_rec_size);
  HOLD(ProgInfo, "bpf_prog_info", func_info);
  HOLD(ProgInfo, "bpf_prog_info", nr_func_info);
  HOLD(ProgInfo, "bpf_prog_info", nr_line_info);
  HOLD(ProgInfo, "bpf_prog_info", line_info);
  HOLD(ProgInfo, "bpf_prog_info", jited_line_info);
  HOLD(ProgInfo, "bpf_prog_info", nr_jited_line_info);
  HOLD(ProgInfo, "bpf_prog_info", line_info_rec_size);
  HOLD(ProgInfo, "bpf_prog_info", jited_line_info_rec_size);
  HOLD(ProgInfo, "bpf_prog_info", nr_prog_tags);
  HOLD(ProgInfo, "bpf_prog_info", prog_tags);
  HOLD(ProgInfo, "bpf_prog_info", run_time_ns);
  HOLD(ProgInfo, "bpf_prog_info", run_cnt);
  HOLD(ProgInfo, "bpf_prog_info", recursion_misses);
  HOLD(ProgInfo, "bpf_prog_info", verified_insns);
  HOLD(ProgInfo, "bpf_prog_info", attach_btf_obj_id);
  HOLD(ProgInfo, "bpf_prog_info", attach_btf_id);
  HOLD(BtfInfo, "bpf_btf_info", btf);
  HOLD(BtfInfo, "bpf_btf_info", btf_size);
  HOLD(BtfInfo, "bpf_btf_info", id);
  HOLD(BtfInfo, "bpf_btf_info", name);
  HOLD(BtfInfo, "bpf_btf_info", name_len);
  HOLD(BtfInfo, "bpf_btf_info", kernel_btf);
#undef HOLD
  EXPECT_GT(held_, 50);
}

// Every function that the kernel marks as a kfunc has a row, and no row is younger than a kernel that has it.
TEST_P(Tables, Kfuncs) {
  std::size_t marked = 0;
  for (btf::TypeId id = btf_->first_id(); id < btf_->type_count(); id++) {
    const btf::Type tag = btf_->type(id);
    if (tag.kind != btf::Kind::decl_tag || tag.name() != "bpf_kfunc") continue;
    marked++;
    const std::string_view name = btf_->name(tag.type());
    const Kfunc* row = find_kfunc(name);
    ASSERT_NE(row, nullptr) << name << " has no row";
    EXPECT_TRUE(!newest() || row->since <= GetParam().version) << name;
  }
  EXPECT_TRUE(!newest() || marked > 200) << marked;
  // Before the marks came, the functions were there all the same.
  if (GetParam().version != 0 && marked == 0)
    for (const Kfunc& row : kfuncs()) {
      const bool is_function = btf_->find(row.name, btf::Kind::func).has_value();
      if (row.since > GetParam().version && is_function)
        ADD_FAILURE() << row.name << " is older than its row says";
    }
}

TEST_P(Tables, Contexts) {
  for (const Context& context : contexts()) {
    auto id = btf_->find(context.name, btf::Kind::struct_);
    // registers, records and arguments are of any shape; bpf_nf_ctx may be configured out
    if (context.c_name != std::string("struct ") + std::string(context.name) || context.name == "pt_regs" ||
        context.size == 0)
      continue;
    if (!id) {
      EXPECT_FALSE(newest()) << context.name;
      continue;
    }
    // contexts grow at their end
    if (newest()) {
      EXPECT_EQ(btf_->size_of(*id).value_or(0), context.size) << context.name;
    } else if (GetParam().version != 0) {
      EXPECT_LE(btf_->size_of(*id).value_or(0), context.size) << context.name;
    }
    std::uint32_t last = 0xffffffff;
    for (const ContextField& field : context.fields) {
      // a second row over the same bytes says how they may be read, not where the member is
      bool padded = field.offset == last || field.size < 4;
      last = field.offset;
      auto found = place(*id, field.name);
      if (!found) {
        EXPECT_FALSE(newest()) << context.name << "." << field.name;
        continue;
      }
      if (padded) continue;
      EXPECT_EQ(found->offset, field.offset) << context.name << "." << field.name;
      EXPECT_EQ(found->size, field.size) << context.name << "." << field.name;
      ++held_;
    }
  }
  EXPECT_GT(held_, 100);
}

INSTANTIATE_TEST_SUITE_P(Kernels, Tables,
                         testing::Values(Source{"6.1", since(6, 1)}, Source{"6.12", since(6, 12)},
                                         Source{"6.18", since(6, 18)}, Source{"running", 0}),
                         [](const auto& source) {
                           std::string name = source.param.name;
                           for (char& c : name)
                             if (c == '.') c = '_';
                           return name;
                         });

}  // namespace
}  // namespace skep::uapi
