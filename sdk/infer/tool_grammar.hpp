#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "infer/grammar.hpp"
#include "text/tool_format.hpp"

namespace lmf::infer {

/// A tool as a call of it has to look like.
struct ToolSignature {
  std::string name;
  nlohmann::ordered_json parameters{};  ///< a JSON schema; null: any object
  bool strict = false;  ///< a schema of which not all can be kept is an Error; else what is not understood is left out
};

/// The answers that call one of the tools, or, where `several` is set, at least one, as the format writes calls;
/// `mark`: a blank may come first, behind the template's mark. Throws Error naming the tool whose schema cannot be
/// kept.
Grammar::Element tool_calls_rule(Grammar& grammar, const text::ToolFormat& format,
                                 const std::vector<ToolSignature>& tools, bool several, bool mark);

}  // namespace lmf::infer
