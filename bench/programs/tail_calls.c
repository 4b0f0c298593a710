// Tail calls: a program that goes on in itself through a program array, thirty times.
#include "bench.h"

static u32 left;
static u64 state;

#ifdef __bpf__
int next(struct xdp_md *ctx);
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(u32));
	__array(values, int(struct xdp_md *));
} bench_progs SEC(".maps") = {
	.values = {[0] = (void *)&next},
};
#define GO_ON bpf_tail_call(ctx, &bench_progs, 0)
#else
#define GO_ON return next(ctx)
#endif

#ifdef __bpf__
SEC("xdp")
#else
static
#endif
int next(struct xdp_md *ctx)
{
	state = state * 31 + left;
	if (left-- > 0)
		GO_ON;
	return fold(state);
}

PROGRAM(tail_calls)
{
	INPUT(ctx);

	state = read64(in);
	left = 30;
	GO_ON;
	return 0;
}
