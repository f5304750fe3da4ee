#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <simdjson.h>

namespace lmf::data {

/// The value of a field, of one that is written twice the last, as in Python; nullopt when there is none or no name.
std::optional<simdjson::dom::element> find_field(const simdjson::dom::object& object,
                                                 const std::optional<std::string>& name);
/// Whether it is there and not null.
bool is_given(const std::optional<simdjson::dom::element>& value);
/// "a list", "a text", ...
std::string_view type_name(const simdjson::dom::element& value);
/// "" for null and absent; nullopt, with the reason in `dropped`, for what is not a text.
std::optional<std::string_view> text_of(const std::optional<simdjson::dom::element>& value, std::string_view name,
                                        std::string& dropped);

}  // namespace lmf::data
