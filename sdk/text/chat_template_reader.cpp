// share/templates/NAME.toml -> ChatTemplate, strictly: what is not understood is an error, never skipped.
#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "base/files.hpp"
#include "base/suggest.hpp"
#include "lmf/error.hpp"
#include "text/chat_template.hpp"

namespace lmf::text {

namespace {

namespace fs = std::filesystem;

class Reader {
 public:
  Reader(const fs::path& file, const toml::table& table) : file_(file), table_(table) {}

  ChatTemplate read() {
    ChatTemplate result;
    result.name = file_.stem().string();
    result.default_system = text("default_system");
    result.stop_words = texts("stop_words");
    result.efficient_eos = flag("efficient_eos");
    result.replace_eos = flag("replace_eos");
    result.replace_jinja_template = flag("replace_jinja_template");
    result.system_in_first_user = flag("system_in_first_user");
    const std::vector<Slot> content = {{Slot::Kind::text, "{{content}}"}};
    std::vector<Slot> answer = content;
    if (!result.efficient_eos) answer.push_back({Slot::Kind::eos, {}});
    result.prefix = slots("prefix", {}, 0);
    result.system = slots("system", content, 1);
    result.user = slots("user", content, 1);
    result.assistant = slots("assistant", answer, 1);
    result.observation = slots("observation", result.user, 1);
    refuse_unknown_keys();
    if (result.replace_eos && result.stop_words.empty())
      fail(table_, "replace_eos needs a first stop word to replace eos with");
    if (result.system_in_first_user && (result.system.size() != 1 || result.system[0].kind != Slot::Kind::text)) {
      fail(table_, "system has to be one text when system_in_first_user is set");
    }
    return result;
  }

 private:
  [[noreturn]] void fail(const toml::node& node, const std::string& what, const std::string& hint = {}) const {
    throw Error(fmt::format("{}:{}: {}.", file_.string(), std::max<std::uint32_t>(node.source().begin.line, 1), what),
                hint, kExitUsage);
  }

  /// The node of a key, remembered as known; nullptr when absent.
  const toml::node* take(const char* key) {
    known_.emplace_back(key);
    return table_.get(key);
  }

  std::string text_of(const toml::node& node, const char* key) const {
    if (const auto* value = node.as_string()) return value->get();
    fail(node, fmt::format("{} is not a text", key));
  }

  std::string text(const char* key) {
    const toml::node* node = take(key);
    return node ? text_of(*node, key) : std::string();
  }

  bool flag(const char* key) {
    const toml::node* node = take(key);
    if (!node) return false;
    if (const auto* value = node->as_boolean()) return value->get();
    fail(*node, fmt::format("{} is neither true nor false", key));
  }

  const toml::array* list(const char* key) {
    const toml::node* node = take(key);
    if (node && !node->is_array()) fail(*node, fmt::format("{} is not a list", key));
    return node ? node->as_array() : nullptr;
  }

  std::vector<std::string> texts(const char* key) {
    std::vector<std::string> result;
    if (const toml::array* array = list(key)) {
      for (const toml::node& node : *array) {
        result.push_back(text_of(node, key));
        if (result.back().empty()) fail(node, fmt::format("{} has an empty text", key));
      }
    }
    return result;
  }

  Slot slot(const toml::node& node, const char* key) const {
    if (node.is_string()) return {Slot::Kind::text, text_of(node, key)};
    const toml::table* table = node.as_table();
    if (!table || table->size() != 1)
      fail(node, fmt::format("{} holds texts, {{special = \"...\"}} and {{token = \"...\"}} only", key));
    const auto only = table->begin();
    const std::string_view kind = only->first.str();
    const std::string name = text_of(only->second, key);
    if (kind == "token" && !name.empty()) return {Slot::Kind::token, name};
    if (kind == "special" && name == "bos") return {Slot::Kind::bos, {}};
    if (kind == "special" && name == "eos") return {Slot::Kind::eos, {}};
    fail(node,
         fmt::format("{} = '{}' in {} is neither special = \"bos\", special = \"eos\" nor a token", kind, name, key));
  }

  std::vector<Slot> slots(const char* key, const std::vector<Slot>& otherwise, int placeholders) {
    const toml::array* array = list(key);
    if (!array) return otherwise;
    std::vector<Slot> result;
    int found = 0;
    for (const toml::node& node : *array) {
      result.push_back(slot(node, key));
      if (result.back().kind == Slot::Kind::text) found += count_placeholders(node, result.back().text, key);
    }
    if (found != placeholders)
      fail(*array, fmt::format("{} has {{{{content}}}} {} times, expected {}", key, found, placeholders));
    return result;
  }

  int count_placeholders(const toml::node& node, const std::string& text, const char* key) const {
    int found = 0;
    for (std::size_t at = text.find("{{"); at != std::string::npos; at = text.find("{{", at + 1)) {
      std::size_t end = at + 2;
      while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_')) ++end;
      if (end == at + 2 || text.compare(end, 2, "}}") != 0) continue;
      const std::string name = text.substr(at + 2, end - at - 2);
      if (name != "content")
        fail(node,
             fmt::format("{} has the unknown placeholder {{{{{}}}}}; {{{{content}}}} is the only one", key, name));
      ++found;
    }
    return found;
  }

  void refuse_unknown_keys() const {
    for (const auto& [key, value] : table_) {
      const std::string name(key.str());
      if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
      fail(value, fmt::format("'{}' is no key of a template", name), did_you_mean(name, known_));
    }
  }

  const fs::path& file_;
  const toml::table& table_;
  std::vector<std::string> known_;
};

}  // namespace

ChatTemplate ChatTemplate::read(const fs::path& file) {
  const std::string text = read_file(file, 1 << 20);
  try {
    const toml::table table = toml::parse(text, file.string());
    return Reader(file, table).read();
  } catch (const toml::parse_error& error) {
    throw Error(fmt::format("{}:{}: {}.", file.string(), error.source().begin.line, error.description()), {},
                kExitUsage);
  }
}

std::vector<std::string> ChatTemplate::names(const fs::path& share_directory) {
  std::vector<std::string> found;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(share_directory / "templates", failed)) {
    if (entry.path().extension() == ".toml") found.push_back(entry.path().stem().string());
  }
  std::sort(found.begin(), found.end());
  return found;
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
  return read(share_directory / "templates" / (name + ".toml"));
}

}  // namespace lmf::text
