// Writes the kernel's old verifier tests (tools/testing/selftests/bpf/verifier/*.c: arrays of struct
// bpf_test) as data: a JSON object a line with the instructions, maps, types and expected results of one
// test. `structs` compiles it against the kernel's sources; their own harness, test_verifier.c, fills in the
// instructions, and the functions below stand where its libbpf stands: they take notes instead of asking a
// kernel.
#define main test_verifier_main
#define close close_noted
int close_noted(int fd);
#include "test_verifier.c"
#undef main
#undef close

enum { first_fd = 0x5e1f000, most = 64 };
static FILE* out;
static int current, written;
static char notes[1 << 16];  // of the maps and types that the test at hand has made
static size_t notes_size;
static int next_fd;

static void note(const char* format, ...) __attribute__((format(printf, 1, 2)));
#include <stdarg.h>
static void note(const char* format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(notes + notes_size, sizeof notes - notes_size, format, args);
  va_end(args);
  if (n < 0 || (size_t)n >= sizeof notes - notes_size) {
    fprintf(stderr, "test %d: too many maps and types\n", current);
    exit(1);
  }
  notes_size += (size_t)n;
}
static void put_hex(FILE* to, const void* data, size_t size) {
  for (size_t i = 0; i < size; i++) fprintf(to, "%02x", ((const unsigned char*)data)[i]);
}
static void put_text(FILE* to, const char* text) {
  if (!text) {
    fputs("null", to);
    return;
  }
  fputc('"', to);
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\')
      fprintf(to, "\\%c", c);
    else if (c < 0x20 || c >= 0x7f)
      fprintf(to, "\\u%04x", c);
    else
      fputc(c, to);
  }
  fputc('"', to);
}
static const char* result_name(int result) {
  return result == ACCEPT || result == VERBOSE_ACCEPT ? "accept" : result == REJECT ? "reject" : "";
}

int close_noted(int fd) {
  (void)fd;
  return 0;
}

int bpf_map_create(enum bpf_map_type type, const char* name, __u32 key_size, __u32 value_size,
                   __u32 max_entries, const struct bpf_map_create_opts* opts) {
  struct bpf_map_create_opts none = {0};
  (void)name;
  if (!opts) opts = &none;
  note("%s{\"fd\": %d, \"map\": [%d, %u, %u, %u, %u], \"inner\": %u, \"btf\": %u, \"types\": [%u, %u]}",
       notes_size ? ", " : "", next_fd, (int)type, key_size, value_size, max_entries, opts->map_flags,
       opts->inner_map_fd, opts->btf_fd, opts->btf_key_type_id, opts->btf_value_type_id);
  return next_fd++;
}

int bpf_btf_load(const void* data, size_t size, struct bpf_btf_load_opts* opts) {
  (void)opts;
  note("%s{\"fd\": %d, \"types_of\": \"", notes_size ? ", " : "", next_fd);
  for (size_t i = 0; i < size; i++) note("%02x", ((const unsigned char*)data)[i]);
  note("\"}");
  return next_fd++;
}

// The load that the test is about; others prepare tail calls, which a verdict does not depend on.
int bpf_prog_load(enum bpf_prog_type type, const char* name, const char* license,
                  const struct bpf_insn* insns, size_t count, struct bpf_prog_load_opts* opts) {
  const struct bpf_test* test = &tests[current];
  (void)name;
  if (!opts || opts->log_buf != bpf_vlog) return next_fd++;
  fprintf(out, "{\"number\": %d, \"name\": ", current);
  put_text(out, test->descr);
  fprintf(out, ", \"type\": %d, \"attach_type\": %d, \"flags\": %u, \"license\": ", (int)type,
          (int)opts->expected_attach_type, opts->prog_flags);
  put_text(out, license);
  fputs(", \"target\": ", out);
  put_text(out, opts->attach_btf_id ? test->kfunc : NULL);
  fprintf(out, ", \"made\": [%s], \"btf\": %u, \"func_info\": \"", notes, opts->prog_btf_fd);
  put_hex(out, opts->func_info, (size_t)opts->func_info_cnt * opts->func_info_rec_size);
  fputs("\", \"kfuncs\": [", out);
  for (int i = 0; i < MAX_FIXUPS && test->fixup_kfunc_btf_id[i].kfunc; i++) {
    fprintf(out, "%s[%d, ", i ? ", " : "", test->fixup_kfunc_btf_id[i].insn_idx);
    put_text(out, test->fixup_kfunc_btf_id[i].kfunc);
    fputc(']', out);
  }
  fprintf(out, "], \"result\": \"%s\", \"unprivileged\": \"%s\", \"message\": ", result_name(test->result),
          !test_as_unpriv((struct bpf_test*)test)
              ? ""
              : result_name(test->result_unpriv ? test->result_unpriv : test->result));
  put_text(out, test->errstr);
  fputs(", \"insns\": \"", out);
  put_hex(out, insns, count * sizeof *insns);
  fputs("\"}\n", out);
  written++;
  errno = ENOTSUPP;  // ends the test there
  return -1;
}

// What else the harness asks for.
int bpf_map_update_elem(int fd, const void* key, const void* value, __u64 flags) {
  (void)fd, (void)key, (void)value, (void)flags;
  return 0;
}
int bpf_prog_test_run_opts(int fd, struct bpf_test_run_opts* opts) {
  (void)fd, (void)opts;
  return -1;
}
int bpf_btf_get_next_id(__u32 id, __u32* next) {
  (void)id, (void)next;
  errno = ENOENT;
  return -1;
}
int bpf_btf_get_fd_by_id(__u32 id) {
  (void)id;
  return -1;
}
int bpf_obj_get_info_by_fd(int fd, void* info, __u32* size) {
  (void)fd, (void)info, (void)size;
  return -1;
}
struct btf* btf__load_vmlinux_btf(void) { return NULL; }
struct btf* btf__load_from_kernel_by_id_split(__u32 id, struct btf* base) {
  (void)id, (void)base;
  return NULL;
}
__s32 btf__find_by_name_kind(const struct btf* btf, const char* name, __u32 kind) {
  (void)btf, (void)name, (void)kind;
  return -1;
}
int btf__fd(const struct btf* btf) {
  (void)btf;
  return -1;
}
void btf__set_fd(struct btf* btf, int fd) { (void)btf, (void)fd; }
void btf__free(struct btf* btf) { (void)btf; }
int libbpf_find_vmlinux_btf_id(const char* name, enum bpf_attach_type type) {
  (void)name, (void)type;
  return 1;
}
int libbpf_probe_bpf_prog_type(enum bpf_prog_type type, const void* opts) {
  (void)type, (void)opts;
  return 1;
}
int libbpf_probe_bpf_map_type(enum bpf_map_type type, const void* opts) {
  (void)type, (void)opts;
  return 1;
}
int libbpf_set_strict_mode(enum libbpf_strict_mode mode) {
  (void)mode;
  return 0;
}
int libbpf_num_possible_cpus(void) { return 1; }
int cap_enable_effective(__u64 caps, __u64* old) {
  (void)caps;
  if (old) *old = ~0ull;
  return 0;
}
int cap_disable_effective(__u64 caps, __u64* old) { return cap_enable_effective(caps, old); }
int load_bpf_testmod(bool loud) {
  (void)loud;
  return 0;
}
int unload_bpf_testmod(bool loud) {
  (void)loud;
  return 0;
}
int get_xlated_program(int fd, struct bpf_insn** insns, __u32* count) {
  (void)fd, (void)insns, (void)count;
  return -1;
}
int testing_prog_flags(void) { return BPF_F_TEST_RND_HI32 | BPF_F_TEST_REG_INVARIANTS; }
bool is_jit_enabled(void) { return true; }
bool get_unpriv_disabled(void) { return false; }

int main(int argc, char** argv) {
  int passes = 0, errors = 0;
  if (argc != 2 || !(out = fopen(argv[1], "w"))) {
    fprintf(stderr, "usage: structs_dump FILE\n");
    return 2;
  }
  if (!freopen("/dev/null", "w", stdout)) return 1;
  srand(1);
  for (current = 0; current < (int)ARRAY_SIZE(tests); current++) {
    notes_size = 0;
    notes[0] = '\0';
    next_fd = first_fd;
    do_test_single(&tests[current], false, &passes, &errors);
  }
  fprintf(stderr, "%d of %d tests\n", written, (int)ARRAY_SIZE(tests));
  return fclose(out) != 0;
}
