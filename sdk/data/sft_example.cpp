#include "data/sft_example.hpp"

#include <algorithm>

#include "data/token_store.hpp"

namespace lmf::data {

namespace {

using Ids = std::vector<std::int32_t>;
using Turn = std::pair<Ids, Ids>;

Ids source_labels(const Ids& source, bool first, std::int32_t eos, const text::ChatTemplate& chat_template,
                  const SftOptions& options) {
  if (options.train_on_prompt) return source;
  Ids labels(source.size(), kIgnore);
  if (chat_template.efficient_eos && !first && !labels.empty()) labels.front() = eos;
  return labels;
}

void append(Ids& to, const Ids& from) { to.insert(to.end(), from.begin(), from.end()); }

}  // namespace

Share share_budget(std::int64_t source, std::int64_t target, std::int64_t budget) {
  std::int64_t for_target = budget;
  if (target * 2 >= budget && source * 2 < budget) {
    for_target = budget - source;
  } else if (target * 2 >= budget) {
    // In double precision, in this order, as the original: an exact quotient differs now and then by one token.
    const double part = static_cast<double>(target) / static_cast<double>(source + target);
    for_target = static_cast<std::int64_t>(static_cast<double>(budget) * part);
  }
  const std::int64_t kept = std::min(for_target, target);
  return {std::min(std::max<std::int64_t>(budget - kept, 0), source), kept};
}

SftExample encode_sft(const Conversation& conversation, const text::Tokenizer& tokenizer,
                      const text::ChatTemplate& chat_template, const SftOptions& options) {
  std::vector<Turn> turns = chat_template.encode_turns(tokenizer, conversation.messages, conversation.system,
                                                       conversation.tools, options.mask_history);
  const std::int32_t eos = tokenizer.eos_id().value_or(kIgnore);
  const bool closing_eos = chat_template.efficient_eos && eos != kIgnore;
  SftExample example;
  example.full_length = closing_eos ? 1 : 0;
  for (const auto& [source, target] : turns)
    example.full_length += static_cast<std::int64_t>(source.size() + target.size());

  // With mask_history the last turn is what is learned, so it is served first and the budget's rest goes backwards.
  if (options.mask_history) std::reverse(turns.begin(), turns.end());
  std::int64_t used = closing_eos ? 1 : 0;
  std::size_t kept_turns = 0;
  std::vector<Turn> labels;
  for (auto& [source, target] : turns) {
    if (used >= options.cutoff_len) break;
    const Share share = share_budget(std::ssize(source), std::ssize(target), options.cutoff_len - used);
    source.resize(static_cast<std::size_t>(share.source));
    target.resize(static_cast<std::size_t>(share.target));
    used += share.source + share.target;
    const bool first = kept_turns++ == 0;
    labels.emplace_back(source_labels(source, first, eos, chat_template, options),
                        options.mask_history && !first ? Ids(target.size(), kIgnore) : target);
  }
  turns.resize(kept_turns);
  if (options.mask_history) {
    std::reverse(turns.begin(), turns.end());
    std::reverse(labels.begin(), labels.end());
  }
  for (std::size_t i = 0; i < kept_turns; ++i) {
    append(example.ids, turns[i].first);
    append(example.ids, turns[i].second);
    append(example.labels, labels[i].first);
    append(example.labels, labels[i].second);
  }
  if (closing_eos) {
    example.ids.push_back(eos);
    example.labels.push_back(eos);
  }
  return example;
}

SftExample encode_prediction(const Conversation& conversation, const text::Tokenizer& tokenizer,
                             const text::ChatTemplate& chat_template, std::int64_t cutoff_len) {
  auto [prompt, answer] =
      chat_template.encode_answer(tokenizer, conversation.messages, conversation.system, conversation.tools);
  if (chat_template.efficient_eos && tokenizer.eos_id()) answer.push_back(*tokenizer.eos_id());
  SftExample example;
  example.full_length = std::ssize(prompt) + std::ssize(answer);
  const Share share = share_budget(std::ssize(prompt), std::ssize(answer), cutoff_len);
  prompt.resize(static_cast<std::size_t>(share.source));
  answer.resize(static_cast<std::size_t>(share.target));
  example.ids = prompt;
  example.labels.assign(prompt.size(), kIgnore);
  append(example.ids, answer);
  append(example.labels, answer);
  return example;
}

}  // namespace lmf::data
