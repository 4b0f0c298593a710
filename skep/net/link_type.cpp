// The table of link types (tcpdump.org/linktypes.html; the limits are those of libpcap for the types whose
// packets may be larger than others).
#include "skep/net/link_type.h"

#include <fmt/format.h>

#include <algorithm>

namespace skep::net {

namespace {

constexpr std::uint32_t usual = 262144;
constexpr std::uint32_t mib = 1 << 20;

constexpr LinkTypeRow row(std::uint32_t number, std::string_view name,
                          std::uint8_t snoop = LinkTypeRow::no_snoop, std::uint32_t max_length = usual) {
  return {static_cast<LinkType>(number), name, max_length, snoop};
}

constexpr LinkTypeRow rows[] = {
    row(0, "NULL"),
    row(1, "ETHERNET", 4),
    row(3, "AX25"),
    row(6, "IEEE802_5", 2),
    row(7, "ARCNET_BSD"),
    row(8, "SLIP"),
    row(9, "PPP"),
    row(10, "FDDI", 8),
    row(12, "RAW_BSD"),
    row(14, "RAW_OPENBSD"),
    row(50, "PPP_HDLC"),
    row(51, "PPP_ETHER"),
    row(100, "ATM_RFC1483"),
    row(101, "RAW"),
    row(104, "C_HDLC"),
    row(105, "IEEE802_11"),
    row(107, "FRELAY"),
    row(108, "LOOP"),
    row(113, "LINUX_SLL"),
    row(114, "LTALK"),
    row(117, "PFLOG"),
    row(119, "IEEE802_11_PRISM"),
    row(122, "IP_OVER_FC"),
    row(123, "SUNATM"),
    row(127, "IEEE802_11_RADIOTAP"),
    row(129, "ARCNET_LINUX"),
    row(138, "APPLE_IP_OVER_IEEE1394"),
    row(139, "MTP2_WITH_PHDR"),
    row(140, "MTP2"),
    row(141, "MTP3"),
    row(142, "SCCP"),
    row(143, "DOCSIS"),
    row(144, "LINUX_IRDA"),
    row(147, "USER0"),
    row(148, "USER1"),
    row(149, "USER2"),
    row(150, "USER3"),
    row(151, "USER4"),
    row(152, "USER5"),
    row(153, "USER6"),
    row(154, "USER7"),
    row(155, "USER8"),
    row(156, "USER9"),
    row(157, "USER10"),
    row(158, "USER11"),
    row(159, "USER12"),
    row(160, "USER13"),
    row(161, "USER14"),
    row(162, "USER15"),
    row(163, "IEEE802_11_AVS"),
    row(165, "BACNET_MS_TP"),
    row(166, "PPP_PPPD"),
    row(169, "GPRS_LLC"),
    row(177, "LINUX_LAPD"),
    row(187, "BLUETOOTH_HCI_H4"),
    row(189, "USB_LINUX"),
    row(192, "PPI"),
    row(195, "IEEE802_15_4_WITHFCS"),
    row(196, "SITA"),
    row(197, "ERF"),
    row(201, "BLUETOOTH_HCI_H4_WITH_PHDR"),
    row(202, "AX25_KISS"),
    row(203, "LAPD"),
    row(204, "PPP_WITH_DIR"),
    row(205, "C_HDLC_WITH_DIR"),
    row(206, "FRELAY_WITH_DIR"),
    row(209, "IPMB_LINUX"),
    row(215, "IEEE802_15_4_NONASK_PHY"),
    row(220, "USB_LINUX_MMAPPED"),
    row(224, "FC_2"),
    row(225, "FC_2_WITH_FRAME_DELIMS"),
    row(226, "IPNET"),
    row(227, "CAN_SOCKETCAN"),
    row(228, "IPV4"),
    row(229, "IPV6"),
    row(230, "IEEE802_15_4_NOFCS"),
    row(231, "DBUS", LinkTypeRow::no_snoop, 128 * mib),
    row(235, "DVB_CI"),
    row(236, "MUX27010"),
    row(237, "STANAG_5066_D_PDU"),
    row(239, "NFLOG"),
    row(240, "NETANALYZER"),
    row(241, "NETANALYZER_TRANSPARENT"),
    row(242, "IPOIB"),
    row(243, "MPEG_2_TS"),
    row(244, "NG40"),
    row(245, "NFC_LLCP"),
    row(247, "INFINIBAND"),
    row(248, "SCTP"),
    row(249, "USBPCAP", LinkTypeRow::no_snoop, 128 * mib),
    row(250, "RTAC_SERIAL"),
    row(251, "BLUETOOTH_LE_LL"),
    row(252, "WIRESHARK_UPPER_PDU"),
    row(253, "NETLINK"),
    row(254, "BLUETOOTH_LINUX_MONITOR"),
    row(255, "BLUETOOTH_BREDR_BB"),
    row(256, "BLUETOOTH_LE_LL_WITH_PHDR"),
    row(257, "PROFIBUS_DL"),
    row(258, "PKTAP"),
    row(259, "EPON"),
    row(260, "IPMI_HPM_2"),
    row(261, "ZWAVE_R1_R2"),
    row(262, "ZWAVE_R3"),
    row(263, "WATTSTOPPER_DLM"),
    row(264, "ISO_14443"),
    row(265, "RDS"),
    row(266, "USB_DARWIN"),
    row(268, "SDLC"),
    row(270, "LORATAP"),
    row(271, "VSOCK"),
    row(272, "NORDIC_BLE"),
    row(273, "DOCSIS31_XRA31"),
    row(274, "ETHERNET_MPACKET"),
    row(275, "DISPLAYPORT_AUX"),
    row(276, "LINUX_SLL2"),
    row(277, "SERCOS_MONITOR"),
    row(278, "OPENVIZSLA"),
    row(279, "EBHSCR", LinkTypeRow::no_snoop, 8 * mib),
    row(280, "VPP_DISPATCH"),
    row(281, "DSA_TAG_BRCM"),
    row(282, "DSA_TAG_BRCM_PREPEND"),
    row(283, "IEEE802_15_4_TAP"),
    row(284, "DSA_TAG_DSA"),
    row(285, "DSA_TAG_EDSA"),
    row(286, "ELEE"),
    row(287, "Z_WAVE_SERIAL"),
    row(288, "USB_2_0"),
    row(289, "ATSC_ALP"),
};

static_assert(std::ranges::is_sorted(rows, {}, &LinkTypeRow::number));
static_assert(std::ranges::adjacent_find(rows, {}, &LinkTypeRow::number) == std::ranges::end(rows));

}  // namespace

std::span<const LinkTypeRow> link_types() { return rows; }

const LinkTypeRow* find_link_type(LinkType number) {
  const auto* found = std::ranges::lower_bound(rows, number, {}, &LinkTypeRow::number);
  return found != std::ranges::end(rows) && found->number == number ? found : nullptr;
}

std::string print(LinkType number) {
  const LinkTypeRow* found = find_link_type(number);
  return found ? std::string(found->name) : fmt::format("link type {}", static_cast<std::uint32_t>(number));
}

std::uint32_t max_packet_length(LinkType number) {
  const LinkTypeRow* found = find_link_type(number);
  return found ? found->max_length : usual;
}

}  // namespace skep::net
