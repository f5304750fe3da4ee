#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace lmf::api {

using Json = nlohmann::json;

/// The typed members of a request's JSON object. A member that is missing or null counts as not given; one of another
/// type or out of its range throws ApiError naming it. Members that nobody asks for are ignored, as clients of other
/// servers expect.
class Body {
 public:
  /// Throws ApiError unless `text` is one JSON object.
  static Body parse(std::string_view text);
  /// A nested object; `name`: how messages call it ("stream_options").
  Body(Json object, std::string name) : object_(std::move(object)), prefix_(std::move(name) + ".") {}

  bool given(const char* name) const { return find(name) != nullptr; }
  std::optional<bool> flag(const char* name) const;
  std::optional<std::int64_t> integer(const char* name, std::int64_t least, std::int64_t most) const;
  std::optional<double> number(const char* name, double least, double most) const;
  std::optional<std::string> text(const char* name) const;
  std::optional<Body> object(const char* name) const;
  /// Null when not given.
  const Json* find(const char* name) const;
  std::string full_name(const char* name) const { return prefix_ + name; }

 private:
  explicit Body(Json object) : object_(std::move(object)) {}
  Json object_;
  std::string prefix_;
};

/// What a value is, for messages: "a number", "a list".
std::string kind_of(const Json& value);

}  // namespace lmf::api
