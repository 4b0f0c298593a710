// The judge: one program over the same packets in the Linux kernel (BPF_PROG_TEST_RUN) and in the runtime.
// Verdict, packet, context and, at the end, every map must be identical.
//
// Judged programs run on one CPU and use no clock and no randomness; everything else is their business.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "skep/base/bytes.h"
#include "skep/base/result.h"
#include "skep/object/load.h"
#include "skep/object/spec.h"
#include "skep/uapi/sys.h"

namespace skep::judge {

// One of the two sides with the program loaded.
class Side {
 public:
  // Loads `program` of the object and applies the batch lines.
  static Result<Side> load(uapi::Sys& sys, const object::ObjectSpec& spec, const std::string& program,
                           const std::string& batch);

  struct Outcome {
    long error = 0;  // 0 or -errno of the test run
    std::uint32_t retval = 0;
    Buffer packet, context;
    bool operator==(const Outcome&) const = default;
  };
  // `context` may be empty: none is given and none comes back.
  Outcome run(Bytes packet, Bytes context);

  // Every map that user space can read: name -> key -> value, ring buffers and queues as record number ->
  // record.
  using Maps = std::map<std::string, std::map<Buffer, Buffer>>;
  Result<Maps> maps();

 private:
  Side(uapi::Sys& sys, object::Object object, int prog_fd)
      : sys_(&sys), object_(std::move(object)), prog_fd_(prog_fd) {}
  uapi::Sys* sys_;
  object::Object object_;
  int prog_fd_;
  Buffer packet_out_ = Buffer(1 << 17), context_out_ = Buffer(512);
};

struct Judgement {
  std::uint64_t compared = 0;
  std::uint64_t refused = 0;  // of those: both answered with the same errno, no run took place
  std::uint64_t differences = 0;
  std::vector<std::string> first;  // the first few, spelled out
  void differ(std::string what);
};

// Runs one packet on both and compares.
void judge_packet(Side& kernel, Side& runtime, Bytes packet, Bytes context, const std::string& name,
                  Judgement& out);
void judge_maps(Side& kernel, Side& runtime, Judgement& out);

}  // namespace skep::judge
