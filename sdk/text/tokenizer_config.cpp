#include "text/tokenizer_config.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/json.hpp"
#include "lmf/error.hpp"

namespace lmf::text {
namespace {

using Document = nlohmann::ordered_json;
constexpr std::uint64_t kLargestConfig = std::uint64_t{64} << 20;  // bytes

std::optional<Document> read_document(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return std::nullopt;
  auto document = parse_json<Document>(read_file(file, kLargestConfig), file.string());
  if (!document.is_object()) throw Error(fmt::format("{}: not a JSON object", file.string()));
  return document;
}

/// A token is written as a text or as an object with its flags.
std::optional<std::string> token_text(const Document& document, const char* key) {
  const auto found = document.find(key);
  if (found == document.end()) return std::nullopt;
  const auto content = found->is_object() ? found->find("content") : found;
  if (found->is_object() && content == found->end()) return std::nullopt;
  return content->is_string() ? std::optional(content->get<std::string>()) : std::nullopt;
}

/// The document with a token replaced; its flags stay when it is written as an object.
void put_token(Document& document, const char* key, const std::optional<std::string>& token) {
  if (!token) return;
  if (const auto found = document.find(key); found != document.end() && found->is_object())
    (*found)["content"] = *token;
  else
    document[key] = *token;
}

std::optional<bool> flag(const Document& document, const char* key) {
  const auto found = document.find(key);
  return found != document.end() && found->is_boolean() ? std::optional(found->get<bool>()) : std::nullopt;
}

void read_additional(const Document& document, const char* key, std::vector<std::string>& tokens) {
  const auto list = document.find(key);
  if (list == document.end() || !list->is_array()) return;
  for (const auto& item : *list) {
    const auto& content = item.is_object() && item.contains("content") ? item["content"] : item;
    if (content.is_string() && std::find(tokens.begin(), tokens.end(), content) == tokens.end())
      tokens.push_back(content.get<std::string>());
  }
}

Document flags_of(const AddedToken& token) {
  return {{"content", token.content}, {"lstrip", token.lstrip},           {"normalized", token.normalized},
          {"rstrip", token.rstrip},   {"single_word", token.single_word}, {"special", token.special}};
}

}  // namespace

TokenizerConfig TokenizerConfig::load(const std::filesystem::path& directory) {
  TokenizerConfig config;
  const auto file = directory / "tokenizer_config.json";
  if (auto document = read_document(file)) config.document_ = std::move(*document);
  if (auto map = read_document(directory / "special_tokens_map.json")) config.map_ = std::move(*map);
  config.read_special_tokens();
  config.read_added_tokens(file.string());
  config.add_bos = flag(config.document_, "add_bos_token");
  config.add_eos = flag(config.document_, "add_eos_token");
  config.legacy = flag(config.document_, "legacy").value_or(true);
  config.read_chat_template(directory, file.string());
  return config;
}

/// Without added_tokens_decoder (older layouts) special_tokens_map.json has the last word.
void TokenizerConfig::read_special_tokens() {
  const bool map_decides = map_.is_object() && !document_.contains("added_tokens_decoder");
  const auto read = [&](const char* key, std::optional<std::string>& token) {
    token = token_text(document_, key);
    if (!map_.is_object()) return;
    if (const auto mapped = token_text(map_, key); mapped && (map_decides || !token)) token = mapped;
  };
  read("bos_token", special.bos);
  read("eos_token", special.eos);
  read("pad_token", special.pad);
  read("unk_token", special.unk);
  for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
    read_additional(document_, key, special.additional);
    if (map_.is_object()) read_additional(map_, key, special.additional);
  }
  as_read_ = special;
}

void TokenizerConfig::read_added_tokens(const std::string& origin) {
  const auto decoder = document_.find("added_tokens_decoder");
  if (decoder == document_.end() || !decoder->is_object()) return;
  std::vector<std::pair<std::int64_t, AddedToken>> tokens;
  for (const auto& [key, value] : decoder->items()) {
    std::int64_t id = 0;
    const auto read = std::from_chars(key.data(), key.data() + key.size(), id);
    if (read.ec != std::errc() || read.ptr != key.data() + key.size() || !value.is_object() ||
        !value.contains("content") || !value["content"].is_string())
      throw Error(fmt::format("{}: added_tokens_decoder: the entry \"{}\" is not an id with a token", origin, key));
    const auto on = [&entry = value](const char* name, bool otherwise) {
      return flag(entry, name).value_or(otherwise);
    };
    const bool special_token = on("special", false);
    tokens.emplace_back(id,
                        AddedToken{value["content"].get<std::string>(), on("single_word", false), on("lstrip", false),
                                   on("rstrip", false), on("normalized", !special_token), special_token});
  }
  std::stable_sort(tokens.begin(), tokens.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [id, token] : tokens) added_tokens.push_back(std::move(token));
}

void TokenizerConfig::read_chat_template(const std::filesystem::path& directory, const std::string& origin) {
  const auto file = directory / "chat_template.jinja";
  if (std::filesystem::exists(file)) {
    chat_template = read_file(file, kLargestConfig);
    return;
  }
  const auto found = document_.find("chat_template");
  if (found == document_.end() || found->is_null()) return;
  if (found->is_string()) {
    chat_template = found->get<std::string>();
    return;
  }
  if (!found->is_array()) throw Error(fmt::format("{}: chat_template is neither a text nor a list", origin));
  for (const auto& named : *found)
    if (named.is_object() && token_text(named, "name") == "default")
      chat_template = token_text(named, "template").value_or("");
}

void TokenizerConfig::fill_special(const SpecialTokens& defaults) {
  for (const auto token : {&SpecialTokens::bos, &SpecialTokens::eos, &SpecialTokens::pad, &SpecialTokens::unk})
    if (!(special.*token)) special.*token = defaults.*token;
}

void TokenizerConfig::write_special_tokens(Document& document) const {
  if (special.bos != as_read_.bos) put_token(document, "bos_token", special.bos);
  if (special.eos != as_read_.eos) put_token(document, "eos_token", special.eos);
  if (special.pad != as_read_.pad) put_token(document, "pad_token", special.pad);
  if (special.unk != as_read_.unk) put_token(document, "unk_token", special.unk);
  if (special.additional != as_read_.additional) {
    // The older name, which old and new transformers read, unless the folder already has the newer one.
    const auto newer = document.find("extra_special_tokens");
    const bool is_newer = newer != document.end() && newer->is_array();
    if (is_newer) document.erase("additional_special_tokens");
    document[is_newer ? "extra_special_tokens" : "additional_special_tokens"] = special.additional;
  }
}

void TokenizerConfig::save(const std::filesystem::path& directory, const AddedTokens& tokens) const {
  Document document = document_;
  if (!document.contains("tokenizer_class")) document["tokenizer_class"] = "PreTrainedTokenizerFast";
  write_special_tokens(document);
  if (document.contains("added_tokens_decoder")) {
    Document decoder = Document::object();
    for (const auto& [id, token] : tokens.by_id()) decoder[std::to_string(id)] = flags_of(token);
    document["added_tokens_decoder"] = std::move(decoder);
  }
  if (const auto found = document.find("chat_template"); found != document.end() && !found->is_array())
    document.erase("chat_template");
  if (!chat_template.empty()) write_file_atomically(directory / "chat_template.jinja", chat_template);
  write_file_atomically(directory / "tokenizer_config.json", document.dump(2) + "\n");
  if (!map_.is_object()) return;
  Document map = map_;
  write_special_tokens(map);
  write_file_atomically(directory / "special_tokens_map.json", map.dump(2) + "\n");
}

}  // namespace lmf::text
