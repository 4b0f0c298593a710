// Longest-prefix-match tries. A key is a 32-bit prefix length (host order) and data in network order.
//
// A binary trie without one-way branches: each node holds a prefix; its two children continue it with a 0 and
// a 1 bit. Nodes that only branch hold no value. All nodes come from one slab by index and are reused, so
// readers walk without a lock under the map's sequence number (odd while a writer works) and look again when
// it changed; a walk has at most one step per bit. Changing a value replaces the node.
//
// next_key goes in postorder (longer prefixes before the prefix that holds them), as in the kernel.
// Facts: Documentation/bpf/map_lpm_trie.rst.
#include <algorithm>
#include <bit>
#include <mutex>
#include <vector>

#include "skep/base/endian.h"
#include "skep/maps/families.h"
#include "skep/maps/memory.h"

namespace skep::maps {
namespace {

using image::MapDescriptor;
using image::RunContext;

struct Node {
  std::atomic<std::uint32_t> child[2];     // index + 1; 0: none
  std::atomic<std::uint32_t> prefix_bits;  // length of its prefix
  std::atomic<std::uint32_t> has_value;
  // The data follows in words of 8 bytes, padded with zeros; then the value.
};
static_assert(sizeof(Node) == 16);

struct Prefix {
  std::uint32_t bits;
  const std::uint8_t* data;
};

class LpmTrie final : public Map {
 public:
  LpmTrie(const Definition& d, Memory nodes, std::uint32_t stride) : Map(d), nodes_(std::move(nodes)) {
    stride_ = stride;
    data_bytes_ = d.key_size - 4;
    data_words_ = (data_bytes_ + 7) / 8;
    max_bits_ = data_bytes_ * 8;
    value_at_ = static_cast<std::uint32_t>(sizeof(Node)) + 8 * data_words_;
    descriptor_.values = image::Slab{nodes_.at() + value_at_, capacity(), stride_, d.value_size};
    descriptor_.lookup = [](MapDescriptor* m, const void* key, RunContext*) -> void* {
      auto* map = static_cast<LpmTrie*>(m->map);
      std::uint32_t found = map->find_longest(map->prefix_of(key));
      return found ? map->value_of(found) : nullptr;
    };
    descriptor_.update = [](MapDescriptor* m, const void* key, const void* value, std::uint64_t flags,
                            RunContext*) -> long {
      return static_cast<LpmTrie*>(m->map)->update(key, value, flags);
    };
    descriptor_.remove = [](MapDescriptor* m, const void* key, RunContext*) -> long {
      return static_cast<LpmTrie*>(m->map)->remove(key);
    };
  }

  // Nodes that hold values, as many that branch, and one to replace a node by.
  static std::uint64_t capacity_for(std::uint32_t max_entries) {
    return std::min<std::uint64_t>(2 * std::uint64_t{max_entries} + 1, 0xfffffffe);
  }
  std::uint64_t capacity() const { return capacity_for(definition_.max_entries); }

  long lookup(const void* key, void* value, std::uint64_t flags) override {
    if (flags) return -EINVAL;
    std::lock_guard lock(writers_);
    std::uint32_t found = find_longest(prefix_of(key));
    if (!found) return -ENOENT;
    copy_value(value, value_of(found), definition_.value_size);
    return 0;
  }

  long update(const void* key, const void* value, std::uint64_t flags) override {
    if (flags > exist) return -EINVAL;
    Prefix prefix = prefix_of(key);
    if (prefix.bits > max_bits_) return -EINVAL;
    std::lock_guard lock(writers_);

    std::atomic<std::uint32_t>* slot = &root_;
    std::uint32_t at, match = 0;
    while ((at = slot->load(std::memory_order_relaxed)) != 0) {
      match = common_bits(at, prefix);
      std::uint32_t bits = bits_of(at);
      if (match != bits || bits == prefix.bits) break;
      slot = &node(at)->child[bit(prefix.data, bits)];
    }
    bool same = at && bits_of(at) == match && match == prefix.bits;
    bool present = same && holds(at);
    if (present && flags == noexist) return -EEXIST;
    if (!present && flags == exist) return -ENOENT;
    if (!present && count_ == definition_.max_entries) return -ENOSPC;

    std::uint32_t fresh = take(prefix.data, prefix.bits, value);
    if (!fresh) return -ENOMEM;
    std::uint32_t branch = 0;
    if (at && !same && match != prefix.bits) {
      branch = take(prefix.data, match, nullptr);
      if (!branch) {
        give_back(fresh);
        return -ENOMEM;
      }
    }
    Change change(*this);
    if (!present) count_++;
    if (!at) {
      put(*slot, fresh);
    } else if (same) {
      for (int side = 0; side < 2; side++)
        put(node(fresh)->child[side], node(at)->child[side].load(std::memory_order_relaxed));
      put(*slot, fresh);
      give_back(at);
    } else if (!branch) {
      put(node(fresh)->child[bit(data_of(at), match)], at);
      put(*slot, fresh);
    } else {
      unsigned side = bit(prefix.data, match);
      put(node(branch)->child[side], fresh);
      put(node(branch)->child[1 - side], at);
      put(*slot, branch);
    }
    return 0;
  }

  long remove(const void* key) override {
    Prefix prefix = prefix_of(key);
    if (prefix.bits > max_bits_) return -EINVAL;
    std::lock_guard lock(writers_);
    std::atomic<std::uint32_t>*slot = &root_, *parent_slot = nullptr;
    std::uint32_t at;
    while ((at = slot->load(std::memory_order_relaxed)) != 0) {
      std::uint32_t bits = bits_of(at);
      if (common_bits(at, prefix) != bits) return -ENOENT;
      if (bits == prefix.bits) break;
      parent_slot = slot;
      slot = &node(at)->child[bit(prefix.data, bits)];
    }
    if (!at || !holds(at)) return -ENOENT;

    Change change(*this);
    count_--;
    std::uint32_t left = child(at, 0), right = child(at, 1);
    if (left && right) {
      node(at)->has_value.store(0, std::memory_order_release);
      return 0;
    }
    put(*slot, left ? left : right);
    give_back(at);
    if (left || right || !parent_slot) return 0;
    // The parent lost a child; one that only branched has no reason to stay.
    std::uint32_t parent = parent_slot->load(std::memory_order_relaxed);
    if (holds(parent)) return 0;
    put(*parent_slot, child(parent, 0) ? child(parent, 0) : child(parent, 1));
    give_back(parent);
    return 0;
  }

  long next_key(const void* key, void* next) override {
    std::lock_guard lock(writers_);
    std::uint32_t start = root_.load(std::memory_order_relaxed);
    if (!start) return -ENOENT;
    std::vector<std::uint32_t> path;
    bool found = key && find_exact(prefix_of(key), path);
    while (found && path.size() > 1) {
      std::uint32_t at = path.back();
      path.pop_back();
      std::uint32_t parent = path.back();
      if (child(parent, 0) == at && child(parent, 1)) {
        start = child(parent, 1);
        found = false;
      } else if (holds(parent)) {
        write_key(parent, next);
        return 0;
      }
    }
    if (found) return -ENOENT;
    // The first of a subtree in postorder: down to a leaf, which always holds a value.
    while (child(start, 0) || child(start, 1)) start = child(start, 0) ? child(start, 0) : child(start, 1);
    write_key(start, next);
    return 0;
  }

 private:
  struct Change {
    explicit Change(LpmTrie& t) : trie(t), before(t.sequence_.load(std::memory_order_relaxed)) {
      trie.sequence_.store(before + 1, std::memory_order_relaxed);
    }
    ~Change() { trie.sequence_.store(before + 2, std::memory_order_release); }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;
    LpmTrie& trie;
    std::uint32_t before;
  };

  static Prefix prefix_of(const void* key) {
    Prefix prefix;
    std::memcpy(&prefix.bits, key, 4);
    prefix.data = static_cast<const std::uint8_t*>(key) + 4;
    return prefix;
  }
  static unsigned bit(const std::uint8_t* data, std::uint32_t at) { return data[at / 8] >> (7 - at % 8) & 1; }

  // Nodes are named by index + 1.
  Node* node(std::uint32_t at) const {
    return reinterpret_cast<Node*>(nodes_.at() + std::uint64_t{at - 1} * stride_);
  }
  std::uint64_t* words(std::uint32_t at) const { return reinterpret_cast<std::uint64_t*>(node(at) + 1); }
  const std::uint8_t* data_of(std::uint32_t at) const {
    return reinterpret_cast<const std::uint8_t*>(words(at));
  }
  std::uint8_t* value_of(std::uint32_t at) const {
    return reinterpret_cast<std::uint8_t*>(node(at)) + value_at_;
  }
  std::uint32_t child(std::uint32_t at, int side) const {
    return node(at)->child[side].load(std::memory_order_acquire);
  }
  std::uint32_t bits_of(std::uint32_t at) const {
    return node(at)->prefix_bits.load(std::memory_order_acquire);
  }
  bool holds(std::uint32_t at) const { return node(at)->has_value.load(std::memory_order_acquire) != 0; }
  static void put(std::atomic<std::uint32_t>& slot, std::uint32_t at) {
    slot.store(at, std::memory_order_release);
  }

  std::uint64_t key_word(const std::uint8_t* data, std::uint32_t i) const {
    std::uint64_t word = 0;
    std::uint32_t left = data_bytes_ - 8 * i;
    if (left >= 8)
      std::memcpy(&word, data + 8 * i, 8);
    else if (left == 4)
      std::memcpy(&word, data + 8 * i, 4);
    else
      std::memcpy(&word, data + 8 * i, left);
    return word;
  }

  // How many leading bits a node's prefix and `prefix` share.
  std::uint32_t common_bits(std::uint32_t at, Prefix prefix) const {
    std::uint32_t limit = std::min({bits_of(at), prefix.bits, max_bits_});
    for (std::uint32_t i = 0; 64 * i < limit; i++) {
      std::uint64_t stored = __atomic_load_n(words(at) + i, __ATOMIC_ACQUIRE);
      std::uint64_t differ = base::to_order(stored ^ key_word(prefix.data, i), std::endian::big);
      if (differ) return std::min(limit, 64 * i + static_cast<std::uint32_t>(std::countl_zero(differ)));
    }
    return limit;
  }

  // The node with the longest prefix that matches, 0 if there is none. Any thread, no lock.
  std::uint32_t find_longest(Prefix prefix) const {
    if (prefix.bits > max_bits_) return 0;
    for (;;) {
      std::uint32_t before = sequence_.load(std::memory_order_acquire);
      std::uint32_t found = 0;
      std::uint32_t at = root_.load(std::memory_order_acquire);
      for (std::uint32_t steps = 0; at && steps <= max_bits_; steps++) {
        std::uint32_t bits = bits_of(at);
        if (bits > prefix.bits || common_bits(at, prefix) < bits) break;
        if (holds(at)) found = at;
        if (bits >= prefix.bits) break;
        at = child(at, static_cast<int>(bit(prefix.data, bits)));
      }
      if (sequence_.load(std::memory_order_acquire) == before && !(before & 1)) return found;
    }
  }

  // Fills `path` from the root to the node of exactly this prefix; false if no element has it.
  bool find_exact(Prefix prefix, std::vector<std::uint32_t>& path) const {
    if (prefix.bits > max_bits_) return false;
    for (std::uint32_t at = root_.load(std::memory_order_relaxed); at;) {
      path.push_back(at);
      std::uint32_t bits = bits_of(at);
      if (common_bits(at, prefix) != bits) return false;
      if (bits == prefix.bits) return holds(at);
      at = child(at, static_cast<int>(bit(prefix.data, bits)));
    }
    return false;
  }

  // A node of `bits` bits of `data`, without children; 0 when none is left.
  std::uint32_t take(const std::uint8_t* data, std::uint32_t bits, const void* value) {
    std::uint32_t at = free_;
    if (at)
      free_ = child(at, 0);
    else if (untouched_ < capacity())
      at = ++untouched_;
    else
      return 0;
    Node* n = node(at);
    put(n->child[0], 0);
    put(n->child[1], 0);
    n->prefix_bits.store(bits, std::memory_order_release);
    n->has_value.store(value != nullptr, std::memory_order_release);
    for (std::uint32_t i = 0; i < data_words_; i++)
      __atomic_store_n(words(at) + i, key_word(data, i), __ATOMIC_RELEASE);
    if (value) copy_value(value_of(at), value, definition_.value_size);
    return at;
  }
  void give_back(std::uint32_t at) {
    put(node(at)->child[0], free_);
    free_ = at;
  }

  void write_key(std::uint32_t at, void* key) const {
    std::uint32_t bits = bits_of(at);
    std::memcpy(key, &bits, 4);
    std::memcpy(static_cast<std::uint8_t*>(key) + 4, data_of(at), data_bytes_);
  }

  Memory nodes_;
  std::uint32_t stride_, data_bytes_, data_words_, max_bits_, value_at_;
  std::atomic<std::uint32_t> sequence_{0};
  std::atomic<std::uint32_t> root_{0};
  SpinLock writers_;
  std::uint32_t free_ = 0, untouched_ = 0, count_ = 0;
};

}  // namespace

Made create_lpm_trie(const Definition& d) {
  auto stride =
      static_cast<std::uint32_t>(sizeof(Node) + round_up(d.key_size - 4, 8) + round_up(d.value_size, 8));
  Memory nodes = TRY(Memory::reserve(LpmTrie::capacity_for(d.max_entries) * stride, false, d.name));
  return std::shared_ptr<Map>(std::make_shared<LpmTrie>(d, std::move(nodes), stride));
}

}  // namespace skep::maps
