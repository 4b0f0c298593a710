// A packet parsed and both checksums taken (RFC 1071): Ethernet, IPv4, UDP, each step with its bounds check.
#include "bench.h"

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

PROGRAM(checksum)
{
	const u8 *data = (const u8 *)(unsigned long)ctx->data, *end = (const u8 *)(unsigned long)ctx->data_end;
	const struct ethhdr *eth = (const void *)data;
	const struct iphdr *ip = (const void *)(eth + 1);
	const struct udphdr *udp = (const void *)(ip + 1);

	if ((const u8 *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return 1;
	if (ip->version != 4 || ip->ihl != 5 || ip->protocol != IPPROTO_UDP)
		return 2;
	if ((const u8 *)(udp + 1) > end)
		return 3;

	u32 header = 0;
	for (int i = 0; i < 10; i++)
		header += ((const u16 *)ip)[i];
	header = (header & 0xffff) + (header >> 16);
	header = (header & 0xffff) + (header >> 16);

	u64 sum = (ip->saddr & 0xffff) + (ip->saddr >> 16) + (ip->daddr & 0xffff) + (ip->daddr >> 16);
	sum += bpf_htons(IPPROTO_UDP) + udp->len;
	const u8 *at = (const u8 *)udp;
	for (int i = 0; i < 750; i++) {
		if (at + 2 > end)
			break;
		sum += *(const u16 *)at;
		at += 2;
	}
	for (int i = 0; i < 3; i++)
		sum = (sum & 0xffff) + (sum >> 16);
	return header << 16 | (u32)sum;
}
