#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/tokenizer.hpp"
#include "text/tool_format.hpp"

namespace lmf::text {

enum class Role { user, assistant, system, function, observation };

struct Message {
  Role role;
  std::string content;      ///< of a function message the calls as JSON: ToolFormat::calls_text()
  std::string before = {};  ///< of a function message: the text that stands before its calls, whatever is in it
};

/// One piece of a formatter: text with at most one {{content}}, the tokenizer's bos or eos, or one named token.
/// Each slot is tokenised on its own, so slot borders are token borders (as the original does).
struct Slot {
  enum class Kind { text, bos, eos, token } kind = Kind::text;
  std::string text;
};

/// Which template is asked for, and what of it is to be otherwise; the options of these names.
struct TemplateChoice {
  std::optional<std::string> name = {};            ///< none: the model's, as far as its tokenizer tells
  std::optional<std::string> default_system = {};  ///< in place of the template's
  std::optional<std::string> tool_format = {};     ///< in place of the template's
  std::optional<bool> enable_thinking = true;      ///< see ChatTemplate
  bool preserve_thinking = false;
};

/// A chat template as share/templates/NAME.toml describes it.
struct ChatTemplate {
  std::string name;
  std::vector<Slot> prefix, system, user, assistant, function, observation;
  std::string default_system;
  std::vector<std::string> stop_words;
  bool efficient_eos = false;  ///< eos is learned as a label on the next turn's first token
  bool replace_eos = false;    ///< stop_words[0] becomes the tokenizer's eos
  bool replace_jinja_template = false;
  bool system_in_first_user = false;  ///< Llama 2's way: the system text is glued in front of the first user message
  bool reasoning = false;             ///< answers begin with a thought, <think>…</think>, see thoughts.cpp
  /// Of answers without a thought: true, an empty one is part of the answer; false, of the prompt, and no answer keeps
  /// its own; none, of the prompt.
  std::optional<bool> enable_thinking = true;
  bool preserve_thinking = false;  ///< keep the thoughts of earlier answers
  std::string tool_format_name = "default";
  std::shared_ptr<const ToolFormat> tool_format;  ///< load() sets it; without it there are no tools

  /// Reads one description strictly: an unknown key, a wrong type or a missing placeholder is an Error with file:line.
  static ChatTemplate read(const std::filesystem::path& file);
  /// Throws Error listing the known names (with a suggestion) when there is no share/templates/NAME.toml.
  static ChatTemplate load(const std::filesystem::path& share_directory, const std::string& name);
  /// Sorted names of share/templates/*.toml.
  static std::vector<std::string> names(const std::filesystem::path& share_directory);
  /// Without a name: `empty`, with a warning, when the tokenizer has no chat template of its own; the one whose Jinja
  /// it has, with the tool format that is in it, as in every folder that lmf wrote; else an Error that asks to name one
  /// (reading any Jinja is not done yet).
  static ChatTemplate choose(const std::filesystem::path& share_directory, const TemplateChoice& choice,
                             const Tokenizer& tokenizer);

  /// Repairs of the tokenizer: eos, pad, stop words as special tokens; this template's Jinja when the tokenizer has
  /// none or replace_jinja_template. Returns true when a token is new to the vocabulary ("the embeddings may have to
  /// grow").
  bool repair(Tokenizer& tokenizer) const;
  /// One id list per message, thoughts as they stand; message 0 carries prefix, system text and tools. `system` empty:
  /// default_system; `tools`: JSON, see ToolFormat::tools_text(), or empty. Throws Error for a system message, for
  /// calls and tools that are no such JSON, and for a token the vocabulary lacks.
  std::vector<std::vector<std::int32_t>> encode(const Tokenizer& tokenizer, const std::vector<Message>& messages,
                                                const std::string& system = {}, const std::string& tools = {}) const;
  using Ids = std::vector<std::int32_t>;
  /// (prompt ids, answer ids) for each turn: a user or observation message and the assistant's or function's.
  /// `only_last`: no other answer is learned, so that earlier ones lose their thoughts. Throws Error when messages do
  /// not alternate.
  std::vector<std::pair<Ids, Ids>> encode_turns(const Tokenizer& tokenizer, std::vector<Message> messages,
                                                const std::string& system = {}, const std::string& tools = {},
                                                bool only_last = false) const;
  /// The same as one prompt and the last answer.
  std::pair<Ids, Ids> encode_answer(const Tokenizer& tokenizer, std::vector<Message> messages,
                                    const std::string& system = {}, const std::string& tools = {}) const;
  /// The prompt of an answer that is to be written. `thinks`: in place of enable_thinking; false also keeps a model
  /// from thinking whose template has no thoughts, where the tokenizer knows <think>.
  Ids encode_prompt(const Tokenizer& tokenizer, const std::vector<Message>& messages, const std::string& system = {},
                    const std::string& tools = {}, std::optional<bool> thinks = std::nullopt) const;
  /// The conversation without the thoughts of its earlier answers, where the template leaves them out; the last message
  /// stays.
  std::vector<Message> forget_thoughts(std::vector<Message> messages) const;
  /// Another format than the template's own; calls are then closed by eos, as the original has it.
  void set_tool_format(const std::filesystem::path& share_directory, const std::string& format);
  /// eos and every stop word, ascending: generation ends at any of them.
  std::vector<std::int32_t> stop_ids(const Tokenizer& tokenizer) const;
  /// The Jinja text equal in effect, for chat_template.jinja, which reads messages and tools as Hugging Face has them;
  /// "" when a named-token slot makes that impossible. Other than encode(), it leaves thoughts alone, writes tools and
  /// calls' arguments that are texts as they are given, and refuses other roles than user, assistant and tool, and
  /// contents that are no texts.
  std::string jinja(const Tokenizer& tokenizer) const;
};

}  // namespace lmf::text
