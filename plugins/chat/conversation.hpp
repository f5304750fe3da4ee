#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "infer/generate.hpp"
#include "infer/loaded_model.hpp"
#include "settings.hpp"
#include "text/chat_template.hpp"

namespace lmf::chat {

/// The turns so far.
class Conversation {
 public:
  Conversation(const infer::LoadedModel& model, const Settings& settings) : model_(model), settings_(settings) {}

  /// Answers `message` in the light of the turns before it; `show` gets the text piece by piece, whole characters. What
  /// was said until `stop` is set stays in the conversation.
  infer::Answer ask(const std::string& message, const std::function<void(std::string_view)>& show,
                    const std::atomic<bool>& stop);
  /// Forgets all turns: the next one is answered, and drawn, as the first.
  void clear() { turns_.clear(); }

 private:
  infer::Request request() const;

  const infer::LoadedModel& model_;
  const Settings& settings_;
  std::vector<text::Message> turns_;
};

}  // namespace lmf::chat
