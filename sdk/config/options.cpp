#include "config/options.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lmf/error.hpp"

namespace lmf::config {
namespace {

using Type = OptionDescription::Type;

constexpr const char* kTypeNames[] = {"text", "integer", "number", "flag", "list", "path", "json"};

[[noreturn]] void bug(std::string_view name, std::string_view what) {
  throw Error(fmt::format("option '{}' {}", name, what), "this is a fault of lmf: please report it", kExitInternal);
}

template <class Wanted>
const Wanted& get(const Options::Value& value, std::string_view name) {
  if (const auto* found = std::get_if<Wanted>(&value.data)) return *found;
  bug(name, std::holds_alternative<std::monostate>(value.data) ? "is null" : "is read as another type than it has");
}

nlohmann::json encode(const Options::Value& value) {
  const auto data = std::visit(
      [](const auto& held) -> nlohmann::json {
        using Held = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<Held, std::monostate>)
          return nullptr;
        else if constexpr (std::is_same_v<Held, Options::Json>)
          return held.text;
        else
          return held;
      },
      value.data);
  return {{"type", kTypeNames[static_cast<int>(value.type)]}, {"value", data}, {"origin", value.origin}};
}

Options::Value decode(const nlohmann::json& json) {
  Options::Value value;
  const auto name = json.at("type").get<std::string>();
  const auto found = std::find(std::begin(kTypeNames), std::end(kTypeNames), name);
  if (found == std::end(kTypeNames)) bug(name, "is of no known type");
  value.type = static_cast<Type>(found - std::begin(kTypeNames));
  value.origin = json.at("origin").get<std::string>();
  const nlohmann::json& data = json.at("value");
  if (data.is_null()) return value;
  switch (value.type) {
    case Type::flag:
      value.data = data.get<bool>();
      break;
    case Type::integer:
      value.data = data.get<std::int64_t>();
      break;
    case Type::number:
      value.data = data.get<double>();
      break;
    case Type::text:
    case Type::path:
      value.data = data.get<std::string>();
      break;
    case Type::list:
      value.data = data.get<std::vector<std::string>>();
      break;
    case Type::json:
      value.data = Options::Json{data.get<std::string>()};
      break;
  }
  return value;
}

}  // namespace

const Options::Value& Options::at(std::string_view name) const {
  const auto found = values.find(name);
  if (found == values.end()) bug(name, "is not in the table");
  return found->second;
}

bool Options::given(std::string_view name) const { return at(name).origin != "default"; }
bool Options::is_null(std::string_view name) const { return std::holds_alternative<std::monostate>(at(name).data); }
std::string Options::origin(std::string_view name) const { return at(name).origin; }

bool Options::flag(std::string_view name) const { return get<bool>(at(name), name); }
std::int64_t Options::integer(std::string_view name) const { return get<std::int64_t>(at(name), name); }
double Options::number(std::string_view name) const { return get<double>(at(name), name); }

std::string Options::text(std::string_view name) const {
  return is_null(name) ? std::string() : get<std::string>(at(name), name);
}

std::vector<std::string> Options::list(std::string_view name) const {
  if (is_null(name)) return {};
  return get<std::vector<std::string>>(at(name), name);
}

nlohmann::json Options::json(std::string_view name) const {
  if (is_null(name)) return nullptr;
  return nlohmann::json::parse(get<Options::Json>(at(name), name).text);
}

void Options::set_text(std::string_view name, std::string value, std::string origin) {
  const auto found = values.find(name);
  if (found == values.end()) bug(name, "is not in the table");
  if (found->second.type != Type::text && found->second.type != Type::path) bug(name, "holds no text");
  if (value.empty())
    found->second.data = std::monostate{};
  else
    found->second.data = std::move(value);
  found->second.origin = std::move(origin);
}

std::string Options::to_json() const {
  nlohmann::json result = nlohmann::json::object();
  for (const auto& [name, value] : values) result[name] = encode(value);
  return result.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Options Options::from_json(std::string_view text) {
  try {
    Options result;
    const nlohmann::json json = nlohmann::json::parse(text);
    for (const auto& [name, value] : json.items()) result.values.emplace(name, decode(value));
    return result;
  } catch (const nlohmann::json::exception&) {
    bug("options", "cannot be read back");
  }
}

}  // namespace lmf::config
