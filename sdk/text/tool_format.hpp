#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lmf::text {

/// How a family of models is told of tools and writes its calls, as share/tool_formats/NAME.toml describes it. Texts
/// have places, {{…}}, for what differs; JSON within them is laid out as Python's json.dumps does.
struct ToolFormat {
  std::string name;

  // Behind the system text: the prompt, with {{tools}}, {{names}} and {{date}}.
  std::string prompt;
  std::string tool, tool_separator;  ///< each tool: {{json}}, or {{name}}, {{description}} and {{parameters}}
  bool wrapped = false;              ///< its JSON is {"type": "function", "function": TOOL}
  int indent = -1;                   ///< of its JSON; -1: one line
  std::string parameter;    ///< {{name}}, {{type}}, {{description}}, and what these three add where they apply:
  std::string required;     ///< the parameter must be given
  std::string enumeration;  ///< {{values}} it may have
  std::string items;        ///< {{type}} of a list's items

  // In place of an answer.
  std::string call, call_separator;         ///< {{json}}, or {{name}} and {{arguments}}
  std::string one_call, several_calls;      ///< around them: {{calls}}
  std::string arguments_key = "arguments";  ///< in {{json}}
  std::string result_separator = "\n";      ///< between the results of several calls

  /// Throws Error with file:line for what is not understood.
  static ToolFormat read(const std::filesystem::path& file);
  /// Throws Error listing the known names when there is no share/tool_formats/NAME.toml.
  static ToolFormat load(const std::filesystem::path& share_directory, const std::string& name);

  /// Sorted names of share/tool_formats/*.toml.
  static std::vector<std::string> names(const std::filesystem::path& share_directory);

  /// What stands behind the system text. `tools`: a JSON list of {"name", "description", "parameters"}, each perhaps
  /// within {"type": "function", "function": …}; "" for an empty list. Throws Error for another text.
  std::string tools_text(std::string_view tools, const std::string& date = today()) const;
  /// The answer that makes calls. `calls`: JSON, {"name", "arguments"} or a list of such; text may stand before it when
  /// it is within <tool_call>…</tool_call>, and a thought within <think>…</think>. Throws Error for another text.
  std::string calls_text(std::string_view calls) const;

  /// Of the names that tools may have: letters, digits, '_', '-' and '.'. Where a call is written in lines, its name
  /// goes as far as they do.
  static bool is_name_letter(char letter);
  /// What is written before and behind a place: {"<tool_call>\n", "\n</tool_call>"} of call and "json".
  static std::pair<std::string, std::string> around(const std::string& text, std::string_view place);
  /// A call holds its name and arguments as one JSON object.
  bool calls_are_json() const { return call.find("{{json}}") != std::string::npos; }
  /// A call begins with a mark of its own, so that text can stand before it.
  bool calls_are_marked() const;
  /// "30 Nov 2026", as Llama 3's prompt has it.
  static std::string today();
};

}  // namespace lmf::text
