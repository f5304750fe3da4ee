#include "infer/tool_grammar.hpp"

#include <fmt/format.h>

#include "infer/json_grammar.hpp"
#include "lmf/error.hpp"

namespace lmf::infer {
namespace {

using Json = nlohmann::ordered_json;
using Sequence = Grammar::Sequence;

Grammar::Element arguments_rule(Grammar& grammar, const ToolSignature& tool) {
  if (tool.parameters.is_null()) return json_object_rule(grammar);
  try {
    return json_schema_rule(grammar, tool.parameters, tool.strict ? Unknown::refused : Unknown::left_out);
  } catch (const Error& error) {
    if (tool.strict) throw Error(fmt::format("the parameters of {}: {}", tool.name, error.what()), error.hint());
    return json_object_rule(grammar);  // OpenAI promises no more for a tool that is not strict
  }
}

/// A call of one tool: the format's text with the tool's name and arguments in their places.
Sequence call_of(Grammar& grammar, const text::ToolFormat& format, const ToolSignature& tool) {
  const Grammar::Element arguments = arguments_rule(grammar, tool);
  if (format.calls_are_json()) {
    const auto [open, close] = text::ToolFormat::around(format.call, "json");
    return Grammar::literal(
               fmt::format("{}{{\"name\": {}, {}: ", open, Json(tool.name).dump(), Json(format.arguments_key).dump())) +
           Sequence{arguments} + Grammar::literal("}" + close);
  }
  const auto [before, rest] = text::ToolFormat::around(format.call, "name");
  const auto [between, behind] = text::ToolFormat::around(rest, "arguments");
  return Grammar::literal(before + tool.name + between) + Sequence{arguments} + Grammar::literal(behind);
}

}  // namespace

Grammar::Element tool_calls_rule(Grammar& grammar, const text::ToolFormat& format,
                                 const std::vector<ToolSignature>& tools, bool several, bool mark) {
  std::vector<Sequence> calls;
  for (const ToolSignature& tool : tools) calls.push_back(call_of(grammar, format, tool));
  const Grammar::Element call = grammar.rule(std::move(calls));
  const auto within = [&](const std::string& around, const Sequence& inside) {
    const auto [open, close] = text::ToolFormat::around(around, "calls");
    return Grammar::literal(open) + inside + Grammar::literal(close);
  };
  std::vector<Sequence> answers = {within(format.one_call, {call})};
  if (several) {
    const Sequence next = Grammar::literal(format.call_separator) + Sequence{call};
    answers.push_back(within(format.several_calls, {call, grammar.repeated(next, 1)}));
  }
  const Grammar::Element answer = grammar.rule(std::move(answers));
  return mark ? grammar.rule({{grammar.optional(Grammar::literal(" ")), answer}}) : answer;
}

}  // namespace lmf::infer
