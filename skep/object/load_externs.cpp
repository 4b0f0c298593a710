// Externs: values of the kernel's configuration, addresses of kernel symbols, ids of typed ones and kfuncs.
#include <algorithm>
#include <charconv>

#include "skep/object/core.h"
#include "skep/object/loader.h"

namespace skep::object {
namespace {

// "CONFIG_X=y" lines to a map; the first of a name counts.
void read_config(std::string_view text, std::map<std::string_view, std::string_view>& into) {
  while (!text.empty()) {
    std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    std::size_t equals = line.find('=');
    if (!line.starts_with("CONFIG_") || equals == line.npos) continue;
    into.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
}

constexpr std::uint64_t tri_no = 0, tri_yes = 1, tri_module = 2;  // enum libbpf_tristate

Result<void> misfit(const ExternSpec& ext, std::string_view value) {
  return fail(EINVAL, "extern '{}': the value '{}' does not fit its type of {} bytes", ext.name, value,
              ext.size);
}

void store_number(std::uint8_t* at, const ExternSpec& ext, std::uint64_t value) {
  switch (ext.size) {
    case 1: base::store(at, static_cast<std::uint8_t>(value)); return;
    case 2: base::store(at, static_cast<std::uint16_t>(value)); return;
    case 4: base::store(at, static_cast<std::uint32_t>(value)); return;
    case 8: base::store(at, value); return;
  }
}

bool fits(const ExternSpec& ext, std::uint64_t value) {
  if (ext.size >= 8) return true;
  unsigned bits = ext.size * 8;
  if (!ext.is_signed) return value >> bits == 0;
  auto signed_value = static_cast<std::int64_t>(value);
  return signed_value >= -(std::int64_t{1} << (bits - 1)) && signed_value < std::int64_t{1} << (bits - 1);
}

Result<void> store_tristate(std::uint8_t* at, const ExternSpec& ext, std::string_view text) {
  std::uint64_t value = text == "y" ? tri_yes : text == "m" ? tri_module : tri_no;
  switch (ext.kconfig_type) {
    case KconfigType::boolean:
      if (value == tri_module) return misfit(ext, text);
      store_number(at, ext, value);
      return {};
    case KconfigType::tristate: store_number(at, ext, value); return {};
    case KconfigType::character: store_number(at, ext, static_cast<std::uint8_t>(text[0])); return {};
    case KconfigType::integer:
    case KconfigType::char_array:
    case KconfigType::unknown: break;
  }
  return misfit(ext, text);
}

// "..." without its quotes; cut to what the array holds, always ended by a NUL.
Result<void> store_text(std::uint8_t* at, const ExternSpec& ext, std::string_view text) {
  if (ext.kconfig_type != KconfigType::char_array || text.size() < 2 || !text.ends_with('"'))
    return misfit(ext, text);
  text = text.substr(1, text.size() - 2);
  std::size_t length = std::min<std::size_t>(text.size(), ext.size - 1);
  std::copy_n(text.data(), length, at);
  return {};
}

Result<void> store_value(std::uint8_t* at, const ExternSpec& ext, std::string_view text) {
  if (text == "y" || text == "m" || text == "n") return store_tristate(at, ext, text);
  if (text.starts_with('"')) return store_text(at, ext, text);
  bool negative = text.starts_with('-');
  std::string_view digits = negative ? text.substr(1) : text;
  bool hex = digits.starts_with("0x") || digits.starts_with("0X");
  if (hex) digits.remove_prefix(2);
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty())
    return fail(EINVAL, "extern '{}': the value '{}' is no number", ext.name, text);
  if (negative) value = ~value + 1;
  bool number = ext.kconfig_type == KconfigType::integer || ext.kconfig_type == KconfigType::character;
  if (!number || !fits(ext, value)) return misfit(ext, text);
  store_number(at, ext, value);
  return {};
}

// LINUX_*: what the loader knows itself.
std::optional<std::uint64_t> virtual_value(uapi::Sys& sys, std::string_view name) {
  if (name == "LINUX_KERNEL_VERSION") return sys.kernel_version().code();
  // bpf_cookie of perf events and syscall wrappers (arch_syscall on x86-64, arm64, s390, riscv) are older
  // than every kernel that this loader meets: 5.15 and 4.17.
  if (name == "LINUX_HAS_BPF_COOKIE") return sys.kernel_version() >= uapi::KernelVersion{5, 15, 0};
  if (name == "LINUX_HAS_SYSCALL_WRAPPER") return sys.kernel_version() >= uapi::KernelVersion{4, 17, 0};
  return std::nullopt;
}

}  // namespace

Result<void> Loader::fill_kconfig() {
  auto map = std::find_if(object_.maps_.begin(), object_.maps_.end(),
                          [](const Map& m) { return m.spec().origin == MapOrigin::kconfig; });
  if (map == object_.maps_.end()) return {};
  Buffer& contents = map->spec_.contents;

  std::string of_side;
  std::map<std::string_view, std::string_view> config;
  read_config(options_.kconfig, config);
  bool asks = std::any_of(spec_.externs.begin(), spec_.externs.end(), [](const ExternSpec& ext) {
    return ext.kind == ExternKind::kconfig && ext.name.starts_with("CONFIG_");
  });
  if (asks) {
    Result<std::string> text = sys_.kconfig();
    if (text) {
      of_side = std::move(*text);
      read_config(of_side, config);
    } else {
      note(fmt::format("no kernel configuration: {}", text.error().message));
    }
  }
  for (const ExternSpec& ext : spec_.externs) {
    if (ext.kind != ExternKind::kconfig) continue;
    if (ext.offset > contents.size() || ext.size > contents.size() - ext.offset || ext.size == 0)
      return fail(EINVAL, "extern '{}': {} bytes at {} lie outside of .kconfig ({} bytes)", ext.name,
                  ext.size, ext.offset, contents.size());
    std::uint8_t* at = contents.data() + ext.offset;
    if (auto found = config.find(ext.name); found != config.end()) {
      TRY(store_value(at, ext, found->second));
    } else if (std::optional<std::uint64_t> value = virtual_value(sys_, ext.name)) {
      if (ext.kconfig_type == KconfigType::char_array || !fits(ext, *value))
        return misfit(ext, fmt::format("{}", *value));
      store_number(at, ext, *value);
    } else if (!ext.weak) {
      return fail(ENOENT, "extern '{}' (strong): not resolved", ext.name);
    }
  }
  return {};
}

Result<void> Loader::find_ksyms() {
  externs_.assign(spec_.externs.size(), {});
  bool typeless = false;
  for (std::size_t i = 0; i < spec_.externs.size(); i++) {
    const ExternSpec& ext = spec_.externs[i];
    if (ext.kind == ExternKind::ksym_typeless) typeless = true;
    if (ext.kind != ExternKind::ksym_typed && ext.kind != ExternKind::kfunc) continue;
    Result<const btf::Btf*> target = target_btf();
    if (target) {
      btf::Kind kind = ext.kind == ExternKind::kfunc ? btf::Kind::func : btf::Kind::var;
      if (std::optional<btf::TypeId> id = (*target)->find(without_flavour(ext.name), kind))
        externs_[i] = {.btf_id = *id, .found = true};
    } else if (!ext.weak) {
      return Failure(std::move(target).error().in(fmt::format("extern '{}'", ext.name)));
    }
    if (!externs_[i].found && !ext.weak)
      return fail(ENOENT, "extern '{}' (strong): not resolved: the kernel's BTF has no {} of that name",
                  ext.name, ext.kind == ExternKind::kfunc ? "function" : "variable");
  }
  if (!typeless) return {};

  Result<std::string> symbols = sys_.kallsyms();
  if (symbols) {
    std::unordered_map<std::string_view, std::size_t> wanted;
    for (std::size_t i = 0; i < spec_.externs.size(); i++)
      if (spec_.externs[i].kind == ExternKind::ksym_typeless) wanted.emplace(spec_.externs[i].name, i);
    // "ffffffff81000000 T _text" and " [module]" behind names of modules.
    std::string_view text = *symbols;
    while (!text.empty()) {
      std::size_t end = text.find('\n');
      std::string_view line = text.substr(0, end);
      text.remove_prefix(end == text.npos ? text.size() : end + 1);
      std::size_t first = line.find(' ');
      if (first == line.npos || first + 3 > line.size()) continue;
      std::string_view name = line.substr(first + 3);
      name = name.substr(0, name.find_first_of(" \t"));
      auto found = wanted.find(name);
      if (found == wanted.end() || externs_[found->second].found) continue;
      std::uint64_t address = 0;
      std::from_chars(line.data(), line.data() + first, address, 16);
      externs_[found->second] = {.address = address, .found = true};
    }
  } else {
    note(fmt::format("no kernel symbols: {}", symbols.error().message));
  }
  for (std::size_t i = 0; i < spec_.externs.size(); i++)
    if (const ExternSpec& ext = spec_.externs[i];
        ext.kind == ExternKind::ksym_typeless && !ext.weak && !externs_[i].found)
      return fail(ENOENT, "extern '{}' (strong): not resolved: kallsyms has no such symbol", ext.name);
  return {};
}

}  // namespace skep::object
