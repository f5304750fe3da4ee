#include "protocol/chat_request.hpp"

#include <fmt/format.h>

#include "base/printable.hpp"
#include "protocol/api_error.hpp"

namespace lmf::api {
namespace {

constexpr std::size_t kMostMessages = 4096;
// Of response_format: an ordered object is searched for every member that is added to it.
constexpr std::size_t kMostMembers = 1000, kMostValues = 50'000;

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

void add_message(Conversation& conversation, const Json& message, std::size_t index) {
  if (!message.is_object())
    throw ApiError::invalid(place(index), fmt::format("{} is {}, expected an object with role and content",
                                                      place(index), kind_of(message)));
  const auto role = message.find("role");
  if (role == message.end() || !role->is_string())
    throw ApiError::invalid(place(index, ".role"), fmt::format("{} has no role, expected system, developer, user or "
                                                               "assistant",
                                                               place(index)));
  const auto name = role->get<std::string>();
  if (name == "tool" || name == "function" || message.contains("tool_calls") || message.contains("function_call")) {
    const auto calls = message.find("tool_calls");
    if (name == "tool" || name == "function" || (calls != message.end() && !calls->is_null() && !calls->empty()) ||
        (message.contains("function_call") && !message["function_call"].is_null()))
      throw ApiError::unsupported(place(index),
                                  fmt::format("{} is of a tool call: tools are not in this version", place(index)));
  }
  if (name == "system" || name == "developer") return join(conversation.system, content_of(message, index, name));
  if (name != "user" && name != "assistant")
    throw ApiError::invalid(place(index, ".role"), fmt::format("{}.role is '{}', expected system, developer, user or "
                                                               "assistant",
                                                               place(index), shortened(name)));
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

void refuse_tools(const Body& body) {
  for (const char* name : {"tools", "functions"}) {
    const Json* tools = body.find(name);
    if (tools != nullptr && !(tools->is_array() && tools->empty()))
      throw ApiError::unsupported(name, fmt::format("{} are not in this version", name));
  }
  for (const char* name : {"tool_choice", "function_call"}) {
    const Json* choice = body.find(name);
    if (choice != nullptr && *choice != "none" && *choice != "auto")
      throw ApiError::unsupported(name, fmt::format("{} asks for a tool: tools are not in this version", name));
  }
}

/// Keeps of a request nothing but its response format, and refuses one that is too large to be read in order.
class FormatFilter {
 public:
  bool operator()(int depth, nlohmann::ordered_json::parse_event_t event, const nlohmann::ordered_json& value) {
    using Event = nlohmann::ordered_json::parse_event_t;
    const auto level = static_cast<std::size_t>(depth);
    if (event == Event::key && depth == 1) inside_ = value == "response_format";
    if (!inside_) return event != Event::key;
    if (event == Event::object_start) {
      members_.resize(level + 2);
      members_[level + 1] = 0;
    }
    if (event == Event::key && depth > 1 && ++members_[level] > kMostMembers)
      throw ApiError::invalid("response_format", fmt::format("an object in response_format has more than {} members, "
                                                             "which is as many as one may have",
                                                             kMostMembers));
    const bool begins = event == Event::value || event == Event::object_start || event == Event::array_start;
    if (begins && ++values_ > kMostValues)
      throw ApiError::invalid("response_format", fmt::format("response_format has more than {} values, which is as "
                                                             "many as it may have",
                                                             kMostValues));
    return true;
  }

 private:
  bool inside_ = false;
  std::vector<std::size_t> members_;  // by depth, of the object that is open there
  std::size_t values_ = 0;
};

/// A member of the response format, its own members in the order that they were written in.
nlohmann::ordered_json ordered(std::string_view bytes, const nlohmann::json::json_pointer& place) {
  const auto whole = nlohmann::ordered_json::parse(bytes, FormatFilter());  // it is JSON: it was read before
  const nlohmann::ordered_json::json_pointer pointer(place.to_string());
  if (!whole.contains(pointer))  // of members of one name, the other reader keeps another
    throw ApiError::invalid("response_format", "a member of the request stands there twice: response_format");
  return whole.at(pointer);
}

AnswerForm read_form(const Body& body, std::string_view bytes) {
  const auto format = body.object("response_format");
  if (!format) return {};
  const std::string type = format->text("type").value_or("");
  if (type == "text") return {};
  if (type == "json_object") {
    if (!format->given("schema")) return {.json = true};
    return {.json = true, .schema = ordered(bytes, nlohmann::json::json_pointer("/response_format/schema"))};
  }
  if (type != "json_schema")
    throw ApiError::invalid("response_format",
                            fmt::format("response_format.type is '{}', expected text, json_object or "
                                        "json_schema",
                                        shortened(type)));
  const auto named = format->object("json_schema");
  if (!named || !named->given("schema"))
    throw ApiError::invalid("response_format", "response_format.json_schema has no schema");
  if (!named->find("schema")->is_object())
    throw ApiError::invalid(
        "response_format",
        fmt::format("response_format.json_schema.schema is {}, expected an object", kind_of(*named->find("schema"))));
  return {.json = true, .schema = ordered(bytes, nlohmann::json::json_pointer("/response_format/json_schema/schema"))};
}

std::optional<int> read_logprobs(const Body& body) {
  const bool wanted = body.flag("logprobs").value_or(false);
  const auto top = body.integer("top_logprobs", 0, 20);
  if (top && !wanted) throw ApiError::invalid("top_logprobs", "top_logprobs has a meaning only with logprobs: true");
  if (!wanted) return std::nullopt;
  return static_cast<int>(top.value_or(0));
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
  const auto prompted = body.flag("add_generation_prompt");
  if (prompted && *prompted == conversation.continues)
    throw ApiError::invalid("add_generation_prompt",
                            "add_generation_prompt is the opposite of continue_final_message "
                            "here: set one of them");
  for (std::size_t i = 0; i < messages->size(); ++i) add_message(conversation, (*messages)[i], i);
  check_end(conversation);
  return conversation;
}

ChatRequest read_chat_request(std::string_view bytes, const Bounds& bounds) {
  const Body body = Body::parse(bytes);
  ChatRequest request;
  request.conversation = read_conversation(body);
  refuse_tools(body);
  request.form = read_form(body, bytes);
  request.splits_reasoning = body.text("reasoning_format").value_or("auto") != "none";
  for (const char* name : {"chat_template_kwargs", "reasoning_effort", "thinking"})
    if (const Json* value = body.find(name); value != nullptr && !value->empty())
      throw ApiError::unsupported(name, fmt::format("{} is not in this version", name));
  request.logprobs = read_logprobs(body);
  request.fields = read_generation_fields(body, bounds);
  if (body.flag("echo").value_or(false)) throw ApiError::unsupported("echo", "echo is not in this version of chat");
  return request;
}

}  // namespace lmf::api
