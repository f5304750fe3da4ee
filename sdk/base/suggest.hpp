#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lmf {

/// The candidates nearest to `word` in optimal string alignment distance (a swap of neighbours costs 1, the case of
/// letters nothing), within max(1, length / 3), at most 3; ties in the order given; candidates that begin with `word`
/// first; at most 4. Empty: none.
std::vector<std::string> suggest(std::string_view word, std::span<const std::string> candidates);

/// " Did you mean 'train'?" or "", ready to append to a sentence.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);
/// The same of names that suggest() gave.
std::string did_you_mean(std::span<const std::string> names);

}  // namespace lmf
