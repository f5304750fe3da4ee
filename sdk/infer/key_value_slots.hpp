#pragma once

#include <cstddef>
#include <cstdint>

namespace lmf::infer {

/// Keys and values of several sequences, float32, in the order the kernels read them. Memory of positions that were
/// never used is reserved, not taken.
class KeyValueSlots {
 public:
  KeyValueSlots(std::int64_t layers, std::int64_t slots, std::int64_t tokens, std::int64_t heads,
                std::int64_t head_dim);
  ~KeyValueSlots();
  KeyValueSlots(const KeyValueSlots&) = delete;
  KeyValueSlots& operator=(const KeyValueSlots&) = delete;

  float* keys(std::int64_t layer, std::int64_t slot, std::int64_t head) { return at(layer, slot, head); }
  float* values(std::int64_t layer, std::int64_t slot, std::int64_t head) {
    return at(layer, slot, head) + tokens_ * head_dim_;
  }
  /// key and value [head_dim] of one position.
  void write(std::int64_t layer, std::int64_t slot, std::int64_t head, std::int64_t position, const float* key,
             const float* value);
  void copy_prefix(std::int64_t from, std::int64_t to, std::int64_t tokens);

 private:
  float* at(std::int64_t layer, std::int64_t slot, std::int64_t head) {
    return memory_ + ((layer * slots_ + slot) * heads_ + head) * 2 * tokens_ * head_dim_;
  }

  std::int64_t layers_, slots_, tokens_, heads_, head_dim_;  // tokens_ is a multiple of kKeyBlock
  float* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace lmf::infer
