#include "protocol/messages.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/printable.hpp"
#include "protocol/api_error.hpp"
#include "protocol/ordered_member.hpp"

namespace lmf::api {
namespace {

constexpr std::size_t kMostMessages = 4096, kMostCalls = 128;

/// "messages[3].content"
std::string place(std::size_t index, const char* member = "") { return fmt::format("messages[{}]{}", index, member); }

std::string part_text(const Json& part, const std::string& where) {
  const auto type = part.is_object() ? part.find("type") : part.end();
  if (!part.is_object() || type == part.end() || !type->is_string())
    throw ApiError::invalid(where, fmt::format("{} has a part without a type, expected for example {{\"type\":\"text\","
                                               "\"text\":\"...\"}}",
                                               where));
  const auto name = type->get<std::string>();
  if (name != "text" && name != "refusal")
    throw ApiError::unsupported(
        where, fmt::format("{} has a part of the type '{}': this model reads text only", where, shortened(name)));
  const auto text = part.find(name);
  if (text == part.end() || !text->is_string())
    throw ApiError::invalid(where, fmt::format("{} has a part of the type '{}' without its text", where, name));
  return text->get<std::string>();
}

/// A text, or a list of parts, which are joined without anything between them.
std::string content_of(const Json& message, std::size_t index, const std::string& role) {
  const std::string where = place(index, ".content");
  const auto content = message.find("content");
  if (content == message.end() || content->is_null())
    throw ApiError::invalid(where, fmt::format("{} is missing in the {} message", where, role));
  if (content->is_string()) return content->get<std::string>();
  if (!content->is_array())
    throw ApiError::invalid(where,
                            fmt::format("{} is {}, expected a text or a list of parts", where, kind_of(*content)));
  std::string text;
  for (const Json& part : *content) text += part_text(part, where);
  return text;
}

void join(std::string& text, const std::string& more) {
  if (!text.empty() && !more.empty()) text += "\n\n";
  text += more;
}

/// A call's arguments: the JSON text that OpenAI has, or the object itself. A text that is none stays one.
nlohmann::ordered_json arguments_of(const Json& function, const std::string& where) {
  const auto arguments = function.find("arguments");
  if (arguments == function.end() || arguments->is_null()) return nlohmann::ordered_json::object();
  if (arguments->is_object()) return parse_ordered(arguments->dump(), where);
  if (!arguments->is_string())
    throw ApiError::invalid(where, fmt::format("{}.arguments is {}, expected a JSON text", where, kind_of(*arguments)));
  const auto& text = arguments->get_ref<const std::string&>();
  if (text.find_first_not_of(" \t\r\n") == text.npos) return nlohmann::ordered_json::object();
  auto parsed = parse_ordered(text, where);
  return parsed.is_discarded() ? nlohmann::ordered_json(text) : parsed;
}

nlohmann::ordered_json call_of(const Json& function, const std::string& where) {
  if (!function.is_object() || !function.contains("name") || !function["name"].is_string())
    throw ApiError::invalid(where,
                            fmt::format("{} has no name, expected {{\"name\":\"...\",\"arguments\":\"...\"}}", where));
  return {{"name", function["name"].get<std::string>()}, {"arguments", arguments_of(function, where)}};
}

/// The calls of an assistant's message as the templates take them; "" for none.
std::string calls_of(const Json& message, std::size_t index) {
  auto calls = nlohmann::ordered_json::array();
  if (const auto one = message.find("function_call"); one != message.end() && !one->is_null())
    calls.push_back(call_of(*one, place(index, ".function_call")));
  if (const auto list = message.find("tool_calls"); list != message.end() && !list->is_null()) {
    if (!list->is_array() || list->size() > kMostCalls)
      throw ApiError::invalid(place(index, ".tool_calls"),
                              fmt::format("{} is no list of up to {} calls", place(index, ".tool_calls"), kMostCalls));
    for (std::size_t i = 0; i < list->size(); ++i) {
      const std::string where = fmt::format("{}[{}].function", place(index, ".tool_calls"), i);
      const Json& call = (*list)[i];
      calls.push_back(call_of(call.is_object() && call.contains("function") ? call["function"] : Json(), where));
    }
  }
  if (calls.empty()) return {};
  // So that no mark within the arguments is taken for the one around the calls.
  std::string text;
  for (const char letter : calls.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace))
    letter == '<' ? text += "\\u003c" : text += letter;
  return text;
}

void add_message(Conversation& conversation, const Json& message, std::size_t index) {
  if (!message.is_object())
    throw ApiError::invalid(place(index), fmt::format("{} is {}, expected an object with role and content",
                                                      place(index), kind_of(message)));
  const auto role = message.find("role");
  if (role == message.end() || !role->is_string())
    throw ApiError::invalid(place(index, ".role"), fmt::format("{} has no role, expected system, developer, user, "
                                                               "assistant or tool",
                                                               place(index)));
  const auto name = role->get<std::string>();
  if (name == "system" || name == "developer") return join(conversation.system, content_of(message, index, name));
  if (name == "tool" || name == "function") {
    conversation.turns.push_back({text::Role::observation, content_of(message, index, name)});
    return;
  }
  if (name != "user" && name != "assistant")
    throw ApiError::invalid(place(index, ".role"), fmt::format("{}.role is '{}', expected system, developer, user, "
                                                               "assistant or tool",
                                                               place(index), shortened(name)));
  const std::string calls = name == "assistant" ? calls_of(message, index) : std::string();
  if (!calls.empty()) {
    const auto content = message.find("content");
    const bool silent = content == message.end() || content->is_null();
    const std::string said = silent ? "" : content_of(message, index, name);
    conversation.turns.push_back({text::Role::function, calls, said.empty() ? "" : said + "\n"});
    return;
  }
  const auto kind = name == "user" ? text::Role::user : text::Role::assistant;
  std::string content = content_of(message, index, name);
  // The templates close each question with the answer's opening: two in a row are one.
  if (kind == text::Role::user && !conversation.turns.empty() && conversation.turns.back().role == kind)
    join(conversation.turns.back().content, content);
  else
    conversation.turns.push_back({kind, std::move(content)});
}

void check_end(const Conversation& conversation) {
  const auto& turns = conversation.turns;
  if (turns.empty()) throw ApiError::invalid("messages", "messages has no user message, so there is nothing to answer");
  if (turns.back().role == text::Role::function)
    throw ApiError::invalid("messages",
                            "messages ends with calls of tools: their results come next, with the role tool");
  const bool open = turns.back().role == text::Role::assistant;
  if (open && turns.size() > 1 && turns[turns.size() - 2].role == text::Role::assistant)
    throw ApiError::invalid("messages", "messages ends with two assistant messages in a row");
  if (open && !conversation.continues)
    throw ApiError::invalid("messages",
                            "messages ends with the assistant's: end with the user's, or set "
                            "continue_final_message: true to have the answer go on");
  if (!open && conversation.continues)
    throw ApiError::invalid("continue_final_message",
                            "continue_final_message needs a last message of the assistant, which is to go on");
}

/// Whether the model is to think before it answers, as Qwen's users and OpenAI's say it. How hard is for the model to
/// know: its template has no words for that.
std::optional<bool> read_thinking(const Body& body) {
  std::optional<bool> thinks;
  if (const auto effort = body.text("reasoning_effort")) {
    constexpr std::array<std::string_view, 6> kEfforts = {"none", "minimal", "low", "medium", "high", "xhigh"};
    if (std::ranges::find(kEfforts, *effort) == kEfforts.end())
      throw ApiError::invalid("reasoning_effort", fmt::format("reasoning_effort is '{}', expected {}",
                                                              shortened(*effort), fmt::join(kEfforts, ", ")));
    thinks = *effort != "none";
  }
  const auto words = body.object("chat_template_kwargs");
  if (!words) return thinks;
  for (const auto& [key, value] : body.find("chat_template_kwargs")->items())
    if (key != "enable_thinking" && !value.is_null())
      throw ApiError::unsupported("chat_template_kwargs",
                                  fmt::format("chat_template_kwargs has '{}', which the template does not know, but "
                                              "enable_thinking",
                                              shortened(key)));
  const auto flag = words->flag("enable_thinking");
  return flag ? flag : thinks;
}

}  // namespace

Conversation read_conversation(const Body& body) {
  const Json* messages = body.find("messages");
  if (messages == nullptr) throw ApiError::invalid("messages", "messages is missing");
  if (!messages->is_array())
    throw ApiError::invalid("messages", fmt::format("messages is {}, expected a list", kind_of(*messages)));
  if (messages->empty()) throw ApiError::invalid("messages", "messages is empty");
  if (messages->size() > kMostMessages)
    throw ApiError::invalid(
        "messages", fmt::format("messages has {} entries, at most {} are allowed", messages->size(), kMostMessages));
  Conversation conversation;
  conversation.continues = body.flag("continue_final_message").value_or(false);
  conversation.thinks = read_thinking(body);
  const auto prompted = body.flag("add_generation_prompt");
  if (prompted && *prompted == conversation.continues)
    throw ApiError::invalid("add_generation_prompt",
                            "add_generation_prompt is the opposite of continue_final_message "
                            "here: set one of them");
  for (std::size_t i = 0; i < messages->size(); ++i) add_message(conversation, (*messages)[i], i);
  check_end(conversation);
  return conversation;
}

}  // namespace lmf::api
