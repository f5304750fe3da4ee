#include "protocol/chat_request.hpp"

#include <fmt/format.h>

#include "base/printable.hpp"
#include "protocol/api_error.hpp"
#include "protocol/ordered_member.hpp"

namespace lmf::api {
namespace {

AnswerForm read_form(const Body& body, std::string_view bytes) {
  const auto format = body.object("response_format");
  if (!format) return {};
  const std::string type = format->text("type").value_or("");
  if (type == "text") return {};
  if (type == "json_object") {
    if (!format->given("schema")) return {.json = true};
    return {.json = true, .schema = ordered_member(bytes, "response_format", "/schema")};
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
  return {.json = true, .schema = ordered_member(bytes, "response_format", "/json_schema/schema")};
}

std::optional<int> read_logprobs(const Body& body) {
  const bool wanted = body.flag("logprobs").value_or(false);
  const auto top = body.integer("top_logprobs", 0, 20);
  if (top && !wanted) throw ApiError::invalid("top_logprobs", "top_logprobs has a meaning only with logprobs: true");
  if (!wanted) return std::nullopt;
  return static_cast<int>(top.value_or(0));
}

}  // namespace

ChatRequest read_chat_request(std::string_view bytes, const Bounds& bounds) {
  const Body body = Body::parse(bytes);
  ChatRequest request;
  request.conversation = read_conversation(body);
  request.tools = read_tools(body, bytes);
  request.form = read_form(body, bytes);
  request.splits_reasoning = body.text("reasoning_format").value_or("auto") != "none";
  if (body.given("thinking"))
    throw ApiError::unsupported("thinking",
                                "thinking is not in this version: send chat_template_kwargs: "
                                "{\"enable_thinking\": ...}, or reasoning_effort");
  request.logprobs = read_logprobs(body);
  request.fields = read_generation_fields(body, bounds);
  if (body.flag("echo").value_or(false)) throw ApiError::unsupported("echo", "echo is not in this version of chat");
  return request;
}

}  // namespace lmf::api
