// The smallest object: one program without maps.
#include "macros.h"

SEC("xdp")
int pass(struct xdp_md* ctx) { return ctx->data_end - ctx->data < 64 ? XDP_DROP : XDP_PASS; }

char _license[] SEC("license") = "Dual MIT/GPL";
