#include "infer/token_filter.hpp"

#include <algorithm>
#include <limits>

#include "lmf/error.hpp"

namespace lmf::infer {
namespace {

constexpr std::size_t kKeptStates = 10'000;
constexpr std::size_t kMostKnownIds = 8'000'000;  // remembered per answer, 4 bytes each

}  // namespace

TokenBytes::TokenBytes(const text::Tokenizer& tokenizer)
    : place_(static_cast<std::size_t>(tokenizer.vocab_size()), -1) {
  for (std::int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    if (tokenizer.is_special(id)) continue;
    std::string bytes = tokenizer.token_bytes(id);
    if (!bytes.empty()) sorted_.push_back({std::move(bytes), id, 0});
  }
  std::ranges::sort(sorted_, {}, &Token::bytes);
  for (std::size_t i = 0; i < sorted_.size(); ++i) {
    place_[static_cast<std::size_t>(sorted_[i].id)] = static_cast<std::int32_t>(i);
    if (i == 0) continue;
    const std::string &before = sorted_[i - 1].bytes, &now = sorted_[i].bytes;
    sorted_[i].shared = static_cast<std::size_t>(std::ranges::mismatch(before, now).in2 - now.begin());
  }
}

std::string_view TokenBytes::of(std::int32_t id) const {
  const std::int32_t place = place_.at(static_cast<std::size_t>(id));
  return place < 0 ? std::string_view() : sorted_[static_cast<std::size_t>(place)].bytes;
}

TokenFilter::TokenFilter(std::shared_ptr<const TokenBytes> tokens, Recogniser recogniser,
                         std::vector<std::int32_t> stop_ids)
    : tokens_(std::move(tokens)),
      recogniser_(std::move(recogniser)),
      stop_ids_(std::move(stop_ids)),
      state_(recogniser_.start()) {}

/// The tokens that may come in the present state, stop ids left out.
const std::vector<std::int32_t>& TokenFilter::allowed() {
  if (const auto known = known_.find(state_); known != known_.end()) return known->second;
  if (recogniser_.states() > kKeptStates) {
    state_ = recogniser_.forget_all_but(state_);
    known_.clear();
    known_ids_ = 0;
  }
  std::vector<std::int32_t> ids;
  std::vector<Recogniser::State> after{state_};  // [n]: after the first n bytes of the token before
  for (const TokenBytes::Token& token : tokens_->sorted()) {
    if (token.shared >= after.size()) continue;  // begins as one that failed
    after.resize(token.shared + 1);
    for (std::size_t i = token.shared; i < token.bytes.size(); ++i) {
      const auto next = recogniser_.next(after.back(), static_cast<unsigned char>(token.bytes[i]));
      if (next == Recogniser::kNone) break;
      after.push_back(next);
    }
    if (after.size() == token.bytes.size() + 1) ids.push_back(token.id);
  }
  known_ids_ += ids.size();
  if (known_ids_ > kMostKnownIds) known_.clear(), known_ids_ = ids.size();
  return known_[state_] = std::move(ids);
}

void TokenFilter::apply(std::span<float> logits) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  const std::vector<std::int32_t>& ids = allowed();
  const bool may_end = complete() && !stop_ids_.empty();
  if (ids.empty() && !may_end)
    throw Error("no token of the vocabulary goes on with the text that the schema asks for",
                "the schema needs characters that this model's tokenizer does not have");
  kept_.assign(logits.size(), kNever);
  const auto keep = [&](std::int32_t id) {
    if (static_cast<std::size_t>(id) < logits.size())
      kept_[static_cast<std::size_t>(id)] = logits[static_cast<std::size_t>(id)];
  };
  for (const std::int32_t id : ids) keep(id);
  if (may_end) std::ranges::for_each(stop_ids_, keep);
  std::ranges::copy(kept_, logits.begin());
}

void TokenFilter::accept(std::int32_t id) {
  for (const char byte : tokens_->of(id)) state_ = recogniser_.next(state_, static_cast<unsigned char>(byte));
}

}  // namespace lmf::infer
