#include "skep/uapi/format.h"

#include <algorithm>
#include <cctype>
#include <cerrno>

namespace skep::uapi {

namespace {

bool is_printed(char letter) {
  const auto c = static_cast<unsigned char>(letter);
  return c < 0x80 && (std::isprint(c) || std::isspace(c));
}

}  // namespace

int FormatReader::next(FormatPiece& piece) {
  constexpr std::size_t most_width = (1 << 23) - 1;  // the kernel's printf takes a larger one for this
  piece = {};
  if (at_ == 0 && !std::all_of(format_.begin(), format_.end(), is_printed)) return -EINVAL;
  if (at_ >= format_.size()) return 0;
  if (format_[at_] != '%') {
    const std::size_t end = std::min(format_.find('%', at_), format_.size());
    piece.text = format_.substr(at_, end - at_);
    at_ = end;
    return 1;
  }
  if (at(at_ + 1) == '%') {
    piece.text = format_.substr(at_, 1);
    at_ += 2;
    return 1;
  }
  for (at_++;; at_++) {
    if (at(at_) == '-')
      piece.minus = true;
    else if (at(at_) == '+')
      piece.plus = true;
    else if (at(at_) == ' ')
      piece.space = true;
    else if (at(at_) == '0')
      piece.zero = true;
    else
      break;
  }
  for (; std::isdigit(static_cast<unsigned char>(at(at_))); at_++) {
    piece.width = std::min(piece.width * 10 + static_cast<std::size_t>(at(at_) - '0'), most_width);
  }
  if (at(at_) == 'p') return read_pointer(piece);
  while (piece.longs < 2 && at(at_) == 'l') at_++, piece.longs++;
  piece.letter = at(at_++);
  if (piece.longs == 0 && (piece.letter == 's' || piece.letter == 'c')) {
    piece.conversion = piece.letter == 's' ? Conversion::string : Conversion::character;
    return 1;
  }
  piece.conversion = Conversion::number;
  return piece.letter != 0 && std::string_view("diuxX").find(piece.letter) != std::string_view::npos
             ? 1
             : -EINVAL;
}

// What stands at the p of %p.
int FormatReader::read_pointer(FormatPiece& piece) {
  const char kind = at(at_ + 1), more = at(at_ + 2);
  piece.letter = kind;
  at_ += 2;
  if ((kind == 'k' || kind == 'u') && more == 's') {
    piece.conversion = Conversion::string;
    at_++;
  } else if (kind == 's' || kind == 'S' || kind == 'B') {
    piece.conversion = Conversion::symbol;
  } else if (kind == 'x' || kind == 'K') {
    piece.conversion = Conversion::pointer;
  } else if ((kind == 'i' || kind == 'I') && (more == '4' || more == '6')) {
    piece.conversion = more == '4' ? Conversion::ipv4 : Conversion::ipv6;
    at_++;
  } else if (kind == '\0' || std::isspace(static_cast<unsigned char>(kind)) ||
             std::ispunct(static_cast<unsigned char>(kind))) {
    piece.conversion = Conversion::pointer;
    piece.letter = 0;
    at_--;
  } else {
    return -EINVAL;
  }
  return 1;
}

long format_arguments(std::string_view format) {
  FormatReader reader(format);
  FormatPiece piece;
  long count = 0;
  int more = 0;
  while ((more = reader.next(piece)) > 0) count += piece.conversion != Conversion::text;
  return more < 0 ? more : count;
}

}  // namespace skep::uapi
