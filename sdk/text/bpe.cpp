#include "text/bpe.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include <fmt/format.h>

#include "text/unicode.hpp"

namespace lmf::text {
namespace {

constexpr std::uint32_t kNoRank = std::numeric_limits<std::uint32_t>::max();

/// The first place where a run of blanks begins behind something else; npos: none.
std::size_t next_blank_run(std::string_view text) {
  for (std::size_t at = text.find(unicode::kBlank); at != std::string_view::npos;
       at = text.find(unicode::kBlank, at + unicode::kBlank.size()))
    if (at > 0 && !text.substr(0, at).ends_with(unicode::kBlank)) return at;
  return std::string_view::npos;
}

}  // namespace

void MergeTable::reserve(std::size_t merges) {
  const std::size_t size = std::bit_ceil(2 * merges + 2);
  merges_.assign(size, Merge{});
  mask_ = size - 1;
}

void MergeTable::add(std::int32_t left, std::int32_t right, std::uint32_t rank, std::int32_t result) {
  const std::uint64_t pair = pack(left, right);
  std::size_t at = slot(pair);
  while (merges_[at].pair != kFree && merges_[at].pair != pair) at = (at + 1) & mask_;
  merges_[at] = {pair, rank, result};
}

Bpe::Bpe(const Vocabulary& vocabulary, MergeTable merges, BpeOptions options, bool maps_bytes)
    : vocabulary_(vocabulary), merges_(std::move(merges)), options_(std::move(options)), maps_bytes_(maps_bytes) {
  unk_id_ = options_.unk_token.empty() ? -1 : vocabulary_.find(options_.unk_token);
  raw_.reserve(vocabulary_.size(), 8 * vocabulary_.size());
  for (std::int32_t id = 0; id < vocabulary_.id_bound(); ++id)
    if (vocabulary_.contains(id))
      if (const auto bytes = unmapped(vocabulary_.token(id))) raw_.add(*bytes, id);
  for (int byte = 0; byte < 256; ++byte) {
    const char one[] = {static_cast<char>(byte)};
    byte_ids_.push_back(raw_.find({one, 1}));
    fallback_ids_.push_back(vocabulary_.find(fmt::format("<0x{:02X}>", byte)));
  }
  all_bytes_known_ = std::none_of(byte_ids_.begin(), byte_ids_.end(), [](std::int32_t id) { return id < 0; });
  cuts_at_blanks_ = no_merge_reaches_over_blanks();
}

/// Sentencepiece-style tokenizers give whole texts as one word. When no merge makes a token with a blank behind another
/// character, nothing joins across such a place, and the words between blanks can be joined (and remembered) each for
/// itself with the same result.
bool Bpe::no_merge_reaches_over_blanks() const {
  if (maps_bytes_ || options_.ignore_merges || !options_.continuing_subword_prefix.empty() ||
      !options_.end_of_word_suffix.empty() || vocabulary_.find(unicode::kBlank) < 0)
    return false;
  bool none = true;
  merges_.for_each_result(
      [&](std::int32_t id) { none = none && next_blank_run(vocabulary_.token(id)) == std::string_view::npos; });
  return none;
}

std::optional<std::string_view> Bpe::raw(std::int32_t id) const {
  if (!raw_.contains(id)) return std::nullopt;
  return raw_.token(id);
}

void Bpe::tokenize(std::string_view word, BpeWorkspace& work, std::vector<std::int32_t>& out) const {
  while (cuts_at_blanks_) {
    const std::size_t end = next_blank_run(word);
    if (end == std::string_view::npos) break;
    tokenize_word(word.substr(0, end), work, out);
    word.remove_prefix(end);
  }
  tokenize_word(word, work, out);
}

void Bpe::tokenize_word(std::string_view word, BpeWorkspace& work, std::vector<std::int32_t>& out) const {
  if (word.empty()) return;
  const bool cached = word.size() <= WordCache::kLongestWord;
  WordCache::Key key;
  if (cached) {
    key = work.cache.key(word);
    const auto known = work.cache.find(key);
    if (!known.empty()) {
      out.insert(out.end(), known.begin(), known.end());
      return;
    }
  }
  work.ids.clear();
  const std::int32_t whole = !options_.ignore_merges ? -1 : maps_bytes_ ? raw_.find(word) : vocabulary_.find(word);
  if (whole >= 0) {
    work.ids.push_back(whole);
  } else {
    if (!maps_bytes_) {
      split_characters(word, work);
    } else if (!split_bytes(word, work.ids)) {
      work.text.clear();
      append_mapped(work.text, word);
      split_characters(work.text, work);
    }
    work.ids.size() <= kShortWord ? join_short(work) : join_long(work);
  }
  if (cached) work.cache.insert(key, work.ids);
  out.insert(out.end(), work.ids.begin(), work.ids.end());
}

bool Bpe::split_bytes(std::string_view word, std::vector<std::int32_t>& ids) const {
  if (!all_bytes_known_ || !options_.continuing_subword_prefix.empty() || !options_.end_of_word_suffix.empty())
    return false;
  ids.resize(word.size());
  for (std::size_t i = 0; i < word.size(); ++i) ids[i] = byte_ids_[static_cast<unsigned char>(word[i])];
  return true;
}

/// One token for each character; an unknown one becomes its bytes' tokens, or unk (a run of them one unk when fused),
/// or nothing.
void Bpe::split_characters(std::string_view word, BpeWorkspace& work) const {
  std::vector<std::int32_t>& ids = work.ids;
  ids.clear();
  std::string decorated;
  bool pending_unk = false;  // written when it is certain that no further character joins it
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t length = unicode::bytes_of(word[at]);
    std::string_view symbol = word.substr(at, length);
    const bool first = at == 0, last = at + length == word.size();
    at += length;
    if ((!first && !options_.continuing_subword_prefix.empty()) || (last && !options_.end_of_word_suffix.empty())) {
      decorated.assign(first ? "" : options_.continuing_subword_prefix).append(symbol);
      if (last) decorated.append(options_.end_of_word_suffix);
      symbol = decorated;
    }
    const std::int32_t id = vocabulary_.find(symbol);
    if (id >= 0) {
      if (pending_unk) ids.push_back(unk_id_);
      pending_unk = false;
      ids.push_back(id);
      continue;
    }
    if (options_.byte_fallback && fall_back_to_bytes(symbol, ids)) continue;
    if (unk_id_ < 0) continue;
    if (pending_unk && !options_.fuse_unk) ids.push_back(unk_id_);
    pending_unk = true;
  }
  if (pending_unk) ids.push_back(unk_id_);
}

bool Bpe::fall_back_to_bytes(std::string_view symbol, std::vector<std::int32_t>& ids) const {
  const auto id = [&](char byte) { return fallback_ids_[static_cast<unsigned char>(byte)]; };
  if (std::any_of(symbol.begin(), symbol.end(), [&](char byte) { return id(byte) < 0; })) return false;
  for (const char byte : symbol) ids.push_back(id(byte));
  return true;
}

std::uint32_t Bpe::rank(std::int32_t left, std::int32_t right) const {
  const MergeTable::Merge* merge = merges_.find(left, right);
  return merge ? merge->rank : kNoRank;
}

void Bpe::join_short(BpeWorkspace& work) const {
  std::vector<std::int32_t>& ids = work.ids;
  if (ids.size() < 2) return;
  std::vector<std::uint32_t>& ranks = work.ranks;  // of the pair that begins at each place
  ranks.resize(ids.size() - 1);
  for (std::size_t i = 0; i + 1 < ids.size(); ++i) ranks[i] = rank(ids[i], ids[i + 1]);
  while (!ranks.empty()) {
    const auto best = std::min_element(ranks.begin(), ranks.end());
    if (*best == kNoRank) return;
    const auto at = static_cast<std::size_t>(best - ranks.begin());
    ids[at] = merges_.find(ids[at], ids[at + 1])->result;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    ranks.erase(best);
    if (at < ranks.size()) ranks[at] = rank(ids[at], ids[at + 1]);
    if (at > 0) ranks[at - 1] = rank(ids[at - 1], ids[at]);
  }
}

void Bpe::join_long(BpeWorkspace& work) const {
  auto& symbols = work.symbols;
  auto& heap = work.heap;
  symbols.clear();
  heap.clear();
  const auto count = static_cast<std::int32_t>(work.ids.size());
  for (std::int32_t i = 0; i < count; ++i)
    symbols.push_back({work.ids[static_cast<std::size_t>(i)], i - 1, i + 1 < count ? i + 1 : -1, false});
  const auto at = [&](std::int32_t i) -> BpeWorkspace::Symbol& { return symbols[static_cast<std::size_t>(i)]; };
  const auto propose = [&](std::int32_t left) {
    if (left < 0 || at(left).next < 0) return false;
    const MergeTable::Merge* merge = merges_.find(at(left).id, at(at(left).next).id);
    if (merge) heap.push_back({merge->rank, left, merge->result});
    return merge != nullptr;
  };
  for (std::int32_t i = 0; i < count; ++i) propose(i);
  std::make_heap(heap.begin(), heap.end());
  while (!heap.empty()) {
    const BpeWorkspace::Candidate top = heap.front();
    std::pop_heap(heap.begin(), heap.end());
    heap.pop_back();
    BpeWorkspace::Symbol& left = at(top.position);
    if (left.gone || left.next < 0) continue;
    const BpeWorkspace::Symbol right = at(left.next);
    const MergeTable::Merge* merge = merges_.find(left.id, right.id);
    if (!merge || merge->result != top.result) continue;  // proposed before a neighbour changed
    at(left.next).gone = true;
    left.id = top.result;
    left.next = right.next;
    if (right.next >= 0) at(right.next).previous = top.position;
    if (propose(left.previous)) std::push_heap(heap.begin(), heap.end());
    if (propose(top.position)) std::push_heap(heap.begin(), heap.end());
  }
  work.ids.clear();
  for (const BpeWorkspace::Symbol& symbol : symbols)
    if (!symbol.gone) work.ids.push_back(symbol.id);
}

}  // namespace lmf::text
