#include "text/tokenizer_json.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include "base/json.hpp"
#include "lmf/error.hpp"

namespace lmf::text {
namespace {

constexpr std::size_t kLongestToken = 64 * 1024;  // bytes
using Element = simdjson::dom::element;

class TokenizerReader {
 public:
  TokenizerReader(std::string_view json, const std::string& origin) : origin_(origin) {
    const auto error = parser_.parse(json.data(), json.size()).get(root_);
    if (error) throw Error(explain_json(json, origin, simdjson::error_message(error)));
    if (!root_.is_object()) refuse("", "not a JSON object");
  }

  TokenizerJson read() {
    Element version;
    std::string_view text;
    if (!root_["version"].get(version) && (version.get(text) || text != "1.0"))
      refuse("version", "only version \"1.0\" is known");
    read_model();
    read_added_tokens();
    result_.normalizer = read_normalizer(part("normalizer"), place("normalizer"));
    result_.pre_tokenizer = read_pre_tokenizer(part("pre_tokenizer"), place("pre_tokenizer"));
    result_.decoder = read_token_decoder(part("decoder"), place("decoder"));
    result_.post_processor = read_post_processor(part("post_processor"), place("post_processor"));
    return std::move(result_);
  }

 private:
  std::string place(std::string_view key) const { return fmt::format("{}{}{}", origin_, key.empty() ? "" : ": ", key); }
  [[noreturn]] void refuse(std::string_view key, const std::string& what, const std::string& hint = {}) const {
    throw Error(fmt::format("{}: {}", place(key), what), hint);
  }

  /// A small part of the file, in the form that the parts' readers take; null when absent.
  const Json* part(const char* key) {
    Element element;
    small_ = root_[key].get(element) ? Json() : to_json(element);
    return &small_;
  }
  static Json to_json(Element element) { return Json::parse(simdjson::minify(element)); }

  void read_model() {
    Element model;
    if (root_["model"].get(model) || !model.is_object()) refuse("model", "missing");
    read_options(model);
    read_vocabulary(model);
    read_merges(model);
  }

  void read_options(Element model) {
    Json options = Json::object();
    simdjson::dom::object fields;
    if (model.get(fields)) refuse("model", "not an object");
    for (const auto [key, value] : fields)
      if (key != "vocab" && key != "merges") options[std::string(key)] = to_json(value);
    const JsonObject object(options, place("model"));
    const std::string type = object.text("type", "BPE");
    if (type != "BPE")
      object.refuse(fmt::format("a \"{}\" model is not supported", type),
                    "lmf reads BPE tokenizers (and tokenizer.model)");
    if (const Json* dropout = object.find("dropout"); dropout && !(dropout->is_number() && *dropout == 0))
      object.refuse("BPE dropout makes encoding random and is not supported");
    result_.bpe.unk_token = object.text("unk_token", "");
    result_.bpe.continuing_subword_prefix = object.text("continuing_subword_prefix", "");
    result_.bpe.end_of_word_suffix = object.text("end_of_word_suffix", "");
    result_.bpe.fuse_unk = object.flag("fuse_unk", false);
    result_.bpe.byte_fallback = object.flag("byte_fallback", false);
    result_.bpe.ignore_merges = object.flag("ignore_merges", false);
  }

  void read_vocabulary(Element model) {
    simdjson::dom::object vocabulary;
    if (model["vocab"].get(vocabulary)) refuse("model.vocab", "expected an object of tokens and ids");
    result_.vocabulary.reserve(vocabulary.size(), 8 * vocabulary.size());
    for (const auto [token, value] : vocabulary) {
      std::int64_t id = 0;
      if (value.get(id) || id < 0 || id > Vocabulary::kMaximumId)
        refuse("model.vocab",
               fmt::format("the id of \"{}\" is not a whole number from 0 to {}", token, Vocabulary::kMaximumId));
      if (token.size() > kLongestToken) refuse("model.vocab", fmt::format("a token of {} bytes", token.size()));
      result_.vocabulary.add(token, static_cast<std::int32_t>(id));
    }
  }

  void read_merges(Element model) {
    simdjson::dom::array merges;
    if (model["merges"].get(merges)) refuse("model.merges", "expected a list");
    result_.merges.reserve(merges.size());
    std::uint32_t rank = 0;
    for (const Element merge : merges) {
      std::string_view line, left, right;
      simdjson::dom::array pair;
      if (!merge.get(line)) {
        if (line.starts_with("#version")) continue;
        const std::size_t blank = line.find(' ');
        if (blank == std::string_view::npos || line.find(' ', blank + 1) != std::string_view::npos)
          refuse("model.merges", fmt::format("entry {}, \"{}\", is not two tokens and a space", rank, line));
        left = line.substr(0, blank);
        right = line.substr(blank + 1);
      } else if (merge.get(pair) || pair.size() != 2 || pair.at(0).get(left) || pair.at(1).get(right)) {
        refuse("model.merges", fmt::format("entry {} is not a pair of tokens", rank));
      }
      add_merge(left, right, rank++);
    }
  }

  void add_merge(std::string_view left, std::string_view right, std::uint32_t rank) {
    const std::size_t prefix = result_.bpe.continuing_subword_prefix.size();
    if (right.size() < prefix) refuse("model.merges", fmt::format("entry {}: \"{}\" lacks the prefix", rank, right));
    joined_.assign(left).append(right.substr(prefix));
    const std::int32_t ids[] = {find(left, rank), find(right, rank), find(joined_, rank)};
    result_.merges.add(ids[0], ids[1], rank, ids[2]);
  }
  std::int32_t find(std::string_view token, std::uint32_t rank) const {
    const std::int32_t id = result_.vocabulary.find(token);
    if (id < 0)
      refuse("model.merges",
             fmt::format("entry {} needs the token \"{}\", which is not in the vocabulary", rank, token));
    return id;
  }

  void read_added_tokens() {
    const Json* tokens = part("added_tokens");
    if (tokens->is_null()) return;
    if (!tokens->is_array()) refuse("added_tokens", "expected a list");
    for (std::size_t i = 0; i < tokens->size(); ++i) {
      const JsonObject object((*tokens)[i], place(fmt::format("added_tokens[{}]", i)));
      AddedToken token = {.content = object.text("content"),
                          .single_word = object.flag("single_word", false),
                          .lstrip = object.flag("lstrip", false),
                          .rstrip = object.flag("rstrip", false),
                          .normalized = object.flag("normalized", true),
                          .special = object.flag("special", false)};
      if (token.content.size() > kLongestToken) object.refuse(fmt::format("a token of {} bytes", token.content.size()));
      result_.added_tokens.push_back(std::move(token));
    }
  }

  const std::string& origin_;
  simdjson::dom::parser parser_;
  Element root_;
  Json small_;
  std::string joined_;
  TokenizerJson result_;
};

}  // namespace

TokenizerJson read_tokenizer_json(std::string_view json, const std::string& origin) {
  return TokenizerReader(json, origin).read();
}

std::string with_added_tokens(std::string_view json, const AddedTokens& tokens) {
  auto document = nlohmann::ordered_json::parse(json);
  auto list = nlohmann::ordered_json::array();
  for (const auto& [id, token] : tokens.by_id())
    list.push_back({{"id", id},
                    {"content", token.content},
                    {"single_word", token.single_word},
                    {"lstrip", token.lstrip},
                    {"rstrip", token.rstrip},
                    {"normalized", token.normalized},
                    {"special", token.special}});
  document["added_tokens"] = std::move(list);
  return document.dump(2);
}

}  // namespace lmf::text
