// An ObjectSpec for people: what `skep prog dump` and `skep map show` list.
#pragma once

#include <string>

#include "skep/object/spec.h"

namespace skep::object {

// The whole object: header, maps, externs, programs.
std::string print(const ObjectSpec& spec);
// One map in a few lines.
std::string print(const ObjectSpec& spec, const MapSpec& map);
// One program: its facts, then each instruction with its slot, functions and source lines in between and
// what is still symbolic by name.
std::string print(const ObjectSpec& spec, const ProgramSpec& program);

}  // namespace skep::object
