#pragma once

#include <exception>
#include <optional>
#include <string>

#include "lmf/error.hpp"

namespace lmf::api {

/// Why a request is not answered, in the shape that OpenAI's clients read. Thrown by whatever finds out.
class ApiError : public std::exception {
 public:
  /// Of a long message the middle is left out.
  ApiError(int status, std::string type, std::string message, std::optional<std::string> param = {},
           std::optional<std::string> code = {});
  /// 400: the value of `param` is wrong.
  static ApiError invalid(std::string param, std::string message, std::optional<std::string> code = {});
  /// 400: right, but not in this version. Never ignored, since the answer would be another.
  static ApiError unsupported(std::string param, std::string message);

  const char* what() const noexcept override { return message_.c_str(); }
  int status() const { return status_; }
  /// {"error":{"message":…,"type":…,"param":…,"code":…}}
  std::string json() const;

 private:
  int status_;
  std::string type_, message_;
  std::optional<std::string> param_, code_;
};

/// The model's failure as a client may know it: what is our fault, and names what is ours, is for the log alone.
ApiError engine_failure(const std::optional<Error>& reason);
/// All of it, for the log.
std::string engine_failure_reason(const std::optional<Error>& reason);

/// The type that belongs to a status.
std::string error_type(int status);

}  // namespace lmf::api
