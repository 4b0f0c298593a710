// DNS messages (RFC 1035) in the manner of tcpdump, inside net.
#pragma once

#include <string>

#include "skep/base/bytes.h"

namespace skep::net {

// Appends "12345+ A? example.com. (29)" for a question, "12345 2/0/1 A? example.com. (61)" for an answer
// (with the response code's name when it is an error), and returns true; false, and nothing appended, when
// the bytes are no DNS message. Bytes of names that are not printable ASCII appear as \ddd.
bool append_dns(std::string& out, Bytes message);

}  // namespace skep::net
