// Tables whose rows stand in the order of the kernel's numbers: the check that they do, and the way from a
// number to its row.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skep::uapi {

// Whether row i holds the number `first` + i in its field `number`.
template <class Rows, class Number, class Row>
constexpr bool in_order(const Rows& rows, Number Row::* number, std::size_t first = 0) {
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (static_cast<std::size_t>(rows[i].*number) != first + i) return false;
  return true;
}

// The row of `number` in a table that begins with the number `first`; null beyond it.
template <class Rows, class Number>
constexpr auto row_of(const Rows& rows, Number number, std::uint32_t first = 0) -> decltype(rows.data()) {
  std::uint32_t index = static_cast<std::uint32_t>(number) - first;
  return index < rows.size() ? &rows[index] : nullptr;
}

}  // namespace skep::uapi
