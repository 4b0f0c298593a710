#include "skep/uapi/sections.h"

#include <gtest/gtest.h>

#include <set>

namespace skep::uapi {
namespace {

TEST(Sections, HasEachNameOnce) {
  std::set<std::string_view> names;
  int automatic = 0;
  for (const Section& row : sections()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_NE(row.type, ProgType::unspec) << row.name;
    EXPECT_FALSE(row.auto_attach && row.extras == Extras::none) << row.name;
    automatic += row.auto_attach;
  }
  EXPECT_EQ(names.size(), 116u);
  EXPECT_EQ(automatic, 50);
}

TEST(Sections, EachRowFindsItself) {
  for (const Section& row : sections()) {
    SectionMatch match = find_section(row.name);
    EXPECT_EQ(match.row, &row) << row.name;
    EXPECT_FALSE(match.has_extras);
    std::string more = std::string(row.name) + "/x:y:z";
    match = find_section(more);
    if (row.extras == Extras::none) {
      EXPECT_NE(match.row, &row) << more;
    } else {
      EXPECT_EQ(match.row, &row) << more;
      EXPECT_EQ(match.extras, "x:y:z");
    }
    EXPECT_NE(find_section(std::string(row.name) + "x").row, &row) << row.name;
  }
}

TEST(Sections, MatchesAsLibbpfDoes) {
  EXPECT_EQ(find_section("xdp").row->type, ProgType::xdp);
  EXPECT_FALSE(find_section("xdp/eth0"));
  EXPECT_FALSE(find_section("xdp_prog"));
  EXPECT_FALSE(find_section(""));
  EXPECT_FALSE(find_section("?"));
  EXPECT_EQ(find_section("tc/ingress").row->attach_type, AttachType::tcx_ingress);
  EXPECT_EQ(find_section("tc").row->attach_type, std::nullopt);
  EXPECT_EQ(find_section("xdp.frags/devmap").row->flags, sec_frags);
  EXPECT_EQ(find_section("sk_reuseport/migrate").row->attach_type,
            AttachType::sk_reuseport_select_or_migrate);

  SectionMatch match = find_section("?kprobe/do_unlinkat");
  ASSERT_TRUE(match);
  EXPECT_FALSE(match.autoload);
  EXPECT_EQ(match.extras, "do_unlinkat");
  match = find_section("kprobe/");
  ASSERT_TRUE(match);
  EXPECT_TRUE(match.has_extras);
  EXPECT_EQ(match.extras, "");
  EXPECT_TRUE(find_section("lsm.s/file_open").row->flags & sec_sleepable);
}

SectionTarget target(std::string_view sec) {
  auto result = parse_target(find_section(sec));
  EXPECT_TRUE(result.has_value()) << sec;
  return result.has_value() ? *result : SectionTarget{};
}

std::string refusal(std::string_view sec) {
  auto result = parse_target(find_section(sec));
  EXPECT_FALSE(result.has_value()) << sec;
  if (result.has_value()) return {};
  EXPECT_EQ(result.error().code, EINVAL);
  return result.error().message;
}

TEST(Sections, ReadsTargets) {
  EXPECT_EQ(target("kprobe/do_sys_open+0x10").name, "do_sys_open");
  EXPECT_EQ(target("kprobe/do_sys_open+0x10").offset, 16u);
  EXPECT_EQ(target("kprobe/f.isra.0").name, "f.isra.0");
  SectionTarget probe = target("uprobe//usr/lib/libc.so.6:malloc+8");
  EXPECT_EQ(probe.path, "/usr/lib/libc.so.6");
  EXPECT_EQ(probe.name, "malloc");
  EXPECT_EQ(probe.offset, 8u);
  EXPECT_EQ(target("uprobe/./a:operator+").name, "operator+");
  SectionTarget usdt = target("usdt/libc.so.6:libc:setjmp");
  EXPECT_EQ(usdt.path, "libc.so.6");
  EXPECT_EQ(usdt.provider, "libc");
  EXPECT_EQ(usdt.name, "setjmp");
  SectionTarget tp = target("tp/syscalls/sys_enter_openat");
  EXPECT_EQ(tp.category, "syscalls");
  EXPECT_EQ(tp.name, "sys_enter_openat");
  EXPECT_EQ(target("fentry/nf_conntrack:nf_ct_get").module, "nf_conntrack");
  EXPECT_EQ(target("fentry/vfs_read").name, "vfs_read");
  EXPECT_EQ(target("kprobe.multi/tcp_*").name, "tcp_*");
  EXPECT_EQ(target("fentry.multi/mod:a?").module, "mod");
  EXPECT_EQ(target("struct_ops").name, "");
  EXPECT_EQ(target("struct_ops/what ever").name, "what ever");
  EXPECT_EQ(target("xdp").name, "");
}

TEST(Sections, RefusesBadTargets) {
  EXPECT_EQ(refusal("kprobe"), "section 'kprobe': names no target, expected 'kprobe/<function>[+<offset>]'");
  EXPECT_EQ(refusal("kretprobe/f+4"), "section 'kretprobe/f+4': a return probe takes no offset");
  EXPECT_EQ(refusal("tp/syscalls"), "section 'tp/syscalls': expected <category>/<tracepoint> after 'tp/'");
  for (const char* sec : {"kprobe/",
                          "kprobe/a b",
                          "kprobe/+4",
                          "kprobe/f+",
                          "kprobe/f+-4",
                          "kprobe/f+0x",
                          "kprobe/f+99999999999999999999",
                          "uprobe/path",
                          "uprobe/:f",
                          "uprobe/path:",
                          "uretprobe/p:f+1",
                          "uprobe.multi/p:",
                          "kprobe.multi/a b",
                          "usdt/a:b",
                          "usdt/a:b:c:d",
                          "usdt/::",
                          "tp/a/",
                          "tp//b",
                          "raw_tp/",
                          "fentry/",
                          "fentry/:f",
                          "fentry/m:",
                          "ksyscall/",
                          "iter/",
                          "lsm/",
                          "freplace/"})
    refusal(sec);
}

}  // namespace
}  // namespace skep::uapi
