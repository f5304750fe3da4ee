// share/templates/NAME.toml -> ChatTemplate.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/suggest.hpp"
#include "lmf/error.hpp"
#include "text/chat_template.hpp"
#include "text/toml_reader.hpp"

namespace lmf::text {

namespace {

namespace fs = std::filesystem;

class ChatTemplateReader : public TomlReader {
 public:
  ChatTemplateReader(const fs::path& file, const toml::table& table) : TomlReader(file, table, "a template") {}

  ChatTemplate read() {
    ChatTemplate result;
    result.name = file().stem().string();
    result.default_system = text("default_system");
    result.stop_words = texts("stop_words");
    result.efficient_eos = flag("efficient_eos");
    result.replace_eos = flag("replace_eos");
    result.replace_jinja_template = flag("replace_jinja_template");
    result.system_in_first_user = flag("system_in_first_user");
    result.reasoning = flag("reasoning");
    const std::vector<Slot> content = {{Slot::Kind::text, "{{content}}"}};
    std::vector<Slot> answer = content;
    if (!result.efficient_eos) answer.push_back({Slot::Kind::eos, {}});
    result.prefix = slots("prefix", {}, 0);
    result.system = slots("system", content, 1);
    result.user = slots("user", content, 1);
    result.assistant = slots("assistant", answer, 1);
    result.function = slots("function", result.assistant, 1);
    result.observation = slots("observation", result.user, 1);
    result.tool_format_name = text("tool_format", "default");
    refuse_unknown_keys();
    if (result.replace_eos && result.stop_words.empty())
      fail(table(), "replace_eos needs a first stop word to replace eos with");
    if (result.system_in_first_user && (result.system.size() != 1 || result.system[0].kind != Slot::Kind::text)) {
      fail(table(), "system has to be one text when system_in_first_user is set");
    }
    return result;
  }

 private:
  Slot slot(const toml::node& node, const char* key) const {
    if (node.is_string()) return {Slot::Kind::text, text_of(node, key)};
    const toml::table* only_pair = node.as_table();
    if (!only_pair || only_pair->size() != 1)
      fail(node, fmt::format("{} holds texts, {{special = \"...\"}} and {{token = \"...\"}} only", key));
    const auto only = only_pair->begin();
    const std::string_view kind = only->first.str();
    const std::string name = text_of(only->second, key);
    if (kind == "token" && !name.empty()) return {Slot::Kind::token, name};
    if (kind == "special" && name == "bos") return {Slot::Kind::bos, {}};
    if (kind == "special" && name == "eos") return {Slot::Kind::eos, {}};
    fail(node,
         fmt::format("{} = '{}' in {} is neither special = \"bos\", special = \"eos\" nor a token", kind, name, key));
  }

  std::vector<Slot> slots(const char* key, const std::vector<Slot>& otherwise, std::size_t expected) {
    const toml::array* array = list(key);
    if (!array) return otherwise;
    std::vector<Slot> result;
    std::size_t found = 0;
    for (const toml::node& node : *array) {
      result.push_back(slot(node, key));
      if (result.back().kind == Slot::Kind::text)
        found += placeholders(node, result.back().text, key, {"content"}).size();
    }
    if (found != expected)
      fail(*array, fmt::format("{} has {{{{content}}}} {} times, expected {}", key, found, expected));
    return result;
  }
};

}  // namespace

ChatTemplate ChatTemplate::read(const fs::path& file) {
  const toml::table table = read_toml(file);
  return ChatTemplateReader(file, table).read();
}

std::vector<std::string> ChatTemplate::names(const fs::path& share_directory) {
  return toml_names(share_directory / "templates");
}

ChatTemplate ChatTemplate::load(const fs::path& share_directory, const std::string& name) {
  const auto known = names(share_directory);
  if (known.empty()) {
    throw Error(fmt::format("No chat templates in {}.", (share_directory / "templates").string()),
                "The installation is incomplete: install lmf again.");
  }
  if (!std::binary_search(known.begin(), known.end(), name)) {
    throw Error(fmt::format("There is no template '{}'.{}", name, did_you_mean(name, known)),
                fmt::format("Known templates: {}.", fmt::join(known, ", ")), kExitUsage);
  }
  ChatTemplate loaded = read(share_directory / "templates" / (name + ".toml"));
  loaded.tool_format = std::make_shared<const ToolFormat>(ToolFormat::load(share_directory, loaded.tool_format_name));
  return loaded;
}

void ChatTemplate::set_tool_format(const fs::path& share_directory, const std::string& format) {
  tool_format = std::make_shared<const ToolFormat>(ToolFormat::load(share_directory, format));
  tool_format_name = format;
  function = {{Slot::Kind::text, "{{content}}"}};
  if (!efficient_eos) function.push_back({Slot::Kind::eos, {}});
}

}  // namespace lmf::text
