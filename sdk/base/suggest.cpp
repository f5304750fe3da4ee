#include "base/suggest.hpp"

#include <algorithm>
#include <limits>

namespace lmf {
namespace {

/// ASCII only, as all our names are.
std::string lower(std::string_view text) {
  std::string result(text);
  for (char& letter : result)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return result;
}

/// Optimal string alignment: insertions, deletions, substitutions and swaps of two neighbours cost 1 each.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::vector<std::string> suggest(std::string_view given, std::span<const std::string> candidates) {
  constexpr std::size_t kLongestWord = 128;  // longer is no typing slip, and the cost is quadratic
  if (given.find_first_not_of('-') == given.npos || given.size() > kLongestWord) return {};
  const std::string word = lower(given);
  std::vector<std::string> prefixed;
  if (word.size() >= 2)
    std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(prefixed),
                 [&](const std::string& candidate) { return lower(candidate).starts_with(word); });

  const std::size_t limit = std::min<std::size_t>(3, std::max<std::size_t>(1, word.size() / 3));
  std::size_t best = std::numeric_limits<std::size_t>::max();
  std::vector<std::string> nearest;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > word.size() + limit || word.size() > candidate.size() + limit) continue;
    const std::size_t cost = distance(word, lower(candidate));
    if (cost > limit || cost > best) continue;
    if (cost < best) nearest.clear();
    best = cost;
    nearest.push_back(candidate);
  }
  for (const std::string& candidate : nearest)
    if (std::find(prefixed.begin(), prefixed.end(), candidate) == prefixed.end()) prefixed.push_back(candidate);
  constexpr std::size_t kMostShown = 4;
  if (prefixed.size() > kMostShown) prefixed.resize(kMostShown);
  return prefixed;
}

std::string did_you_mean(std::string_view word, std::span<const std::string> candidates) {
  return did_you_mean(suggest(word, candidates));
}

std::string did_you_mean(std::span<const std::string> names) {
  if (names.empty()) return {};
  std::string text = " Did you mean ";
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += "'" + names[i] + "'";
  }
  return text + "?";
}

}  // namespace lmf
