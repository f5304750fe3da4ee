#include "protocol/reasoning.hpp"

#include <algorithm>

namespace lmf::api {
namespace {

constexpr std::string_view kOpen = "<think>", kClose = "</think>", kBlanks = " \t\r\n";

}  // namespace

ReasoningSplit::Parts ReasoningSplit::push(std::string_view text) {
  held_ += text;
  Parts parts;
  read(parts, false);
  return parts;
}

ReasoningSplit::Parts ReasoningSplit::finish() {
  Parts parts;
  read(parts, true);
  return parts;
}

void ReasoningSplit::read(Parts& parts, bool all) {
  if (state_ == State::beginning) {
    const auto first = std::min(held_.find_first_not_of(kBlanks), held_.size());
    const auto rest = std::string_view(held_).substr(first);
    if (rest.starts_with(kOpen)) {
      state_ = State::within;
      held_.erase(0, first + kOpen.size());
    } else if (all || !kOpen.starts_with(rest)) {
      state_ = State::content;
    } else {
      return;
    }
  }
  if (state_ == State::within) {
    const auto end = held_.find(kClose);
    std::size_t kept = 0;  // the longest end of the text that begins the mark
    for (std::size_t length = std::min(kClose.size() - 1, held_.size()); !all && kept == 0 && length > 0; --length)
      if (held_.ends_with(kClose.substr(0, length))) kept = length;
    const auto size = end != held_.npos ? end : held_.size() - kept;
    parts.reasoning += held_.substr(0, size);
    held_.erase(0, end != held_.npos ? end + kClose.size() : size);
    if (end == std::string::npos) return;
    state_ = State::between;
  }
  if (state_ == State::between) {
    held_.erase(0, std::min(held_.find_first_not_of(kBlanks), held_.size()));
    if (held_.empty()) return;
    state_ = State::content;
  }
  parts.content += held_;
  held_.clear();
}

}  // namespace lmf::api
