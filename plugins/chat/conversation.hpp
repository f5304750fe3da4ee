#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "infer/generator.hpp"
#include "model/decoder.hpp"
#include "settings.hpp"
#include "text/chat_template.hpp"
#include "text/tokenizer.hpp"

namespace lmf::chat {

/// Everything that answers: tokenizer, template and weights, adapters merged in.
struct Model {
  text::Tokenizer tokenizer;
  text::ChatTemplate chat_template;
  model::Decoder decoder;

  static Model load(const Settings& settings, const std::filesystem::path& share_directory);
};

/// The turns so far, and the generator whose cache holds them.
class Conversation {
 public:
  Conversation(const Model& model, const Settings& settings);

  /// Answers `message` in the light of the turns before it; `show` gets the text piece by piece, whole characters. What
  /// was said until `stop` is set stays in the conversation.
  infer::Answer ask(const std::string& message, const std::function<void(std::string_view)>& show,
                    const std::atomic<bool>& stop);
  /// Forgets all turns: the next one is answered, and drawn, as the first.
  void clear() { turns_.clear(); }

 private:
  infer::Request request() const;

  const Model& model_;
  const Settings& settings_;
  infer::Generator generator_;
  std::vector<text::Message> turns_;
};

}  // namespace lmf::chat
