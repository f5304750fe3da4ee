#include "data/alpaca.hpp"

#include <fmt/format.h>

#include "data/fields.hpp"

namespace lmf::data {

namespace {

using simdjson::dom::element;

/// Appends the earlier turns; returns the reason when they are not [question, answer] pairs.
std::string add_history(const element& history, const std::string& column, std::vector<text::Message>& messages) {
  const std::string wrong = fmt::format("{} is not a list of [question, answer] pairs", column);
  simdjson::dom::array turns;
  if (history.get(turns) != simdjson::SUCCESS) return wrong;
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

}  // namespace

std::string read_alpaca(const simdjson::dom::object& record, const Columns& columns, SeenColumns& seen,
                        Conversation& conversation) {
  const auto prompt_field = find_field(record, columns.prompt), query_field = find_field(record, columns.query);
  const auto response = find_field(record, columns.response), history = find_field(record, columns.history);
  seen.question |= prompt_field || query_field;
  seen.response |= response.has_value();

  std::string dropped;
  if (is_given(history)) dropped = add_history(*history, *columns.history, conversation.messages);
  if (!dropped.empty()) return dropped;
  const auto prompt = text_of(prompt_field, columns.prompt.value_or(""), dropped);
  const auto query = prompt ? text_of(query_field, columns.query.value_or(""), dropped) : std::nullopt;
  if (!query) return dropped;
  if (!is_given(response)) return fmt::format("{} is missing", *columns.response);
  const auto answer = text_of(response, *columns.response, dropped);
  if (!answer) return dropped;

  std::string question(*prompt);
  if (!prompt->empty() && !query->empty()) question += '\n';
  question += *query;
  conversation.messages.push_back({text::Role::user, std::move(question)});
  conversation.messages.push_back({text::Role::assistant, std::string(*answer)});
  return {};
}

}  // namespace lmf::data
