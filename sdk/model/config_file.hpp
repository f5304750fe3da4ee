#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <limits>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/printable.hpp"
#include "lmf/error.hpp"

namespace lmf::model {

/// Reads values of a JSON object; every mistake is a sentence with file and key. An absent key and null both give the
/// default: Hugging Face's files use them alike.
class ConfigObject {
 public:
  ConfigObject(const nlohmann::json& object, std::string where) : object_(object), where_(std::move(where)) {}
  /// The whole file; throws Error when it is not a JSON object, or larger.
  static nlohmann::json read_file(const std::filesystem::path& file, std::uint64_t most_bytes = 16 << 20);

  bool has(const char* key) const { return object_.contains(key) && !object_[key].is_null(); }
  bool mentions(const char* key) const { return object_.contains(key); }  ///< also as null
  const nlohmann::json& at(const char* key) const { return object_[key]; }
  const std::string& where() const { return where_; }
  /// Shortened: a value may be as large as the file.
  [[noreturn]] void refuse(const std::string& why, const std::string& hint = {}) const {
    throw Error(fmt::format("{}: {}", where_, shortened(why, 500)), hint);
  }
  void require(std::initializer_list<const char*> keys) const {
    for (const char* key : keys)
      if (!has(key)) refuse(fmt::format("{} is missing", key));
  }

  std::int64_t integer(const char* key, std::int64_t otherwise, std::int64_t least,
                       std::int64_t most = std::numeric_limits<std::int32_t>::max()) const;
  std::int64_t integer(const char* key, std::int64_t least) const;  ///< required
  double number(const char* key, double otherwise) const;
  bool flag(const char* key, bool otherwise) const;
  std::string text(const char* key, const std::string& otherwise) const;

 private:
  const nlohmann::json& object_;
  std::string where_;
};

}  // namespace lmf::model
