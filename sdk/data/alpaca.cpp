#include "data/alpaca.hpp"

#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "lmf/error.hpp"

namespace lmf::data {

namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

std::string_view type_name(const element& value) {
  switch (value.type()) {
    case element_type::ARRAY:
      return "a list";
    case element_type::OBJECT:
      return "an object";
    case element_type::STRING:
      return "a text";
    case element_type::BOOL:
      return "true or false";
    case element_type::NULL_VALUE:
      return "null";
    default:
      return "a number";
  }
}

/// The fields of one record that its data set's columns name. Of a key written twice the last counts, as in Python.
class Fields {
 public:
  Fields(const simdjson::dom::object& record, const Columns& columns) {
    for (const auto& [key, value] : record) {
      if (key == columns.prompt) prompt = value;
      if (key == columns.query) query = value;
      if (key == columns.response) response = value;
      if (key == columns.history) history = value;
      if (key == columns.system) system = value;
      refuse_media(key, value);
    }
  }

  /// "" for null and absent; nullopt, with the reason in `dropped`, for what is not a text.
  static std::optional<std::string_view> text(const std::optional<element>& value,
                                              const std::optional<std::string>& column, std::string& dropped) {
    if (!value || value->is_null()) return std::string_view();
    std::string_view found;
    if (value->get(found) == simdjson::SUCCESS) return found;
    dropped = fmt::format("{} is {}, not a text", *column, type_name(*value));
    return std::nullopt;
  }

  std::optional<element> prompt, query, response, history, system;

 private:
  static void refuse_media(std::string_view key, const element& value) {
    if (key != "images" && key != "videos" && key != "audios") return;
    simdjson::dom::array list;
    const bool empty = value.is_null() || (value.get(list) == simdjson::SUCCESS && list.size() == 0);
    if (!empty)
      throw Error(fmt::format("the record has {}; data sets with images, videos or audios are not supported.", key));
  }
};

/// Appends the earlier turns; returns the reason when they are not [question, answer] pairs.
std::string add_history(const std::optional<element>& history, const std::string& column,
                        std::vector<text::Message>& messages) {
  if (!history || history->is_null()) return {};
  const std::string wrong = fmt::format("{} is not a list of [question, answer] pairs", column);
  simdjson::dom::array turns;
  if (history->get(turns) != simdjson::SUCCESS) return wrong;
  for (const element turn : turns) {
    simdjson::dom::array pair;
    std::string_view question, answer;
    if (turn.get(pair) != simdjson::SUCCESS || pair.size() != 2 || pair.at(0).get(question) != simdjson::SUCCESS ||
        pair.at(1).get(answer) != simdjson::SUCCESS) {
      return wrong;
    }
    messages.push_back({text::Role::user, std::string(question)});
    messages.push_back({text::Role::assistant, std::string(answer)});
  }
  return {};
}

std::string list_keys(const simdjson::dom::object& record) {
  std::string keys;
  for (const auto& [key, value] : record) keys += (keys.empty() ? "" : ", ") + std::string(key.substr(0, 40));
  return keys.size() > 200 ? keys.substr(0, 200) + "..." : keys;
}

}  // namespace

void SeenColumns::merge(const SeenColumns& other) {
  question |= other.question;
  response |= other.response;
  if (example_keys.empty()) example_keys = other.example_keys;
}

Aligned align_alpaca(const element& record, const Columns& columns, SeenColumns& seen) {
  Aligned result;
  simdjson::dom::object object;
  if (record.get(object) != simdjson::SUCCESS) {
    result.dropped = fmt::format("the record is {}, not an object", type_name(record));
    return result;
  }
  if (seen.example_keys.empty()) seen.example_keys = list_keys(object);
  const Fields fields(object, columns);
  seen.question |= fields.prompt || fields.query;
  seen.response |= fields.response.has_value();

  auto& [messages, system] = result.conversation;
  if (columns.history) result.dropped = add_history(fields.history, *columns.history, messages);
  if (!result.dropped.empty()) return result;
  const auto prompt = Fields::text(fields.prompt, columns.prompt, result.dropped);
  const auto query = prompt ? Fields::text(fields.query, columns.query, result.dropped) : std::nullopt;
  const auto given_system = query ? Fields::text(fields.system, columns.system, result.dropped) : std::nullopt;
  if (!given_system) return result;
  if (!fields.response || fields.response->is_null()) {
    result.dropped = fmt::format("{} is missing", *columns.response);
    return result;
  }
  const auto answer = Fields::text(fields.response, columns.response, result.dropped);
  if (!answer) return result;

  std::string question(*prompt);
  if (!prompt->empty() && !query->empty()) question += '\n';
  question += *query;
  messages.push_back({text::Role::user, std::move(question)});
  messages.push_back({text::Role::assistant, std::string(*answer)});
  system = std::string(*given_system);
  return result;
}

}  // namespace lmf::data
