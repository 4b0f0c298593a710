// Verbs that a side may lack: they answer as a kernel built without them does.
#include "skep/uapi/sys.h"

namespace skep::uapi {

Sys::~Sys() = default;

long Sys::perf_event_open(Bytes, int, int, int, std::uint64_t) { return -ENOSYS; }
long Sys::perf_event_ioctl(int, std::uint64_t, std::uint64_t) { return -ENOTTY; }
long Sys::xdp_attach(int, int, XdpMode, int) { return -EOPNOTSUPP; }
long Sys::tc_qdisc_clsact(int, bool) { return -EOPNOTSUPP; }
long Sys::tc_attach(int, TcDirection, int, std::uint32_t, std::uint32_t) { return -EOPNOTSUPP; }
long Sys::tc_detach(int, TcDirection, std::uint32_t, std::uint32_t) { return -EOPNOTSUPP; }
long Sys::socket_attach(int, int) { return -ENOPROTOOPT; }

}  // namespace skep::uapi
