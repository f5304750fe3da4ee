#include "model/config_file.hpp"

#include <cmath>

#include "base/files.hpp"
#include "base/json.hpp"

namespace lmf::model {

using nlohmann::json;

json ConfigObject::read_file(const std::filesystem::path& file, std::uint64_t most_bytes) {
  json parsed = parse_json(lmf::read_file(file, most_bytes), file.string());
  if (!parsed.is_object()) throw Error(fmt::format("{} is not a JSON object", file.string()));
  return parsed;
}

std::int64_t ConfigObject::integer(const char* key, std::int64_t otherwise, std::int64_t least,
                                   std::int64_t most) const {
  if (!has(key)) return otherwise;
  const json& value = object_[key];
  const bool fits = value.is_number_unsigned()
                        ? value.get<std::uint64_t>() <= std::uint64_t(std::numeric_limits<std::int64_t>::max())
                        : value.is_number_integer();
  if (!fits || value.get<std::int64_t>() < least || value.get<std::int64_t>() > most)
    refuse(fmt::format("{} is {}, expected a whole number from {} to {}", key, value.dump(), least, most));
  return value.get<std::int64_t>();
}

std::int64_t ConfigObject::integer(const char* key, std::int64_t least) const {
  require({key});
  return integer(key, 0, least);
}

double ConfigObject::number(const char* key, double otherwise) const {
  if (!has(key)) return otherwise;
  const json& value = object_[key];
  if (!value.is_number() || !std::isfinite(value.get<double>()))
    refuse(fmt::format("{} is {}, expected a number", key, value.dump()));
  return value.get<double>();
}

bool ConfigObject::flag(const char* key, bool otherwise) const {
  if (!has(key)) return otherwise;
  if (!object_[key].is_boolean()) refuse(fmt::format("{} is {}, expected true or false", key, object_[key].dump()));
  return object_[key].get<bool>();
}

std::string ConfigObject::text(const char* key, const std::string& otherwise) const {
  if (!has(key)) return otherwise;
  if (!object_[key].is_string()) refuse(fmt::format("{} is {}, expected text", key, object_[key].dump()));
  return object_[key].get<std::string>();
}

}  // namespace lmf::model
