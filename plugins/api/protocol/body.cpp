#include "protocol/body.hpp"

#include <limits>

#include <fmt/format.h>

#include "base/json.hpp"
#include "base/printable.hpp"
#include "protocol/api_error.hpp"

namespace lmf::api {
namespace {

[[noreturn]] void wrong_type(const std::string& name, const char* expected, const Json& value) {
  throw ApiError::invalid(name, fmt::format("{} is {}, expected {}", name, kind_of(value), expected));
}

std::string range(auto least, auto most) {
  using Number = decltype(least);
  if (most == std::numeric_limits<Number>::max() && least != std::numeric_limits<Number>::lowest())
    return fmt::format("{} or more", least);
  return fmt::format("between {} and {}", least, most);
}

}  // namespace

std::string kind_of(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "a list";
    case Json::value_t::string:
      return "a text";
    case Json::value_t::boolean:
      return value.get<bool>() ? "true" : "false";
    default:
      return value.dump();
  }
}

Body Body::parse(std::string_view text) {
  JsonBuilder<Json> builder;
  std::optional<Json> value = builder.build(text);
  if (builder.too_deep()) {
    const std::string member = shortened(builder.outermost_member());
    throw ApiError(
        400, error_type(400),
        fmt::format("{} is nested more than {} deep", member.empty() ? "the request" : member, kMaximumJsonDepth),
        member.empty() ? std::nullopt : std::optional(member));
  }
  if (!value)
    throw ApiError(400, error_type(400), fmt::format("the request is no JSON: {}", explain_json(text, "body")), {},
                   "invalid_json");
  if (!value->is_object())
    throw ApiError(400, error_type(400), fmt::format("the request is {}, expected a JSON object", kind_of(*value)));
  return Body(std::move(*value));
}

const Json* Body::find(const char* name) const {
  const auto place = object_.find(name);
  return place == object_.end() || place->is_null() ? nullptr : &*place;
}

std::optional<bool> Body::flag(const char* name) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) wrong_type(full_name(name), "true or false", *value);
  return value->get<bool>();
}

std::optional<std::int64_t> Body::integer(const char* name, std::int64_t least, std::int64_t most) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) wrong_type(full_name(name), "a whole number", *value);
  // Beyond 64 bits nlohmann's numbers are floating.
  const bool fits = value->is_number_integer() &&
                    (!value->is_number_unsigned() ||
                     value->get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<std::int64_t>::max()});
  const std::int64_t number = fits ? value->get<std::int64_t>() : 0;
  if (!fits || number < least || number > most)
    throw ApiError::invalid(full_name(name), fmt::format("{} is {}, expected a whole number {}", full_name(name),
                                                         kind_of(*value), range(least, most)));
  return number;
}

std::optional<double> Body::number(const char* name, double least, double most) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) wrong_type(full_name(name), "a number", *value);
  const auto number = value->get<double>();
  if (!(number >= least && number <= most))
    throw ApiError::invalid(full_name(name), fmt::format("{} is {}, expected a number {}", full_name(name),
                                                         kind_of(*value), range(least, most)));
  return number;
}

std::optional<std::string> Body::text(const char* name) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) wrong_type(full_name(name), "a text", *value);
  return value->get<std::string>();
}

std::optional<Body> Body::object(const char* name) const {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) wrong_type(full_name(name), "an object", *value);
  return Body(*value, full_name(name));
}

}  // namespace lmf::api
