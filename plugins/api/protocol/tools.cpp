#include "protocol/tools.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/printable.hpp"
#include "protocol/api_error.hpp"
#include "protocol/ordered_member.hpp"

namespace lmf::api {
namespace {

using Ordered = nlohmann::ordered_json;

constexpr std::size_t kMostTools = 128, kLongestName = 64;

bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= kLongestName && std::ranges::all_of(name, text::ToolFormat::is_name_letter);
}

std::string text_member(const Ordered& object, const char* key) {
  const auto member = object.find(key);
  return member != object.end() && member->is_string() ? member->get<std::string>() : std::string();
}

const Ordered& function_of(const Ordered& tool, const std::string& where) {
  if (!tool.is_object() || !tool.contains("function") || !tool["function"].is_object()) {
    const std::string type = tool.is_object() ? text_member(tool, "type") : std::string();
    if (!type.empty() && type != "function")
      throw ApiError::unsupported(
          "tools", fmt::format("{} is of the type '{}', only functions are known", where, shortened(type)));
    throw ApiError::invalid(
        "tools",
        fmt::format("{} has no function, expected {{\"type\":\"function\",\"function\":{{\"name\":...}}}}", where));
  }
  return tool["function"];
}

infer::ToolSignature signature_of(const Ordered& function, const std::string& where) {
  infer::ToolSignature signature;
  signature.name = text_member(function, "name");
  if (!is_name(signature.name))
    throw ApiError::invalid("tools", fmt::format("{}.function.name is '{}', expected 1 to {} letters, digits, '_', '-' "
                                                 "and '.'",
                                                 where, shortened(signature.name), kLongestName));
  if (const auto description = function.find("description");
      description != function.end() && !description->is_null() && !description->is_string())
    throw ApiError::invalid("tools", fmt::format("{}.function.description is no text", where));
  const auto parameters = function.find("parameters");
  if (parameters == function.end() || parameters->is_null()) {
    // OpenAI: a function without parameters, whose arguments are {}.
    signature.parameters = {{"type", "object"}, {"additionalProperties", false}};
  } else {
    if (!parameters->is_object() || (parameters->contains("type") && (*parameters)["type"] != "object"))
      throw ApiError::invalid("tools",
                              fmt::format("{}.function.parameters is no JSON schema of the type object", where));
    if (!parameters->empty()) signature.parameters = *parameters;
  }
  const auto strict = function.find("strict");
  signature.strict = strict != function.end() && strict->is_boolean() && strict->get<bool>();
  return signature;
}

/// The members that models are told, in the order of the original.
Ordered told(const Ordered& function) {
  Ordered object = Ordered::object();
  for (const char* key : {"name", "description", "parameters"})
    if (function.contains(key) && !function[key].is_null()) object[key] = function[key];
  return object;
}

/// The function that tool_choice names, or "". Who has to call calls once, unless several are asked for: nothing else
/// would ever end what some models have to write.
std::string read_choice(const Body& body, ToolWishes& wishes) {
  const auto parallel = body.flag("parallel_tool_calls");
  wishes.several = parallel.value_or(true);
  const Json* choice = body.find("tool_choice");
  wishes.choice = wishes.tools.empty() ? ToolWishes::Choice::none : ToolWishes::Choice::automatic;
  if (choice == nullptr || *choice == "auto") return {};
  if (*choice == "none") {
    wishes.choice = ToolWishes::Choice::none;
    return {};
  }
  if (wishes.tools.empty())
    throw ApiError::invalid("tool_choice", "tool_choice asks for a tool, and there are no tools");
  wishes.choice = ToolWishes::Choice::required;
  wishes.several = parallel.value_or(false);
  if (*choice == "required") return {};
  const bool object = choice->is_object() && choice->contains("type");
  if (object && (*choice)["type"] != "function")
    throw ApiError::unsupported("tool_choice", fmt::format("tool_choice is of the type '{}', only functions are known",
                                                           shortened((*choice)["type"].dump())));
  if (!object || !choice->contains("function") || !(*choice)["function"].is_object() ||
      !(*choice)["function"].contains("name") || !(*choice)["function"]["name"].is_string())
    throw ApiError::invalid(
        "tool_choice",
        fmt::format("tool_choice is {}, expected none, auto, required or {{\"type\":\"function\","
                    "\"function\":{{\"name\":\"...\"}}}}",
                    choice->is_string() ? "'" + shortened(choice->get<std::string>()) + "'" : kind_of(*choice)));
  wishes.several = false;
  return (*choice)["function"]["name"].get<std::string>();
}

void refuse_older(const Body& body) {
  for (const char* name : {"functions", "function_call"}) {
    const Json* value = body.find(name);
    const bool harmless = value == nullptr || value->empty() || *value == "none" || *value == "auto";
    if (!harmless)
      throw ApiError::unsupported(name, fmt::format("{} is the older form: send tools and tool_choice", name));
  }
}

}  // namespace

ToolWishes read_tools(const Body& body, std::string_view bytes) {
  refuse_older(body);
  ToolWishes wishes;
  if (const Json* given = body.find("tools"); given != nullptr && !given->is_array())
    throw ApiError::invalid("tools", fmt::format("tools is {}, expected a list", kind_of(*given)));
  if (const Json* given = body.find("tools"); given != nullptr && !given->empty()) {
    if (given->size() > kMostTools)
      throw ApiError::invalid("tools",
                              fmt::format("tools has {} entries, at most {} are allowed", given->size(), kMostTools));
    const Ordered list = ordered_member(bytes, "tools");
    Ordered all = Ordered::array();
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string where = fmt::format("tools[{}]", i);
      const Ordered& function = function_of(list[i], where);
      wishes.tools.push_back(signature_of(function, where));
      for (std::size_t j = 0; j < i; ++j)
        if (wishes.tools[j].name == wishes.tools[i].name)
          throw ApiError::invalid("tools", fmt::format("two tools have the name '{}'", wishes.tools[i].name));
      all.push_back(told(function));
    }
    wishes.text = all.dump(-1, ' ', /*ensure_ascii=*/false, Ordered::error_handler_t::replace);
  }
  const std::string named = read_choice(body, wishes);
  if (named.empty()) return wishes;
  std::erase_if(wishes.tools, [&](const auto& tool) { return tool.name != named; });
  if (wishes.tools.empty())
    throw ApiError::invalid("tool_choice",
                            fmt::format("tool_choice names '{}', which is none of the tools", shortened(named)));
  return wishes;
}

}  // namespace lmf::api
