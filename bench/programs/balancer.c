// A load balancer's choice: Jenkins' hash of two hundred flows, each mapped to one of a number of servers.
#include "bench.h"

static __always_inline u32 hash_words(u32 a, u32 b, u32 c, u32 seed)
{
	a += 0xdeadbeef + 12 + seed;
	b += 0xdeadbeef + 12 + seed;
	c += 0xdeadbeef + 12 + seed;
	c ^= b;
	c -= rol32(b, 14);
	a ^= c;
	a -= rol32(c, 11);
	b ^= a;
	b -= rol32(a, 25);
	c ^= b;
	c -= rol32(b, 16);
	a ^= c;
	a -= rol32(c, 4);
	b ^= a;
	b -= rol32(a, 14);
	c ^= b;
	c -= rol32(b, 24);
	return c;
}

PROGRAM(balancer)
{
	INPUT(ctx);
	u32 servers = (read32(in + 1400) & 0xff) + 3, chosen = 0;

	for (int i = 0; i < 200; i++) {
		u32 source = read32(in + 4 * i), target = read32(in + 4 * i + 4), ports = read32(in + 4 * i + 8);
		u32 hash = hash_words(source, target, ports, 17);

		chosen = chosen * 33 + (u32)((u64)hash * servers >> 32);
	}
	return chosen;
}
