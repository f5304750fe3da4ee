#include "model/rope.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <torch/utils.h>

namespace lmf::model {
namespace {

/// theta^(2i/d): what the angles' frequencies are the inverse of. float32 [d / 2].
torch::Tensor wavelengths(double theta, std::int64_t head_dim) {
  return torch::pow(theta, torch::arange(0, head_dim, 2).to(torch::kFloat32) / static_cast<double>(head_dim));
}

/// Bloc97's NTK-aware scaling: a longer text gets a larger base.
double dynamic_theta(const Rope& rope, std::int64_t head_dim, std::int64_t length) {
  const double d = double(head_dim), most = double(rope.original_max_positions);
  const double now = std::max(double(length), most);
  return rope.theta * std::pow(rope.factor * now / most - (rope.factor - 1.0), d / (d - 2.0));
}

/// Llama 3.1: long waves are stretched, short ones kept, those between blended.
torch::Tensor llama3_frequencies(const Rope& rope, const torch::Tensor& plain) {
  const double original = double(rope.original_max_positions);
  const torch::Tensor wave = 2.0 * std::numbers::pi / plain;
  const torch::Tensor share =
      (original / wave - rope.low_frequency_factor) / (rope.high_frequency_factor - rope.low_frequency_factor);
  const torch::Tensor blended = (1.0 - share) * plain / rope.factor + share * plain;
  const torch::Tensor stretched =
      torch::where(wave > original / rope.low_frequency_factor, plain / rope.factor, blended);
  return torch::where(wave < original / rope.high_frequency_factor, plain, stretched);
}

/// YaRN, Peng et al. 2023, arXiv:2309.00071, section 3.2.
torch::Tensor yarn_frequencies(const Rope& rope, std::int64_t head_dim, const torch::Tensor& waves) {
  const double d = double(head_dim);
  const auto dimension = [&](double rotations) {
    return d * std::log(double(rope.original_max_positions) / (rotations * 2.0 * std::numbers::pi)) /
           (2.0 * std::log(rope.theta));
  };
  double low = dimension(rope.beta_fast), high = dimension(rope.beta_slow);
  if (rope.truncate) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0);
  high = std::min(high, d - 1.0);
  if (low == high) high += 0.001;
  const torch::Tensor ramp = torch::clamp((torch::arange(head_dim / 2).to(torch::kFloat32) - low) / (high - low), 0, 1);
  const torch::Tensor kept = 1.0 - ramp;
  return 1.0 / (rope.factor * waves) * (1.0 - kept) + 1.0 / waves * kept;
}

}  // namespace

torch::Tensor rope_frequencies(const DecoderSpec& spec, std::int64_t length) {
  const Rope& rope = spec.rope;
  const double theta = rope.kind == Rope::Kind::dynamic ? dynamic_theta(rope, spec.head_dim, length) : rope.theta;
  const torch::Tensor waves = wavelengths(theta, spec.head_dim), plain = 1.0 / waves;
  switch (rope.kind) {
    case Rope::Kind::linear:
      return plain / rope.factor;
    case Rope::Kind::llama3:
      return llama3_frequencies(rope, plain);
    case Rope::Kind::yarn:
      return yarn_frequencies(rope, spec.head_dim, waves);
    case Rope::Kind::standard:
    case Rope::Kind::dynamic:
      break;
  }
  return plain;
}

double rope_scale(const Rope& rope) {
  if (rope.kind != Rope::Kind::yarn) return 1.0;
  if (rope.attention_factor) return *rope.attention_factor;
  const auto scale = [&](double weight) {
    return rope.factor <= 1.0 ? 1.0 : 0.1 * weight * std::log(rope.factor) + 1.0;
  };
  if (rope.mscale.value_or(0.0) != 0.0 && rope.mscale_all_dim.value_or(0.0) != 0.0)
    return scale(*rope.mscale) / scale(*rope.mscale_all_dim);
  return scale(1.0);
}

RotaryTable rotary_table(const DecoderSpec& spec, const torch::Tensor& positions, std::int64_t length,
                         torch::Dtype dtype) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor frequencies = rope_frequencies(spec, length).to(positions.device());
  const torch::Tensor angles = (positions.to(torch::kFloat32).unsqueeze(1) * frequencies).unsqueeze(1);
  const double scale = rope_scale(spec.rope);
  return {(angles.cos() * scale).to(dtype), (angles.sin() * scale).to(dtype)};
}

}  // namespace lmf::model
