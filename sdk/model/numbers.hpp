#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace lmf::model {

/// How fractions are stored in weight files. Arithmetic is done in float32.
enum class Number { f32, f16, bf16, f64 };

std::optional<Number> number_of(std::string_view safetensors_name);  ///< "BF16"
std::optional<Number> number_named(std::string_view torch_name);     ///< "bfloat16"
std::string_view safetensors_name(Number number);
std::string_view torch_name(Number number);
std::size_t bytes_of(Number number);

/// `count` stored numbers (little-endian, any alignment) as float32.
void to_floats(Number number, const std::byte* in, std::size_t count, float* out);
/// The other way, rounded to nearest, ties to even, as libtorch rounds; too large for float16 becomes infinity.
void from_floats(Number number, const float* in, std::size_t count, std::byte* out);

std::uint16_t to_half(float value);
float from_half(std::uint16_t half);
std::uint16_t to_bfloat(float value);

}  // namespace lmf::model
