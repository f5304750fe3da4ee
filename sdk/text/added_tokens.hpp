#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace lmf::text {

/// A token that is recognised in the text before anything else is done to it.
struct AddedToken {
  std::string content;
  bool single_word = false;             ///< not as a part of a word
  bool lstrip = false, rstrip = false;  ///< takes the white space on that side with it
  bool normalized = false;              ///< looked for in the normalised text
  bool special = false;
  bool operator==(const AddedToken&) const = default;
};

/// Finds the leftmost, longest of some texts.
class TokenTrie {
 public:
  struct Found {
    std::size_t begin = 0, end = 0;
    std::int32_t id = -1;  // -1: nothing more
  };
  void add(std::string_view text, std::int32_t id);
  bool empty() const { return nodes_.size() == 1; }
  Found find(std::string_view text, std::size_t from) const;

 private:
  struct Node {
    std::int32_t id = -1, first_child = -1, next_sibling = -1;
    unsigned char byte = 0;
  };
  std::int32_t child(std::int32_t node, unsigned char byte) const;
  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::vector<std::int32_t> roots_ = std::vector<std::int32_t>(256, -1);  // the first byte decides at once
};

/// The added tokens of a tokenizer, with their ids.
class AddedTokens {
 public:
  void put(const AddedToken& token, std::int32_t id);

  const std::map<std::int32_t, AddedToken>& by_id() const { return by_id_; }
  std::int32_t find(std::string_view content) const;  ///< -1: none
  bool is_special(std::string_view content) const { return special_.contains(std::string(content)); }

  /// A part of a text: an added token, or (id -1) text between them.
  struct Part {
    std::size_t begin, end;
    std::int32_t id;
  };
  enum class Which { raw, normalized };
  /// Fills `parts`, in order. `ignore_special`: special tokens are text.
  void split(std::string_view text, Which which, bool ignore_special, std::vector<Part>& parts) const;
  /// Prepares split(); `normalize` gives the text that a normalized token is looked for as.
  template <class Normalize>
  void build(Normalize&& normalize) {
    raw_ = normalized_ = {};
    for (const auto& [id, token] : by_id_)
      (token.normalized ? normalized_ : raw_).add(token.normalized ? normalize(token.content) : token.content, id);
  }
  bool any(Which which) const { return !(which == Which::raw ? raw_ : normalized_).empty(); }

 private:
  std::map<std::int32_t, AddedToken> by_id_;
  std::unordered_map<std::string, std::int32_t> ids_;
  std::unordered_set<std::string> special_;
  TokenTrie raw_, normalized_;
};

}  // namespace lmf::text
