// share/tool_formats/NAME.toml -> ToolFormat.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/suggest.hpp"
#include "lmf/error.hpp"
#include "text/toml_reader.hpp"
#include "text/tool_format.hpp"

namespace lmf::text {

namespace {

namespace fs = std::filesystem;

class ToolFormatReader : public TomlReader {
 public:
  ToolFormatReader(const fs::path& file, const toml::table& table) : TomlReader(file, table, "a tool format") {}

  ToolFormat read() {
    ToolFormat result;
    result.name = file().stem().string();
    result.prompt = with_places("prompt", {"tools", "names", "date"}, {"tools"});
    result.tool = with_places("tool", {"json", "name", "description", "parameters"}, {});
    result.tool_separator = text("tool_separator");
    result.wrapped = flag("wrapped");
    result.indent = static_cast<int>(integer("indent", -1, 0, 16));
    result.parameter = with_places("parameter", {"name", "type", "required", "description", "enum", "items"}, {}, "");
    result.required = text("required");
    result.enumeration = with_places("enum", {"values"}, {}, "");
    result.items = with_places("items", {"type"}, {}, "");
    result.call = with_places("call", {"json", "name", "arguments"}, {});
    result.call_separator = text("call_separator");
    result.one_call = with_places("one_call", {"calls"}, {"calls"}, "{{calls}}");
    result.several_calls = with_places("several_calls", {"calls"}, {"calls"}, "{{calls}}");
    result.arguments_key = text("arguments_key", result.arguments_key);
    result.result_separator = text("result_separator", result.result_separator);
    refuse_unknown_keys();
    check_call(result.call);
    return result;
  }

 private:
  /// A text that has only `allowed` places and all of `needed`. Without `otherwise` the key has to be there.
  std::string with_places(const char* key, const std::vector<std::string>& allowed,
                          const std::vector<std::string>& needed, const char* otherwise = nullptr) {
    const toml::node* node = take(key);
    if (!node && otherwise) return otherwise;
    if (!node) fail(table(), fmt::format("{} is missing", key));
    std::string value = text_of(*node, key);
    const auto found = placeholders(*node, value, key, allowed);
    for (const std::string& name : needed)
      if (std::count(found.begin(), found.end(), name) != 1)
        fail(*node, fmt::format("{} has not {{{{{}}}}} once", key, name));
    return value;
  }

  /// Its parts have to be found again in an answer.
  void check_call(const std::string& call) const {
    const auto json = call.find("{{json}}"), name = call.find("{{name}}"), arguments = call.find("{{arguments}}");
    const bool apart = json == call.npos && name < arguments && arguments != call.npos && name > 0;
    const bool together = json != call.npos && name == call.npos && arguments == call.npos;
    if (!apart && !together)
      fail(*table().get("call"), "call has neither {{json}} alone nor a mark, {{name}} and then {{arguments}}");
  }
};

}  // namespace

ToolFormat ToolFormat::read(const fs::path& file) {
  const toml::table table = read_toml(file);
  return ToolFormatReader(file, table).read();
}

std::vector<std::string> ToolFormat::names(const fs::path& share_directory) {
  return toml_names(share_directory / "tool_formats");
}

ToolFormat ToolFormat::load(const fs::path& share_directory, const std::string& name) {
  const auto known = names(share_directory);
  if (!std::binary_search(known.begin(), known.end(), name)) {
    throw Error(fmt::format("There is no tool format '{}'.{}", name, did_you_mean(name, known)),
                fmt::format("Known tool formats: {}.", fmt::join(known, ", ")), kExitUsage);
  }
  return read(share_directory / "tool_formats" / (name + ".toml"));
}

}  // namespace lmf::text
