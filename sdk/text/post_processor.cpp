#include "text/post_processor.hpp"

#include <fmt/format.h>

#include "text/vocabulary.hpp"

namespace lmf::text {
namespace {

std::int32_t read_id(const Json& value, const JsonObject& object) {
  if (!value.is_number_integer() || value < 0 || value > Vocabulary::kMaximumId) object.refuse("a token's id is no id");
  return value.get<std::int32_t>();
}

/// The template of a single text: special tokens, the text once, special tokens.
PostProcessor read_template(const JsonObject& object) {
  PostProcessor result;
  const Json& pieces = object.at("single");
  if (!pieces.is_array()) object.refuse("\"single\" is not a list");
  bool seen_text = false;
  for (const Json& piece : pieces) {
    const JsonObject entry(piece, object.place() + ".single");
    if (entry.find("Sequence")) {
      if (seen_text) object.refuse("the template holds the text twice");
      seen_text = true;
      continue;
    }
    const std::string name = entry.object("SpecialToken").text("id");
    const JsonObject token = object.object("special_tokens").object(name.c_str());
    if (!token.at("ids").is_array()) token.refuse("\"ids\" is not a list");
    for (const Json& id : token.at("ids")) (seen_text ? result.suffix : result.prefix).push_back(read_id(id, token));
  }
  if (!seen_text) object.refuse("the template does not hold the text");
  return result;
}

/// BERT's and RoBERTa's: ["token", id] before and behind.
PostProcessor read_cls_sep(const JsonObject& object) {
  const auto id = [&](const char* key) {
    const Json& pair = object.at(key);
    if (!pair.is_array() || pair.size() != 2) object.refuse(fmt::format("\"{}\" is not [token, id]", key));
    return read_id(pair[1], object);
  };
  return {{id("cls")}, {id("sep")}};
}

PostProcessor read(const JsonObject& object, int depth) {
  const std::string type = object.text("type");
  if (type == "ByteLevel") return {};  // moves offsets only
  if (type == "TemplateProcessing") return read_template(object);
  if (type == "BertProcessing" || type == "RobertaProcessing") return read_cls_sep(object);
  if (type != "Sequence") object.refuse(fmt::format("the post-processor \"{}\" is not supported", type));
  const Json& members = object.at("processors");
  if (!members.is_array() || depth > 16) object.refuse("\"processors\" is not a list, or nested deeper than 16");
  PostProcessor result;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const auto inner = read({members[i], fmt::format("{}.processors[{}]", object.place(), i)}, depth + 1);
    result.prefix.insert(result.prefix.begin(), inner.prefix.begin(), inner.prefix.end());
    result.suffix.insert(result.suffix.end(), inner.suffix.begin(), inner.suffix.end());
  }
  return result;
}

}  // namespace

std::optional<PostProcessor> read_post_processor(const Json* value, const std::string& place) {
  if (!value || value->is_null()) return std::nullopt;
  return read({*value, place}, 0);
}

}  // namespace lmf::text
