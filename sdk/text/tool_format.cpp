#include "text/tool_format.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <initializer_list>

#include <fmt/format.h>

#include "base/json.hpp"
#include "base/printable.hpp"
#include "lmf/error.hpp"
#include "text/python_json.hpp"

namespace lmf::text {
namespace {

using OrderedJson = nlohmann::ordered_json;

/// The text with its places filled. What is filled in is not searched again: a description may hold {{…}}.
std::string fill(std::string_view text, std::initializer_list<std::pair<std::string_view, std::string>> values) {
  std::string filled;
  while (true) {
    const auto open = text.find("{{");
    if (open == text.npos) return filled += text;
    const auto value = std::ranges::find_if(values, [&](const auto& one) {
      return text.substr(open + 2).starts_with(one.first) && text.substr(open + 2 + one.first.size()).starts_with("}}");
    });
    if (value == values.end()) {
      filled += text.substr(0, open + 1);
      text.remove_prefix(open + 1);
      continue;
    }
    filled += text.substr(0, open);
    filled += value->second;
    text.remove_prefix(open + value->first.size() + 4);
  }
}

const OrderedJson* member(const OrderedJson& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto place = object.find(key);
  return place == object.end() ? nullptr : &*place;
}

/// "" when it is not there.
std::string member_text(const OrderedJson& object, const char* key) {
  const OrderedJson* value = member(object, key);
  return value ? python_text(*value) : std::string();
}

bool truthy(const OrderedJson* value) {
  if (value == nullptr || value->is_null() || *value == false) return false;
  return !(value->is_structured() || value->is_string()) || (value->is_string() ? *value != "" : !value->empty());
}

std::string joined(const OrderedJson& list) {
  std::string text;
  for (const OrderedJson& value : list) text += (text.empty() ? "" : ", ") + python_text(value);
  return text;
}

std::string parameters_text(const ToolFormat& format, const OrderedJson& tool) {
  const OrderedJson* parameters = member(tool, "parameters");
  const OrderedJson* properties = parameters ? member(*parameters, "properties") : nullptr;
  if (properties == nullptr || !properties->is_object()) return {};
  const OrderedJson* required = member(*parameters, "required");
  std::string text;
  for (const auto& [name, property] : properties->items()) {
    const bool must =
        required && required->is_array() && std::ranges::find(*required, OrderedJson(name)) != required->end();
    const OrderedJson *values = member(property, "enum"), *items = member(property, "items");
    text += fill(
        format.parameter,
        {{"name", name},
         {"type", member_text(property, "type")},
         {"required", must ? format.required : ""},
         {"description", member_text(property, "description")},
         {"enum", truthy(values) && values->is_array() ? fill(format.enumeration, {{"values", joined(*values)}}) : ""},
         {"items", truthy(items) ? fill(format.items, {{"type", member_text(*items, "type")}}) : ""}});
  }
  return text;
}

/// The function within {"type": "function", "function": …}, or the tool itself.
const OrderedJson& function_of(const OrderedJson& tool) {
  const OrderedJson* type = member(tool, "type");
  const OrderedJson* function = member(tool, "function");
  return type && *type == "function" && function ? *function : tool;
}

/// Removes the first text from `open` to `close` from `text`, and all that are the same; returns what was within.
std::string take_out(std::string& text, std::string_view open, std::string_view close, std::string* whole) {
  const auto begin = text.find(open);
  const auto end = begin == text.npos ? text.npos : text.find(close, begin + open.size());
  if (end == text.npos) return {};
  *whole = text.substr(begin, end + close.size() - begin);
  std::string within = text.substr(begin + open.size(), end - begin - open.size());
  std::string rest;
  std::size_t kept = 0;
  for (auto at = begin; at != text.npos; at = text.find(*whole, kept)) {
    rest.append(text, kept, at - kept);
    kept = at + whole->size();
  }
  text = rest.append(text, kept);
  return within;
}

}  // namespace

std::string ToolFormat::tools_text(std::string_view tools, const std::string& date) const {
  const OrderedJson list = parse_json<OrderedJson>(tools, "tools");
  if (!list.is_array()) throw Error("tools are no JSON list", "write [{\"name\": ..., \"parameters\": {...}}, ...]");
  if (list.empty()) return {};
  std::string text, names;
  for (const OrderedJson& given : list) {
    const OrderedJson& function = function_of(given);
    const OrderedJson* called = member(function, "name");
    if (called == nullptr || !called->is_string())
      throw Error(fmt::format("a tool has no name: {}",
                              shortened(given.dump(-1, ' ', false, OrderedJson::error_handler_t::replace))),
                  "write {\"name\": ..., \"parameters\": {...}} for each");
    const bool has_type = &function != &given;
    const OrderedJson wrapping =
        wrapped && !has_type ? OrderedJson{{"type", "function"}, {"function", given}} : OrderedJson();
    const OrderedJson& described = !wrapped ? function : has_type ? given : wrapping;
    if (&given != &list.front()) text += tool_separator;
    text += fill(tool, {{"json", tool.find("{{json}}") == tool.npos ? "" : python_json(described, indent)},
                        {"name", called->get<std::string>()},
                        {"description", member_text(function, "description")},
                        {"parameters", parameters_text(*this, function)}});
    names += (names.empty() ? "" : ", ") + called->get<std::string>();
  }
  return fill(prompt, {{"tools", text}, {"names", names}, {"date", date}});
}

std::string ToolFormat::calls_text(std::string_view content) const {
  std::string front(content), whole;
  std::string written = take_out(front, "<tool_call>", "</tool_call>", &whole);
  if (whole.empty()) {
    std::string json(content);
    take_out(json, "<think>\n", "\n</think>\n\n", &whole);
    front = whole;
    written = json;
  }
  const OrderedJson parsed =
      parse_json<OrderedJson>(written, "call", "write {\"name\": ..., \"arguments\": {...}}, or a list of such");
  const OrderedJson list = parsed.is_array() ? parsed : OrderedJson::array({parsed});
  std::string text;
  for (const OrderedJson& one : list) {
    const OrderedJson *called = member(one, "name"), *arguments = member(one, "arguments");
    if (called == nullptr || !called->is_string() || arguments == nullptr)
      throw Error(fmt::format("a call has no name or no arguments: {}",
                              shortened(one.dump(-1, ' ', false, OrderedJson::error_handler_t::replace))),
                  "write {\"name\": ..., \"arguments\": {...}}");
    if (&one != &list.front()) text += call_separator;
    text += fill(call, {{"json", python_json(OrderedJson{{"name", *called}, {arguments_key, *arguments}})},
                        {"name", called->get<std::string>()},
                        {"arguments", python_json(*arguments)}});
  }
  return front + fill(list.size() == 1 ? one_call : several_calls, {{"calls", text}});
}

bool ToolFormat::is_name_letter(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
         letter == '_' || letter == '-' || letter == '.';
}

std::pair<std::string, std::string> ToolFormat::around(const std::string& text, std::string_view place) {
  const std::string mark = fmt::format("{{{{{}}}}}", place);
  const auto at = text.find(mark);
  if (at == text.npos) return {text, {}};
  return {text.substr(0, at), text.substr(at + mark.size())};
}

bool ToolFormat::calls_are_marked() const { return !call.starts_with("{{"); }

std::string ToolFormat::today() {
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  return fmt::format("{:02} {} {}", local.tm_mday, kMonths[static_cast<std::size_t>(local.tm_mon)],
                     local.tm_year + 1900);
}

}  // namespace lmf::text
