#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "infer/generate.hpp"
#include "infer/loaded_model.hpp"
#include "settings.hpp"
#include "text/chat_template.hpp"

namespace lmf::chat {

/// The turns so far: questions and answers in turn.
class Conversation {
 public:
  Conversation(const infer::LoadedModel& model, ChangeableSettings& settings) : model_(model), settings_(settings) {}

  /// Answers `message` in the light of the turns before it; `show` gets the text piece by piece, whole characters. What
  /// was said until `stop` is set stays in the conversation.
  infer::Answer ask(const std::string& message, const std::function<void(std::string_view)>& show,
                    const std::atomic<bool>& stop);
  /// Throws Error when `message` could not be answered after `turns`: they are too long.
  void require_room(std::vector<text::Message> turns, const std::string& message) const;
  /// Forgets all turns: the next one is answered, and drawn, as the first.
  void clear();
  /// Takes the last question and its answer back: the question, nullopt when there is none.
  std::optional<std::string> take_back();
  /// The next answer is drawn anew, also when the turns before it are those of an answer that was taken back.
  void draw_anew() { ++draws_; }

  const std::vector<text::Message>& turns() const { return turns_; }
  void set_turns(std::vector<text::Message> turns) { turns_ = std::move(turns); }
  /// JSON, see text::ToolFormat::tools_text(); "" for none. Throws Error for another text.
  void set_tools(std::string tools);
  const std::string& tools() const { return tools_; }
  const infer::LoadedModel& model() const { return model_; }
  ChangeableSettings& settings() { return settings_; }

 private:
  infer::Request request(const std::vector<text::Message>& turns) const;

  const infer::LoadedModel& model_;
  ChangeableSettings& settings_;
  std::vector<text::Message> turns_;
  std::string tools_;
  std::uint64_t draws_ = 0;
};

}  // namespace lmf::chat
