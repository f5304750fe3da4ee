#include "conversation.hpp"

#include <fmt/format.h>

#include "lmf/error.hpp"

namespace lmf::chat {

infer::Answer Conversation::ask(const std::string& message, const std::function<void(std::string_view)>& show,
                                const std::atomic<bool>& stop) {
  turns_.push_back({text::Role::user, message});
  text::StreamDecoder decoder(model_.tokenizer, settings_.values().skip_special_tokens);
  std::string said;
  const auto add = [&](const std::string& piece) {
    if (piece.empty()) return;
    said += piece;
    show(piece);
  };
  try {
    auto answer = infer::generate(
        *model_.engine, request(turns_), [&](std::int32_t id) { add(decoder.push(id)); }, stop);
    add(decoder.finish());
    if (answer.end.finish == infer::Finish::cancelled && said.empty())
      turns_.pop_back();  // a question without an answer would be in the way of the next
    else
      turns_.push_back({text::Role::assistant, said});
    return answer;
  } catch (...) {
    turns_.pop_back();
    throw;
  }
}

void Conversation::require_room(std::vector<text::Message> turns, const std::string& message) const {
  turns.push_back({text::Role::user, message});
  model_.engine->check(request(turns));
}

void Conversation::clear() {
  turns_.clear();
  draws_ = 0;
}

std::optional<std::string> Conversation::take_back() {
  if (turns_.size() < 2) return std::nullopt;
  std::string question = std::move(turns_[turns_.size() - 2].content);
  turns_.resize(turns_.size() - 2);
  return question;
}

void Conversation::set_tools(std::string tools) {
  if (!tools.empty()) model_.chat_template.encode(model_.tokenizer, {{text::Role::user, "?"}}, {}, tools);
  tools_ = std::move(tools);
}

infer::Request Conversation::request(const std::vector<text::Message>& turns) const {
  infer::Request request;
  const Settings& settings = settings_.values();
  request.prompt = model_.chat_template.encode_prompt(model_.tokenizer, turns, settings.system, tools_);
  request.stop_ids = model_.chat_template.stop_ids(model_.tokenizer);
  request.sampling = settings.sampling;
  request.sampling.stream = draws_ << 32 | turns.size() / 2;
  request.max_new_tokens = settings.max_new_tokens;
  if (request.max_new_tokens == 0) {
    request.max_new_tokens = settings.max_length - static_cast<std::int64_t>(request.prompt.size());
    if (request.max_new_tokens <= 0)
      throw Error(fmt::format("the conversation has {} tokens, max_length allows {} with the answer",
                              request.prompt.size(), settings.max_length),
                  "begin a new conversation, or raise max_length", kExitFailed);
  }
  return request;
}

}  // namespace lmf::chat
