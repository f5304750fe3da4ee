#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "infer/tool_grammar.hpp"
#include "protocol/body.hpp"

namespace lmf::api {

/// Which tools there are, and whether they have to be called: the members "tools", "tool_choice" and
/// "parallel_tool_calls".
struct ToolWishes {
  enum class Choice { none, automatic, required };
  std::string text;  ///< the tools as the templates take them: a JSON list of name, description, parameters; "": none
  std::vector<infer::ToolSignature> tools;  ///< those that may be called
  Choice choice = Choice::none;
  bool several = true;  ///< calls in one answer
};

/// Throws ApiError for what is wrong, and for kinds of tools that this version does not know.
ToolWishes read_tools(const Body& body, std::string_view bytes);

}  // namespace lmf::api
