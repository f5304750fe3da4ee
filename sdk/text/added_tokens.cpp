#include "text/added_tokens.hpp"

#include <algorithm>
#include <utility>

#include "text/unicode.hpp"

namespace lmf::text {
namespace {

bool ends_with_word(std::string_view text) {
  return !text.empty() &&
         unicode::is_word(unicode::decode(text, text.size() - unicode::bytes_before(text, text.size())).code);
}

bool starts_with_word(std::string_view text) {
  return !text.empty() && unicode::is_word(unicode::decode(text, 0).code);
}

std::size_t without_trailing_space(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0) {
    const std::size_t bytes = unicode::bytes_before(text, end);
    if (!unicode::is_space(unicode::decode(text, end - bytes).code)) break;
    end -= bytes;
  }
  return end;
}

std::size_t leading_space(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto [code, bytes] = unicode::decode(text, at);
    if (!unicode::is_space(code)) break;
    at += bytes;
  }
  return at;
}

}  // namespace

std::int32_t TokenTrie::child(std::int32_t node, unsigned char byte) const {
  std::int32_t next = nodes_[static_cast<std::size_t>(node)].first_child;
  while (next >= 0 && nodes_[static_cast<std::size_t>(next)].byte != byte)
    next = nodes_[static_cast<std::size_t>(next)].next_sibling;
  return next;
}

void TokenTrie::add(std::string_view text, std::int32_t id) {
  if (text.empty()) return;
  std::int32_t node = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    std::int32_t next = child(node, byte);
    if (next < 0) {
      next = static_cast<std::int32_t>(nodes_.size());
      Node& parent = nodes_[static_cast<std::size_t>(node)];
      const std::int32_t sibling = std::exchange(parent.first_child, next);
      nodes_.push_back({-1, -1, sibling, byte});
      if (node == 0) roots_[byte] = next;
    }
    node = next;
  }
  nodes_[static_cast<std::size_t>(node)].id = id;
}

TokenTrie::Found TokenTrie::find(std::string_view text, std::size_t from) const {
  for (std::size_t begin = from; begin < text.size(); ++begin) {
    std::int32_t node = roots_[static_cast<unsigned char>(text[begin])];
    Found longest;
    for (std::size_t at = begin + 1; node >= 0; ++at) {
      const std::int32_t id = nodes_[static_cast<std::size_t>(node)].id;
      if (id >= 0) longest = {begin, at, id};
      node = at < text.size() ? child(node, static_cast<unsigned char>(text[at])) : -1;
    }
    if (longest.id >= 0) return longest;
  }
  return {};
}

void AddedTokens::put(const AddedToken& token, std::int32_t id) {
  by_id_.insert_or_assign(id, token);
  ids_.insert_or_assign(token.content, id);
  if (token.special) special_.insert(token.content);
}

std::int32_t AddedTokens::find(std::string_view content) const {
  const auto found = ids_.find(std::string(content));
  return found == ids_.end() ? -1 : found->second;
}

void AddedTokens::split(std::string_view text, Which which, bool ignore_special, std::vector<Part>& parts) const {
  const TokenTrie& trie = which == Which::raw ? raw_ : normalized_;
  std::size_t done = 0;
  if (!trie.empty()) {
    for (TokenTrie::Found found = trie.find(text, 0); found.id >= 0; found = trie.find(text, found.end)) {
      const AddedToken& token = by_id_.at(found.id);
      if (ignore_special && is_special(token.content)) continue;
      if (token.single_word &&
          (ends_with_word(text.substr(0, found.begin)) || starts_with_word(text.substr(found.end))))
        continue;
      std::size_t begin = found.begin, end = found.end;
      if (token.lstrip) begin = std::max(without_trailing_space(text.substr(0, begin)), done);
      if (token.rstrip) end += leading_space(text.substr(end));
      if (done < begin) parts.push_back({done, begin, -1});
      parts.push_back({begin, end, found.id});
      done = end;
    }
  }
  if (done < text.size()) parts.push_back({done, text.size(), -1});
}

}  // namespace lmf::text
