// skep verify --kernel A,B,...: every program of an object judged for several kernel versions, as a table.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/judge.h"

namespace skep::cli {

struct MatrixCommand {
  std::string source;  // of the object, as it was named
  const object::ObjectSpec& spec;
  std::vector<const object::ProgramSpec*> programs;
  std::vector<Kernel> kernels;
  std::vector<std::string> btf;  // the --btf options
  bool unprivileged = false, json = false;
};

// The file of kernel types that the --btf options name for a version. VERSION=FILE counts before DIRECTORY (a
// file in it whose name is the version, or ends in -VERSION, with or without .btf), and that before FILE,
// which is for every version. Empty: none, so the running kernel's. EINVAL for an option of no such form.
Result<std::string> btf_for(std::span<const std::string> options, const Kernel& kernel);

// Prints the table, or with `json` the data. Exit::ok when every program loads in every version. Fails when a
// file of types cannot be read.
Result<int> print_matrix(const MatrixCommand& command);

}  // namespace skep::cli
