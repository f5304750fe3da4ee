#include "model/numbers.hpp"

#include <array>
#include <bit>
#include <cstring>

namespace lmf::model {
namespace {

struct Names {
  Number number;
  std::string_view safetensors, torch;
  std::size_t bytes;
};
constexpr std::array<Names, 4> kNames = {{{Number::f32, "F32", "float32", 4},
                                          {Number::f16, "F16", "float16", 2},
                                          {Number::bf16, "BF16", "bfloat16", 2},
                                          {Number::f64, "F64", "float64", 8}}};

const Names& names_of(Number number) { return kNames[static_cast<std::size_t>(number)]; }

constexpr std::uint32_t kSign = 0x80000000, kInfinity = 0x7f800000;

/// memcpy: a tensor in a file may begin at any byte.
template <class Stored, class Convert>
void read_all(const std::byte* in, std::size_t count, float* out, Convert convert) {
  for (std::size_t i = 0; i < count; ++i) {
    Stored stored;
    std::memcpy(&stored, in + i * sizeof stored, sizeof stored);
    out[i] = convert(stored);
  }
}

template <class Stored, class Convert>
void write_all(const float* in, std::size_t count, std::byte* out, Convert convert) {
  for (std::size_t i = 0; i < count; ++i) {
    const Stored stored = convert(in[i]);
    std::memcpy(out + i * sizeof stored, &stored, sizeof stored);
  }
}

}  // namespace

std::optional<Number> number_of(std::string_view safetensors_name) {
  for (const Names& names : kNames)
    if (names.safetensors == safetensors_name) return names.number;
  return std::nullopt;
}

std::optional<Number> number_named(std::string_view torch_name) {
  for (const Names& names : kNames)
    if (names.torch == torch_name) return names.number;
  return std::nullopt;
}

std::string_view safetensors_name(Number number) { return names_of(number).safetensors; }
std::string_view torch_name(Number number) { return names_of(number).torch; }
std::size_t bytes_of(Number number) { return names_of(number).bytes; }

std::uint16_t to_bfloat(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & ~kSign) > kInfinity) return 0x7fc0;  // NaN: rounding could make an infinity of it
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

std::uint16_t to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits & kSign) >> 16, magnitude = bits & ~kSign;
  constexpr std::uint32_t kLeastInfinite = 0x477ff000;  // 65520, halfway to what would be the next half
  constexpr std::uint32_t kLeastNormal = 0x38800000;    // 2^-14
  std::uint32_t half = 0;
  if (magnitude > kInfinity) {
    half = 0x7e00;
  } else if (magnitude >= kLeastInfinite) {
    half = 0x7c00;
  } else if (magnitude < kLeastNormal) {
    // Floats from 0.5 on are 2^-24 apart, as halves are here: the addition rounds.
    half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - std::bit_cast<std::uint32_t>(0.5f);
  } else {
    half = ((magnitude + 0xfff + (magnitude >> 13 & 1)) >> 13) - (112u << 10);  // exponents' biases: 127 and 15
  }
  return static_cast<std::uint16_t>(sign | half);
}

float from_half(std::uint16_t half) {
  const std::uint32_t sign = std::uint32_t{half & 0x8000u} << 16, exponent = half >> 10 & 0x1f, mantissa = half & 0x3ff;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
  }
  const std::uint32_t widened = exponent == 0x1f ? 0xff : exponent + 112;
  return std::bit_cast<float>(sign | widened << 23 | mantissa << 13);
}

void to_floats(Number number, const std::byte* in, std::size_t count, float* out) {
  switch (number) {
    case Number::f32:
      std::memcpy(out, in, count * sizeof(float));
      return;
    case Number::f16:
      return read_all<std::uint16_t>(in, count, out, from_half);
    case Number::bf16:
      return read_all<std::uint16_t>(
          in, count, out, [](std::uint16_t stored) { return std::bit_cast<float>(std::uint32_t{stored} << 16); });
    case Number::f64:
      return read_all<double>(in, count, out, [](double stored) { return static_cast<float>(stored); });
  }
}

void from_floats(Number number, const float* in, std::size_t count, std::byte* out) {
  switch (number) {
    case Number::f32:
      std::memcpy(out, in, count * sizeof(float));
      return;
    case Number::f16:
      return write_all<std::uint16_t>(in, count, out, to_half);
    case Number::bf16:
      return write_all<std::uint16_t>(in, count, out, to_bfloat);
    case Number::f64:
      return write_all<double>(in, count, out, [](float value) { return static_cast<double>(value); });
  }
}

}  // namespace lmf::model
