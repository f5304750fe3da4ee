#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// What a word means, by the original's rules (YAML 1.1 as OmegaConf reads it, where 1e-5 is a number).
namespace lmf::config {

bool is_null_word(std::string_view text);                   ///< "", null, ~
std::optional<bool> parse_flag(std::string_view text);      ///< true, yes, on, y, t, 1 and their opposites, any case
std::optional<double> parse_number(std::string_view text);  ///< finite; 1e-5, .5, 1_000, 0x10; not 010

/// true, y or 1, any case. yes and on are not: the original's rule for its environment variables.
bool is_true_word(std::string_view text);
bool environment_flag(const char* name);  ///< whether the variable is one

/// Whole numbers, also as 1_000, 0x10, 8.0 or 1e3.
std::optional<std::int64_t> parse_integer(std::string_view text);

/// 010 is 8 in YAML 1.1 and 10 in YAML 1.2: nobody who writes it knows what the next program reads.
bool has_leading_zero(std::string_view text);

}  // namespace lmf::config
