#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "lmf/error.hpp"

namespace lmf::text {

using Json = nlohmann::json;

/// A JSON object of a tokenizer's file with its place in words ("tokenizer.json: pre_tokenizer"), for messages.
/// Every getter throws Error naming place and key when the value has another type than asked for.
class JsonObject {
 public:
  JsonObject(const Json& value, std::string place);

  const std::string& place() const { return place_; }
  const Json* find(const char* key) const;  ///< null: absent or null
  const Json& at(const char* key) const;
  std::string text(const char* key) const;
  std::string text(const char* key, const std::string& otherwise) const;
  bool flag(const char* key, bool otherwise) const;
  std::int64_t integer(const char* key, std::int64_t least, std::int64_t most) const;
  JsonObject object(const char* key) const;
  [[noreturn]] void refuse(const std::string& what, const std::string& hint = {}) const;

 private:
  const Json& value_;
  std::string place_;
};

/// `value` as text. Throws Error.
std::string json_text(const Json& value, const std::string& place);

}  // namespace lmf::text
