// Prints bpf/bpf_helper_defs.h: what the compiler must know of a helper is its number and its type.
#include "skep/uapi/helper_defs.h"

#include <fmt/format.h>

#include <iterator>
#include <set>
#include <string_view>

#include "skep/uapi/helpers.h"

namespace skep::uapi {
namespace {

constexpr std::string_view head = R"(/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The helpers of Linux, by number. Generated from skep's table of helpers: do not edit.
 *
 * Each comment says the first kernel that has the helper, and whether only GPL-compatible programs may call it.
 */
#ifndef __BPF_HELPER_DEFS_H__
#define __BPF_HELPER_DEFS_H__

/*
 * A call through a constant pointer whose value is the helper's number becomes `call number`. The pointer itself
 * is const, so that clang folds it without optimising too. GCC does not, but has an attribute for it.
 */
#if defined(__clang__) || !defined(__bpf__)
#define ___bpf_helper(number, result, name, args) \
	static result(*const name) args __attribute__((unused)) = (result(*) args)number##UL
#else
#define ___bpf_helper(number, result, name, args) \
	extern result name args __attribute__((kernel_helper(number)))
#endif

/* The kernel may inline such a helper, which then leaves r1 to r5 alone; the compiler arranges for both cases. */
#if defined(__has_attribute) && __has_attribute(bpf_fastcall)
#define __bpf_fastcall __attribute__((bpf_fastcall))
#else
#define __bpf_fastcall
#endif

)";

// The struct names that a prototype mentions, which the header declares beforehand.
void collect_structs(std::string_view prototype, std::set<std::string_view>& into) {
  constexpr std::string_view keyword = "struct ";
  for (std::size_t at = prototype.find(keyword); at != std::string_view::npos;
       at = prototype.find(keyword, at)) {
    at += keyword.size();
    into.insert(prototype.substr(at, prototype.find_first_of(" *,)", at) - at));
  }
}

}  // namespace

std::string print_helper_defs() {
  std::string text(head);
  auto out = std::back_inserter(text);
  std::set<std::string_view> structs;
  for (const Helper& helper : helpers()) collect_structs(helper.prototype, structs);
  for (std::string_view name : structs) fmt::format_to(out, "struct {};\n", name);
  for (const Helper& helper : helpers()) {
    const std::size_t open = helper.prototype.find('(');
    const std::size_t name = open - helper.name.size() - 4;  // bpf_
    std::string_view result = helper.prototype.substr(0, name);
    if (result.ends_with(' ')) result.remove_suffix(1);
    fmt::format_to(out, "\n/* {}.{}{} */\n{}___bpf_helper({}, {}, {}, {});\n", helper.since >> 8,
                   helper.since & 0xff, helper.gpl_only ? ", GPL" : "",
                   (helper.traits & helper_fastcall) != 0 ? "__bpf_fastcall " : "", helper.id, result,
                   helper.prototype.substr(name, open - name), helper.prototype.substr(open));
  }
  text += "\n#endif\n";
  return text;
}

}  // namespace skep::uapi
