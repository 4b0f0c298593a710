// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
// Callbacks and strings: bpf_loop, bpf_for_each_map_elem, bpf_snprintf, bpf_strtol, bpf_strtoul, ring buffer by copy and by
// dynptr, subprograms.
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_helpers.h>

struct bpf_map;

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} classes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} lines SEC(".maps");

__u64 sums, visited, biggest, parsed, lost;
char text[48];

struct sum {
	__u64 total;
	__u32 most;
};

static long add_step(__u64 index, void *context)
{
	struct sum *sum = context;

	sum->total += index * index;
	return index == sum->most; // stops the loop
}

static long each_class(struct bpf_map *map, const void *key, void *value, void *context)
{
	__u64 *best = context;

	visited++;
	if (*(__u64 *)value > *best)
		*best = *(__u64 *)value;
	return 0;
}

static long each_slot(struct bpf_map *map, const void *key, void *value, void *context)
{
	*(__u64 *)value += *(__u32 *)key + 1;
	return *(__u32 *)key == 4; // the rest stay as they are
}

static __noinline __u64 mix(__u64 a, __u64 b)
{
	a ^= b;
	a *= 0x9e3779b97f4a7c15;
	return a ^ a >> 29;
}

SEC("xdp")
int loops(struct xdp_md *ctx)
{
	__u64 length = ctx->data_end - ctx->data, best = 0, *count, one = 1;
	struct sum sum = {.most = length % 90};
	char word[8] = "shorter", digits[8] = "-0x1f ";
	__u64 args[5];
	struct bpf_dynptr ring;
	__u32 key = length % 40;
	long value = 0, used;
	unsigned long natural = 0;

	sums += bpf_loop(100, add_step, &sum, 0) + sum.total;
	count = bpf_map_lookup_elem(&classes, &key);
	if (count)
		(*count)++;
	else
		bpf_map_update_elem(&classes, &key, &one, BPF_ANY);
	bpf_for_each_map_elem(&classes, each_class, &best, 0);
	if (best > biggest)
		biggest = best;
	bpf_for_each_map_elem(&slots, each_slot, 0, 0);

	args[0] = length;
	args[1] = mix(length, best);
	args[2] = length ^ best;
	args[3] = length;
	args[4] = key;
	used = bpf_snprintf(text, sizeof(text), "%d bytes, %llx, %u|%5u|%-6u|", args, 40);
	digits[1] = '0' + length % 10;
	parsed += bpf_strtol(digits, sizeof(digits), 0, &value);
	parsed += value;
	parsed += bpf_strtoul("4095", 4, 10, &natural) + natural;
	if (length % 16 == 0 && used > 0 && bpf_ringbuf_output(&lines, text, sizeof(text), 0))
		lost++;
	if (length % 16 == 1) {
		if (bpf_ringbuf_reserve_dynptr(&lines, 16 + key, 0, &ring) == 0)
			bpf_dynptr_write(&ring, 3, word, sizeof(word), 0);
		else
			lost++;
		bpf_ringbuf_submit_dynptr(&ring, 0);
	}
	return key & 1 ? XDP_PASS : XDP_DROP;
}
