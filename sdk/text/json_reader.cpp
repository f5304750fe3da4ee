#include "text/json_reader.hpp"

#include <fmt/format.h>

namespace lmf::text {

JsonObject::JsonObject(const Json& value, std::string place) : value_(value), place_(std::move(place)) {
  if (!value_.is_object()) throw Error(fmt::format("{}: expected an object, found {}", place_, value_.type_name()));
}

const Json* JsonObject::find(const char* key) const {
  const auto found = value_.find(key);
  return found == value_.end() || found->is_null() ? nullptr : &*found;
}

const Json& JsonObject::at(const char* key) const {
  if (const Json* found = find(key)) return *found;
  throw Error(fmt::format("{}: \"{}\" is missing", place_, key));
}

std::string JsonObject::text(const char* key) const { return json_text(at(key), fmt::format("{}.{}", place_, key)); }

std::string JsonObject::text(const char* key, const std::string& otherwise) const {
  return find(key) ? text(key) : otherwise;
}

bool JsonObject::flag(const char* key, bool otherwise) const {
  const Json* found = find(key);
  if (!found) return otherwise;
  if (!found->is_boolean())
    throw Error(fmt::format("{}.{}: expected true or false, found {}", place_, key, found->type_name()));
  return found->get<bool>();
}

std::int64_t JsonObject::integer(const char* key, std::int64_t least, std::int64_t most) const {
  const Json& found = at(key);
  const bool fits =
      found.is_number_integer() && (!found.is_number_unsigned() || found.get<std::uint64_t>() <= INT64_MAX);
  const std::int64_t number = fits ? found.get<std::int64_t>() : 0;
  if (!fits || number < least || number > most)
    throw Error(fmt::format("{}.{}: expected a whole number from {} to {}", place_, key, least, most));
  return number;
}

JsonObject JsonObject::object(const char* key) const { return {at(key), fmt::format("{}.{}", place_, key)}; }

void JsonObject::refuse(const std::string& what, const std::string& hint) const {
  throw Error(fmt::format("{}: {}", place_, what), hint);
}

std::string json_text(const Json& value, const std::string& place) {
  if (!value.is_string()) throw Error(fmt::format("{}: expected a text, found {}", place, value.type_name()));
  return value.get<std::string>();
}

}  // namespace lmf::text
