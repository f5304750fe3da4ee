#include "text/vocabulary.hpp"

#include <bit>
#include <functional>

namespace lmf::text {

void Vocabulary::reserve(std::size_t tokens, std::size_t bytes) {
  text_.reserve(bytes);
  places_.reserve(tokens);
  if (entries_.size() < 2 * tokens) {
    std::vector<Entry> old(std::bit_ceil(2 * tokens + 16));
    old.swap(entries_);
    for (const Entry& entry : old)
      if (entry.id >= 0) entries_[slot(text(entry))] = entry;
  }
}

std::size_t Vocabulary::slot(std::string_view token) const {
  const std::size_t mask = entries_.size() - 1;
  std::size_t at = std::hash<std::string_view>{}(token)&mask;
  while (entries_[at].id >= 0 && text(entries_[at]) != token) at = (at + 1) & mask;
  return at;
}

void Vocabulary::add(std::string_view token, std::int32_t id) {
  if (2 * (count_ + 1) > entries_.size()) reserve(2 * count_ + 16, 0);
  Entry& entry = entries_[slot(token)];
  if (entry.id < 0) {
    entry.offset = text_.size();
    entry.length = static_cast<std::uint32_t>(token.size());
    text_.append(token);
    ++count_;
  }
  entry.id = id;
  if (places_.size() <= static_cast<std::size_t>(id)) places_.resize(static_cast<std::size_t>(id) + 1);
  places_[static_cast<std::size_t>(id)] = entry;
}

std::int32_t Vocabulary::find(std::string_view token) const { return entries_.empty() ? -1 : entries_[slot(token)].id; }

bool Vocabulary::contains(std::int32_t id) const {
  return id >= 0 && id < id_bound() && places_[static_cast<std::size_t>(id)].id >= 0;
}

std::string_view Vocabulary::token(std::int32_t id) const {
  return contains(id) ? text(places_[static_cast<std::size_t>(id)]) : std::string_view();
}

}  // namespace lmf::text
