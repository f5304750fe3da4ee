#include "infer/answer_text.hpp"

#include <algorithm>
#include <utility>

namespace lmf::infer {

AnswerText::AnswerText(const text::Tokenizer& tokenizer, std::vector<std::string> stops, bool skip_special_tokens)
    : decoder_(tokenizer, skip_special_tokens), stops_(std::move(stops)) {}

std::string AnswerText::push(std::int32_t id, bool may_stop) {
  if (stopped_) return {};
  std::string piece = decoder_.push(id);
  return may_stop ? release(std::move(piece), false) : piece;
}

std::string AnswerText::finish() { return stopped_ ? std::string() : release(decoder_.finish(), true); }

std::string AnswerText::release(std::string piece, bool all) {
  held_ += piece;
  std::size_t end = held_.npos;
  for (const std::string& stop : stops_) end = std::min(end, held_.find(stop));
  if (end != held_.npos) {
    stopped_ = true;
    held_.resize(end);
    return std::exchange(held_, {});
  }
  std::size_t kept = 0;  // the longest end of the text that begins a stop string
  for (const std::string& stop : stops_)
    for (std::size_t length = std::min(stop.size() - 1, held_.size()); !all && length > kept; --length)
      if (held_.ends_with(std::string_view(stop).substr(0, length))) kept = length;
  std::string certain = held_.substr(0, held_.size() - kept);
  held_.erase(0, certain.size());
  return certain;
}

}  // namespace lmf::infer
