// A record -> its conversation: what all formattings share, and which of them reads the messages.
#include "data/conversation.hpp"

#include <fmt/format.h>

#include "base/printable.hpp"
#include "data/alpaca.hpp"
#include "data/fields.hpp"
#include "data/sharegpt.hpp"
#include "lmf/error.hpp"

namespace lmf::data {

namespace {

using simdjson::dom::element;

void refuse_media(const simdjson::dom::object& record) {
  for (const auto& [key, value] : record) {
    if (key != "images" && key != "videos" && key != "audios") continue;
    simdjson::dom::array list;
    const bool empty = value.is_null() || (value.get(list) == simdjson::SUCCESS && list.size() == 0);
    if (!empty)
      throw Error(fmt::format("the record has {}; data sets with images, videos or audios are not supported.", key));
  }
}

std::string list_keys(const simdjson::dom::object& record) {
  std::string keys;
  for (const auto& [key, value] : record) keys += (keys.empty() ? "" : ", ") + shortened(key, 40);
  return shortened(keys, 200);
}

/// Tools are JSON text, or the list itself. An empty list is none, but to openai's form it is an empty text of tools.
std::string read_tools(const std::optional<element>& value, const DatasetDescription& dataset, std::string& dropped) {
  simdjson::dom::array list;
  if (is_given(value) && value->get(list) == simdjson::SUCCESS) {
    if (list.size() == 0 && dataset.formatting != Formatting::openai) return {};
    return simdjson::minify(list);
  }
  return std::string(text_of(value, dataset.columns.tools.value_or(""), dropped).value_or(""));
}

}  // namespace

void SeenColumns::merge(const SeenColumns& other) {
  question |= other.question;
  response |= other.response;
  system |= other.system;
  tools |= other.tools;
  if (example_keys.empty()) example_keys = other.example_keys;
}

Aligned align(const element& record, const DatasetDescription& dataset, SeenColumns& seen) {
  Aligned result;
  auto& [conversation, dropped] = result;
  simdjson::dom::object object;
  if (record.get(object) != simdjson::SUCCESS) {
    dropped = fmt::format("the record is {}, not an object", type_name(record));
    return result;
  }
  if (seen.example_keys.empty()) seen.example_keys = list_keys(object);
  refuse_media(object);
  const auto system = find_field(object, dataset.columns.system), tools = find_field(object, dataset.columns.tools);
  seen.system |= system.has_value();
  seen.tools |= tools.has_value();
  if (const auto text = text_of(system, dataset.columns.system.value_or(""), dropped)) conversation.system = *text;
  conversation.tools = read_tools(tools, dataset, dropped);
  const bool alpaca = dataset.formatting == Formatting::alpaca;
  const std::string problem = alpaca ? read_alpaca(object, dataset.columns, seen, conversation)
                                     : read_messages(object, dataset, seen, conversation);
  if (!problem.empty()) dropped = problem;
  if (dataset.formatting == Formatting::openai) adapt_openai_system(conversation);
  return result;
}

}  // namespace lmf::data
