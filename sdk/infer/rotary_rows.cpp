#include "infer/rotary_rows.hpp"

#include <algorithm>

#include <torch/utils.h>

#include "model/rope.hpp"

namespace lmf::infer {
namespace {

/// Positions whose angles are computed at once when a longer sequence comes.
constexpr std::int64_t kTableStep = 1024;

std::span<const float> values_of(const torch::Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

}  // namespace

bool turns_with_length(const model::Rope& rope, std::int64_t tokens) {
  return rope.kind == model::Rope::Kind::dynamic && tokens > rope.original_max_positions;
}

void RotaryRows::extend_table(std::int64_t positions) {
  if (table_cosines_.defined() && table_cosines_.size(0) >= positions) return;
  const std::int64_t size = (positions + kTableStep - 1) / kTableStep * kTableStep;
  // Length 1: the frequencies of every kind as they are within the original length.
  const auto table = model::rotary_table(spec_, torch::arange(size), 1, torch::kFloat32);
  table_cosines_ = table.cos.contiguous();
  table_sines_ = table.sin.contiguous();
}

void RotaryRows::prepare(std::span<const Row> rows) {
  cosines_.resize(rows.size() * half());
  sines_.resize(rows.size() * half());
  std::int64_t longest = 0;
  for (const Row& row : rows) longest = std::max(longest, row.position + 1);
  extend_table(
      std::min(longest, spec_.rope.kind == model::Rope::Kind::dynamic ? spec_.rope.original_max_positions : longest));
  for (std::size_t first = 0, end = 0; first < rows.size(); first = end) {
    while (end < rows.size() && rows[end].slot == rows[first].slot) ++end;
    const std::int64_t length = rows[end - 1].position + 1;
    if (turns_with_length(spec_.rope, length)) {
      prepare_by_length(rows.first(end), first, length);
      continue;
    }
    for (std::size_t row = first; row < end; ++row) {
      const auto from = static_cast<std::ptrdiff_t>(static_cast<std::size_t>(rows[row].position) * half());
      const auto to = static_cast<std::ptrdiff_t>(row * half()), count = static_cast<std::ptrdiff_t>(half());
      std::copy_n(values_of(table_cosines_).begin() + from, count, cosines_.begin() + to);
      std::copy_n(values_of(table_sines_).begin() + from, count, sines_.begin() + to);
    }
  }
}

void RotaryRows::prepare_by_length(std::span<const Row> rows, std::size_t first, std::int64_t length) {
  std::vector<std::int64_t> positions;
  for (const Row& row : rows.subspan(first)) positions.push_back(row.position);
  const auto table = model::rotary_table(spec_, torch::tensor(positions), length, torch::kFloat32);
  const torch::Tensor cosines = table.cos.contiguous(), sines = table.sin.contiguous();
  std::ranges::copy(values_of(cosines), cosines_.begin() + static_cast<std::ptrdiff_t>(first * half()));
  std::ranges::copy(values_of(sines), sines_.begin() + static_cast<std::ptrdiff_t>(first * half()));
}

}  // namespace lmf::infer
