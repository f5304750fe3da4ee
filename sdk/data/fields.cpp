// Fields of a record's JSON objects, and what is said of those of a wrong type.
#include "data/fields.hpp"

#include <fmt/format.h>

namespace lmf::data {

using simdjson::dom::element;
using simdjson::dom::element_type;

std::optional<element> find_field(const simdjson::dom::object& object, const std::optional<std::string>& name) {
  std::optional<element> found;
  if (!name) return found;
  for (const auto& [key, value] : object)
    if (key == *name) found = value;
  return found;
}

bool is_given(const std::optional<element>& value) { return value && !value->is_null(); }

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

std::optional<std::string_view> text_of(const std::optional<element>& value, std::string_view name,
                                        std::string& dropped) {
  if (!is_given(value)) return std::string_view();
  std::string_view found;
  if (value->get(found) == simdjson::SUCCESS) return found;
  dropped = fmt::format("{} is {}, not a text", name, type_name(*value));
  return std::nullopt;
}

}  // namespace lmf::data
