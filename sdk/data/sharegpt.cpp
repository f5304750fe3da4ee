#include "data/sharegpt.hpp"

#include <array>

#include <fmt/format.h>

#include "base/printable.hpp"
#include "data/fields.hpp"

namespace lmf::data {

namespace {

using simdjson::dom::element;
using text::Role;

bool is_answer(Role role) { return role == Role::assistant || role == Role::function; }

/// Of a word that several tags are, the last counts, as in the original.
std::optional<Role> role_of(std::string_view word, const Tags& tags) {
  const std::array<std::pair<const std::optional<std::string>*, Role>, 5> roles = {
      {{&tags.user, Role::user},
       {&tags.assistant, Role::assistant},
       {&tags.observation, Role::observation},
       {&tags.function, Role::function},
       {&tags.system, Role::system}}};
  std::optional<Role> found;
  for (const auto& [tag, role] : roles)
    if (*tag == word) found = role;
  return found;
}

/// "human or observation": the tags of the two roles that may stand there.
std::string expected_tags(const Tags& tags, bool answer) {
  const auto& [first, second] =
      answer ? std::tie(tags.assistant, tags.function) : std::tie(tags.user, tags.observation);
  return second ? fmt::format("{} or {}", *first, *second) : *first;
}

/// openai's tool_calls as the JSON that function messages hold: a list of {"name", "arguments"}.
std::string calls_text(const simdjson::dom::array& calls, std::string& dropped) {
  std::string text;
  for (const element call : calls) {
    simdjson::dom::object object;
    const auto function =
        call.get(object) == simdjson::SUCCESS ? find_field(object, "function") : std::optional<element>();
    if (!function) {
      dropped = "one of its tool_calls has no function";
      return {};
    }
    text += (text.empty() ? "[" : ",") + std::string(simdjson::minify(*function));
  }
  return text + "]";
}

class Reader {
 public:
  Reader(const DatasetDescription& dataset, Conversation& conversation)
      : tags_(dataset.tags),
        openai_(dataset.formatting == Formatting::openai),
        column_(*dataset.columns.messages),
        conversation_(conversation) {}

  std::string run(const std::optional<element>& field) {
    if (!is_given(field)) return fmt::format("{} is missing", column_);
    simdjson::dom::array list;
    if (field->get(list) != simdjson::SUCCESS)
      return fmt::format("{} is {}, not a list of messages", column_, type_name(*field));
    bool first = true;
    for (const element one : list) {
      if (std::string problem = add(one, first); !problem.empty()) return problem;
      first = false;
    }
    return check_turns();
  }

 private:
  std::string add(const element& given, bool first) {
    simdjson::dom::object message;
    if (given.get(message) != simdjson::SUCCESS) return fmt::format("a message is {}, not an object", type_name(given));
    std::string dropped;
    const auto tag = find_field(message, tags_.role);
    if (!is_given(tag)) return fmt::format("a message has no '{}', which tags would name (role_tag)", *tags_.role);
    const auto word = text_of(tag, *tags_.role, dropped);
    if (!word) return dropped;
    const auto role = role_of(*word, tags_);
    if (!role) return fmt::format("{} '{}' is none that tags name", *tags_.role, shortened(*word, 40));
    simdjson::dom::array calls;
    if (const auto field = find_field(message, "tool_calls");
        openai_ && is_answer(*role) && is_given(field) && field->get(calls) == simdjson::SUCCESS && calls.size() > 0) {
      say(Role::function, calls_text(calls, dropped));
      return dropped;
    }
    const auto content = find_field(message, tags_.content);
    if (!content) return fmt::format("a message has no '{}', which tags would name (content_tag)", *tags_.content);
    const bool opens = first && role == Role::system;
    if (content->is_null() && !opens) return fmt::format("{} of a message is null, not a text", *tags_.content);
    const auto text = text_of(content, fmt::format("{} of a message", *tags_.content), dropped);
    if (!text) return dropped;
    if (opens)
      conversation_.system = *text;
    else
      say(*role, std::string(*text));
    return {};
  }

  /// openai's results in a row are one message.
  void say(Role role, std::string content) {
    auto& messages = conversation_.messages;
    if (openai_ && role == Role::observation && !messages.empty() && messages.back().role == Role::observation)
      messages.back().content += "\n</tool_response>\n<tool_response>\n" + content;
    else
      messages.push_back({role, std::move(content)});
  }

  std::string check_turns() {
    auto& messages = conversation_.messages;
    // The original joins results when another message follows: results at the end are left out.
    if (openai_ && !messages.empty() && messages.back().role == Role::observation) messages.pop_back();
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const bool answer = i % 2 == 1, fits = messages[i].role != Role::system && is_answer(messages[i].role) == answer;
      if (!fits)
        return fmt::format("its messages do not take turns: {} is expected where {} stands",
                           expected_tags(tags_, answer), tag_of(messages[i].role));
    }
    if (messages.empty()) return fmt::format("{} has no messages", column_);
    return messages.size() % 2 == 0 ? "" : "its last message is a question, which has no answer";
  }

  std::string tag_of(Role role) const {
    switch (role) {
      case Role::user:
        return tags_.user.value_or("");
      case Role::assistant:
        return tags_.assistant.value_or("");
      case Role::observation:
        return tags_.observation.value_or("");
      case Role::function:
        return tags_.function.value_or("tool_calls");
      case Role::system:
        break;
    }
    return tags_.system.value_or("");
  }

  const Tags& tags_;
  const bool openai_;
  const std::string& column_;
  Conversation& conversation_;
};

}  // namespace

std::string read_messages(const simdjson::dom::object& record, const DatasetDescription& dataset, SeenColumns& seen,
                          Conversation& conversation) {
  const auto field = find_field(record, dataset.columns.messages);
  seen.question |= field.has_value();
  seen.response |= field.has_value();
  return Reader(dataset, conversation).run(field);
}

void adapt_openai_system(Conversation& conversation) {
  constexpr std::string_view kOff = "detailed thinking off", kOn = "detailed thinking on";
  std::string& system = conversation.system;
  if (!conversation.tools.empty()) {
    if (!system.empty()) system += '\n';
  } else if (system.find(kOn) == std::string::npos && system.find(kOff) == std::string::npos) {
    system += (system.empty() ? "" : "\n") + std::string(kOff);
  }
}

}  // namespace lmf::data
