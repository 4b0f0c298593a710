// Only the first question is printed: no name is looked for behind it, so compression pointers, which could
// only point back into the header there, end a name as malformed.
#include "skep/net/dns_print.h"

#include <fmt/format.h>

#include <cstring>

#include "skep/net/headers.h"

namespace skep::net {

namespace {

struct Name {
  std::uint32_t number;
  std::string_view text;
};
constexpr Name types[] = {{1, "A"},      {2, "NS"},    {5, "CNAME"},  {6, "SOA"},     {12, "PTR"},
                          {15, "MX"},    {16, "TXT"},  {28, "AAAA"},  {33, "SRV"},    {35, "NAPTR"},
                          {41, "OPT"},   {43, "DS"},   {46, "RRSIG"}, {48, "DNSKEY"}, {64, "SVCB"},
                          {65, "HTTPS"}, {255, "ANY"}, {257, "CAA"}};
constexpr Name codes[] = {{1, "FormErr"}, {2, "ServFail"}, {3, "NXDomain"}, {4, "NotImp"}, {5, "Refused"}};

bool append_name(std::string& text, base::Reader& reader) {
  std::size_t most = 255;  // a name's length on the wire, RFC 1035 section 2.3.4
  if (reader.left() == 0) return false;
  for (;;) {
    auto length = reader.u8();
    if (!length || *length > 63 || *length + 1u > most) return false;
    if (*length == 0) break;
    most -= *length + 1u;
    auto label = reader.take(*length);
    if (!label) return false;
    for (std::uint8_t byte : *label) {
      if (byte > 0x20 && byte < 0x7f && byte != '\\' && byte != '.')
        text += static_cast<char>(byte);
      else
        fmt::format_to(std::back_inserter(text), "\\{:03}", byte);
    }
    text += '.';
  }
  if (text.empty()) text = ".";
  return true;
}

std::string type_name(std::uint16_t type) {
  for (const Name& name : types)
    if (name.number == type) return std::string(name.text);
  return fmt::format("TYPE{}", type);
}

}  // namespace

bool append_dns(std::string& out, Bytes message) {
  base::Reader reader(message, "DNS message", std::endian::big);
  auto header = reader.read_struct<DnsHeader>();
  if (!header) return false;
  std::uint16_t flags = header->flags;
  bool response = (flags & 0x8000) != 0;
  std::string question;
  if (header->questions != 0) {
    std::string name;
    if (!append_name(name, reader)) return false;
    auto type = reader.u16();
    if (!type) return false;
    question = fmt::format(" {}? {}", type_name(*type), name);
  }
  auto into = std::back_inserter(out);
  fmt::format_to(into, "{}", std::uint16_t{header->id});
  if (response) {
    for (const Name& code : codes)
      if (code.number == (flags & 0xfu)) fmt::format_to(into, " {}", code.text);
    if (flags & 0x0400) out += '*';  // authoritative
    if (flags & 0x0200) out += '|';  // truncated
    fmt::format_to(into, " {}/{}/{}", std::uint16_t{header->answers}, std::uint16_t{header->authorities},
                   std::uint16_t{header->additionals});
  } else if (flags & 0x0100) {
    out += '+';  // recursion desired
  }
  fmt::format_to(into, "{} ({})", question, message.size());
  return true;
}

}  // namespace skep::net
