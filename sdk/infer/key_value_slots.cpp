#include "infer/key_value_slots.hpp"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/mman.h>

#include "infer/kernels.hpp"
#include "lmf/error.hpp"

namespace lmf::infer {
namespace {

std::int64_t whole_blocks(std::int64_t tokens) { return (tokens + kKeyBlock - 1) / kKeyBlock * kKeyBlock; }

}  // namespace

KeyValueSlots::KeyValueSlots(std::int64_t layers, std::int64_t slots, std::int64_t tokens, std::int64_t heads,
                             std::int64_t head_dim)
    : layers_(layers), slots_(slots), tokens_(whole_blocks(tokens)), heads_(heads), head_dim_(head_dim) {
  bytes_ = static_cast<std::size_t>(layers_ * slots_ * heads_ * 2 * tokens_ * head_dim_) * sizeof(float);
  void* memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    throw Error(fmt::format("no room for the keys and values of {} sequences of {} tokens ({:.1f} GB): {}", slots,
                            tokens, static_cast<double>(bytes_) / 1e9, std::strerror(errno)),
                "allow fewer sequences at once, or shorter ones");
  memory_ = static_cast<float*>(memory);
}

KeyValueSlots::~KeyValueSlots() { ::munmap(memory_, bytes_); }

void KeyValueSlots::write(std::int64_t layer, std::int64_t slot, std::int64_t head, std::int64_t position,
                          const float* key, const float* value) {
  float* block = keys(layer, slot, head) + position / kKeyBlock * kKeyBlock * head_dim_ + position % kKeyBlock;
  for (std::int64_t d = 0; d < head_dim_; ++d) block[d * kKeyBlock] = key[d];
  std::memcpy(values(layer, slot, head) + position * head_dim_, value,
              static_cast<std::size_t>(head_dim_) * sizeof(float));
}

void KeyValueSlots::copy_prefix(std::int64_t from, std::int64_t to, std::int64_t tokens) {
  const auto bytes = [&](std::int64_t count) { return static_cast<std::size_t>(count * head_dim_) * sizeof(float); };
  for (std::int64_t layer = 0; layer < layers_; ++layer)
    for (std::int64_t head = 0; head < heads_; ++head) {
      std::memcpy(keys(layer, to, head), keys(layer, from, head), bytes(whole_blocks(tokens)));
      std::memcpy(values(layer, to, head), values(layer, from, head), bytes(tokens));
    }
}

}  // namespace lmf::infer
