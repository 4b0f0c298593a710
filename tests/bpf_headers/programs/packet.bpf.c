/* Program of the plain kind: system headers, maps, byte order, tail calls, printing. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} inner_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {.values = {[0] = &inner_map}};

int next(struct xdp_md *ctx);
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct xdp_md *));
} calls SEC(".maps") = {.values = {[1] = (void *)&next}};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
	__ulong(map_extra, 1ULL << 40);
} extra SEC(".maps");

extern unsigned int CONFIG_HZ __kconfig __weak;
extern enum libbpf_tristate CONFIG_BPF_SYSCALL __kconfig __weak;
extern const int bpf_prog_active __ksym __weak;
extern int bpf_not_everywhere(struct xdp_md *ctx) __ksym __weak;

static const __be16 types[] = {bpf_htons(ETH_P_IP), __bpf_constant_htons(ETH_P_IPV6)};

_Static_assert(bpf_htons(0x1234) == __bpf_constant_htons(0x1234), "16 bits");
_Static_assert(bpf_htonl(0x12345678) == __bpf_constant_htonl(0x12345678), "32 bits");
_Static_assert(bpf_cpu_to_be64(0x123456789abcdef0ULL) == __bpf_constant_cpu_to_be64(0x123456789abcdef0ULL), "64 bits");
_Static_assert(bpf_ntohl(bpf_htonl(77)) == 77 && bpf_be64_to_cpu(bpf_cpu_to_be64(77)) == 77, "and back");
_Static_assert(KERNEL_VERSION(6, 1, 300) == 0x601ff, "a patch level above 255 counts as 255");
_Static_assert(offsetof(struct iphdr, saddr) == 12, "offsetof");

static __noinline int classify(struct ethhdr *eth)
{
	switch (eth->h_proto) {
	case bpf_htons(ETH_P_ARP):
		return 1;
	}
	return eth->h_proto == types[0] || bpf_ntohs(eth->h_proto) == ETH_P_IPV6;
}

__hidden __weak int global_function(struct xdp_md *ctx __arg_ctx, __u32 *count __arg_nullable)
{
	return count ? (int)*count : (int)ctx->ingress_ifindex;
}

SEC("xdp")
int packet(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	struct iphdr *ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > end)
		return XDP_PASS;
	if (container_of(&ip->saddr, struct iphdr, saddr) != ip)
		return XDP_ABORTED;
	__u32 key = bpf_ntohl(ip->saddr);
	barrier_var(key);
	__u64 *count = bpf_map_lookup_elem(&counts, &key);
	if (count)
		__sync_fetch_and_add(count, 1);
	else {
		__u64 one = 1;
		bpf_map_update_elem(&counts, &key, &one, BPF_ANY);
	}
	barrier();
	bpf_printk("zero");
	bpf_printk("one %d", key);
	bpf_printk("three %d %p %llu", key, eth, bpf_ktime_get_ns());
	long written = bpf_printk("four %d %d %d %p", 1, 2, 3, ctx);
	if (written < 0 && &bpf_prog_active && CONFIG_HZ && CONFIG_BPF_SYSCALL == TRI_YES)
		return global_function(ctx, NULL);
	if (bpf_ksym_exists(bpf_not_everywhere) && bpf_not_everywhere(ctx) && classify(eth))
		bpf_tail_call_static(ctx, &calls, 1);
	bpf_tail_call(ctx, &calls, 0);
	return XDP_PASS;
}

SEC("xdp")
int next(struct xdp_md *ctx)
{
	return ctx->ingress_ifindex ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "Dual MIT/GPL";
