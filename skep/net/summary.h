// One line per packet, in the manner of tcpdump:
//
//   12:00:01.123456 IP 10.0.0.1.5353 > 10.0.0.2.80: Flags [S], seq 1, win 64240, length 0
//
// Pure and robust: any bytes give a line of printable ASCII.
#pragma once

#include <string>

#include "skep/net/capture.h"
#include "skep/net/headers.h"

namespace skep::net {

struct SummaryOptions {
  bool time = true;     // time of day, UTC
  bool number = false;  // the packet's number in front
};

// Appends the line, without a newline.
void append_summary(std::string& out, const Packet& packet, const SummaryOptions& options = {});
std::string summary(const Packet& packet, const SummaryOptions& options = {});

std::string print(const Ipv4Address& address);  // "10.0.0.1"
std::string print(const Ipv6Address& address);  // "2001:db8::1" (RFC 5952)
std::string print(const MacAddress& address);   // "02:00:00:00:00:01"

}  // namespace skep::net
