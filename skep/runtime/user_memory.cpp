// The guarded copy and its signal handler.
#include "skep/runtime/user_memory.h"

#include <signal.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <type_traits>

#include "skep/jit/jit.h"

#if defined(__x86_64__)

// rdi: to, rsi: from, rdx: bytes; 0 or, when the handler moved on, 1. Short copies word by word: the start of
// rep movsb alone takes longer.
asm(R"(
.text
.p2align 4
.globl skep_guarded_copy
.type skep_guarded_copy, @function
skep_guarded_copy:
    movq %rdx, %rcx
    cmpq $128, %rdx
    ja 3f
    subq $8, %rcx
    jb 2f
1:  movq (%rsi), %r8
    movq %r8, (%rdi)
    addq $8, %rsi
    addq $8, %rdi
    subq $8, %rcx
    jae 1b
2:  addq $8, %rcx
    jz 5f
4:  movb (%rsi), %r8b
    movb %r8b, (%rdi)
    incq %rsi
    incq %rdi
    decq %rcx
    jnz 4b
    jmp 5f
3:  rep movsb
5:  xorl %eax, %eax
.globl skep_guarded_copy_end
skep_guarded_copy_end:
    ret
.globl skep_guarded_copy_fault
skep_guarded_copy_fault:
    movl $1, %eax
    ret
.size skep_guarded_copy, .-skep_guarded_copy
)");
#elif defined(__aarch64__)

// x0: to, x1: from, x2: bytes; 0 or, when the handler moved on, 1.
asm(R"(
.text
.p2align 4
.globl skep_guarded_copy
.type skep_guarded_copy, %function
skep_guarded_copy:
    subs x2, x2, #16
    b.lo 2f
1:  ldp x3, x4, [x1], #16
    stp x3, x4, [x0], #16
    subs x2, x2, #16
    b.hs 1b
2:  adds x2, x2, #16
    b.eq 4f
3:  ldrb w3, [x1], #1
    strb w3, [x0], #1
    subs x2, x2, #1
    b.ne 3b
4:  mov w0, #0
.globl skep_guarded_copy_end
skep_guarded_copy_end:
    ret
.globl skep_guarded_copy_fault
skep_guarded_copy_fault:
    mov w0, #1
    ret
.size skep_guarded_copy, .-skep_guarded_copy
)");
#endif

#if defined(__x86_64__) || defined(__aarch64__)

extern "C" int skep_guarded_copy(void* to, const void* from, std::size_t size);
extern "C" const char skep_guarded_copy_end[];
extern "C" const char skep_guarded_copy_fault[];

namespace skep::runtime {
namespace {

struct sigaction before_segv, before_bus;

void on_fault(int signal, siginfo_t* info, void* context) {
#if defined(__x86_64__)
  auto& pc = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP];
#else
  auto& pc = static_cast<ucontext_t*>(context)->uc_mcontext.pc;
#endif
  auto at = static_cast<std::uint64_t>(pc);
  if (at >= reinterpret_cast<std::uint64_t>(&skep_guarded_copy) &&
      at < reinterpret_cast<std::uint64_t>(skep_guarded_copy_end)) {
    pc = static_cast<std::remove_reference_t<decltype(pc)>>(
        reinterpret_cast<std::uint64_t>(skep_guarded_copy_fault));
    return;
  }
  if (jit::recover(info->si_addr, context)) return;
  // Not ours: whoever was there before answers; without anybody the instruction faults again and ends the
  // process.
  const struct sigaction& before = signal == SIGBUS ? before_bus : before_segv;
  if (before.sa_flags & SA_SIGINFO) {
    before.sa_sigaction(signal, info, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(signal);
  } else {
    struct sigaction none = {};
    none.sa_handler = SIG_DFL;
    sigaction(signal, &none, nullptr);
  }
}

void install() {
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  sigaction(SIGSEGV, &action, &before_segv);
  sigaction(SIGBUS, &action, &before_bus);
}

}  // namespace

void own_faults() {
  static std::once_flag once;
  std::call_once(once, install);
}

bool copy_guarded(void* to, const void* from, std::size_t size) {
  own_faults();
  return skep_guarded_copy(to, from, size) == 0;
}

#else

namespace skep::runtime {
namespace {

struct sigaction before_segv, before_bus;

// Faults of compiled programs; all others go to whoever was there before.
void on_fault(int signal, siginfo_t* info, void* context) {
  if (jit::recover(info->si_addr, context)) return;
  sigaction(signal, signal == SIGBUS ? &before_bus : &before_segv, nullptr);
}

}  // namespace

void own_faults() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &before_segv);
    sigaction(SIGBUS, &action, &before_bus);
  });
}

bool copy_guarded(void* to, const void* from, std::size_t size) {
  // Reading ourselves: the kernel checks both sides of the copy.
  auto* out = static_cast<char*>(to);
  auto* in = static_cast<char*>(const_cast<void*>(from));
  while (size) {
    iovec local{out, size}, remote{in, size};
    ssize_t done = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    if (done <= 0) return false;
    out += done;
    in += done;
    size -= static_cast<std::size_t>(done);
  }
  return true;
}

#endif

long UserMemory::read_string(char* to, std::uint64_t from, std::size_t limit) const {
  // Up to the end of a page at a time: the string may end just before memory that is not there.
  constexpr std::size_t page = 4096;
  std::size_t done = 0;
  while (done < limit) {
    std::size_t part = page - (from + done) % page;
    if (part > limit - done) part = limit - done;
    if (!read(to + done, from + done, part)) return -EFAULT;
    if (void* end = std::memchr(to + done, 0, part)) return static_cast<char*>(end) - to;
    done += part;
  }
  return -E2BIG;
}

int UserMemory::all_zero(std::uint64_t from, std::size_t size) const {
  unsigned char part[256];
  while (size) {
    std::size_t now = size < sizeof part ? size : sizeof part;
    if (!read(part, from, now)) return -EFAULT;
    for (std::size_t i = 0; i < now; i++)
      if (part[i]) return 0;
    from += now;
    size -= now;
  }
  return 1;
}

}  // namespace skep::runtime
