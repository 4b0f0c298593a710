// What the rules of an explanation work with: the log's path, the values on it, and names and sentences for
// them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "skep/verify/explain.h"
#include "skep/verify/trail.h"

namespace skep::verify {

// A value in words: "a number from 0 to 255", "a pointer to a value of map `flows`, or NULL".
std::string words_of(const LogValue& value);
// "a number from 0 to 255" of a scalar alone.
std::string range_words(const LogValue& value);
// What a pointer of this kind ("map_value", "ptr_or_null_task_struct") points to.
std::string kind_words(std::string_view kind);
// The variable that the C text assigns to: "idx" of "__u32 idx = data[13];". `column` (from 1, 0: unknown)
// says which, where there are several. Empty: none, or not to be told.
std::string assigned_name(std::string_view text, std::uint32_t column);
// The C expression that stands at the column (from 1): "r->head". Empty: none that is short.
std::string expression_at(std::string_view text, std::uint32_t column);
// The name of the n-th (from 0) parameter in a C function's first line; empty: not to be told.
std::string parameter_name(std::string_view text, unsigned n);
// "`name`"
std::string quoted(std::string_view name);

class Story {
 public:
  Story(const Log& from, const ProgramText& of, Explanation& into)
      : log(from), program(of), out(into), trail(from) {}

  const Log& log;
  const ProgramText& program;
  Explanation& out;
  const Trail trail;
  std::vector<std::string> captured;                      // of the reason's pattern, in order
  NodeId culprit = no_node;                               // the value that made it fail
  LogPlace culprit_place = -1;                            // the register that holds it; -1: none
  std::map<std::string, std::string, std::less<>> words;  // what templates name as {word}

  bool has_steps() const { return !log.steps.empty(); }
  StepIndex last() const { return static_cast<StepIndex>(log.steps.size() - 1); }
  // The last step; of a log without any, one that says nothing.
  const LogStep& failing() const {
    static const LogStep none;
    return has_steps() ? log.steps.back() : none;
  }
  SourcePlace place(StepIndex step) const;
  SourcePlace place_of_slot(isa::Slot slot) const;  // from the object alone
  // "idx", "ctx->len"; empty: not known.
  std::string name(NodeId node) const;
  // "`idx`", "the result of bpf_get_prandom_u32()", "the value read from the packet".
  std::string noun(NodeId node) const;
  const LogValue* value(NodeId node) const { return node == no_node ? nullptr : trail[node].latest; }

  // "return XDP_PASS;": how a program of this type goes on without having found anything.
  std::string_view leave() const;
  // The name of the context in the source; "ctx" if it is not known.
  std::string context_name() const;

  void set_culprit(LogPlace place);
  void set_culprit_node(NodeId node);
  // The number behind `name` ("off=") in the reason or the lines around it.
  std::optional<std::int64_t> detail_number(std::string_view name) const;
  // The first line around the reason that contains `part`; empty: none.
  std::string_view detail(std::string_view part) const;

  // Notes a step of the way; the first sentence for a step stays, unless a later one is `better`.
  void cause(StepIndex step, std::string sentence, bool better = false);
  // Notes where the node came from and which branches said something about it.
  void trace(NodeId node);
  // The branches from `first` on whose outcome brought the path here: at most `most`, the last ones.
  void branches_since(StepIndex first, std::size_t most);
  // Moves what was noted into the explanation, in order.
  void tell_causes();
  // "{v} is {state}" with the words put in.
  std::string fill(std::string_view text) const;

  // The scalar that makes the address vary, and bytes per unit of it; no_node: none.
  struct Index {
    NodeId node = no_node;
    std::uint64_t scale = 1;
  };
  Index index_of(NodeId address) const;
  Index unscaled(NodeId scalar) const;  // idx of idx << 2
  // A branch before the end that compared another copy of the node than the one used; null: none.
  const Branch* check_of_other_copy(NodeId node) const;
  // A comparison of all 64 bits with something.
  bool was_compared(NodeId node) const;
  // The last call on the path that matches; no_step: none.
  StepIndex last_call(bool (*matches)(std::string_view callee)) const;
  std::string callee() const;  // of the failing call: "bpf_map_lookup_elem"; empty: it is no call

 private:
  void trace_node(NodeId node);
  void trace_branches(NodeId node);

  std::map<StepIndex, std::string> causes_;
  std::set<NodeId> traced_;
};

}  // namespace skep::verify
