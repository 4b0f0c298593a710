// bpf_loop: a callback called a thousand times.
#include "bench.h"

struct loop {
	u64 x;
};

static long step(u64 i, struct loop *loop)
{
	loop->x ^= loop->x << 13;
	loop->x += i;
	return 0;
}

PROGRAM(loop_callback)
{
	INPUT(ctx);
	struct loop loop = {.x = read64(in)};

	bpf_loop(1000, step, &loop, 0);
	return fold(loop.x);
}
