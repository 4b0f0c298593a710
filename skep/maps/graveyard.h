// Where objects go that a map let go of while programs may still be using them.
#pragma once

#include <memory>

namespace skep::maps {

class Graveyard {
 public:
  virtual ~Graveyard() = default;
  // Keeps `object` until every run that began before now has ended.
  virtual void retire(std::shared_ptr<void> object) = 0;
};

}  // namespace skep::maps
