#include "protocol/api_error.hpp"

#include <utility>

#include "base/printable.hpp"
#include "protocol/json_text.hpp"

namespace lmf::api {
namespace {

/// A message may repeat what was sent. It says what that is at its begin and what was expected at its end.
std::string bounded(std::string message) {
  constexpr std::size_t kBegin = 700, kEnd = 300;
  if (message.size() <= kBegin + kEnd) return message;
  std::size_t end = message.size() - kEnd;
  while (end < message.size() && (static_cast<unsigned char>(message[end]) & 0xc0) == 0x80) ++end;
  return shortened(message, kBegin) + message.substr(end);
}

}  // namespace

ApiError::ApiError(int status, std::string type, std::string message, std::optional<std::string> param,
                   std::optional<std::string> code)
    : status_(status),
      type_(std::move(type)),
      message_(bounded(std::move(message))),
      param_(std::move(param)),
      code_(std::move(code)) {}

ApiError ApiError::invalid(std::string param, std::string message, std::optional<std::string> code) {
  return {400, error_type(400), std::move(message), std::move(param), std::move(code)};
}

ApiError ApiError::unsupported(std::string param, std::string message) {
  return {400, error_type(400), std::move(message), std::move(param), "unsupported"};
}

std::string ApiError::json() const {
  const auto text_or_null = [](const std::optional<std::string>& text) { return text ? json_string(*text) : "null"; };
  return R"({"error":{"message":)" + json_string(message_) + R"(,"type":)" + json_string(type_) + R"(,"param":)" +
         text_or_null(param_) + R"(,"code":)" + text_or_null(code_) + "}}";
}

ApiError engine_failure(const std::optional<Error>& reason) {
  const bool tells = reason && reason->exit_status() != kExitInternal;
  const int status = reason && reason->exit_status() == kExitUsage ? 400 : 500;
  return {status, error_type(status), tells ? reason->what() : "the model failed to answer; the server's log says why"};
}

std::string engine_failure_reason(const std::optional<Error>& reason) {
  if (!reason) return "the model gave no reason";
  return reason->what() + (reason->hint().empty() ? "" : "; " + reason->hint());
}

std::string error_type(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
    case 503:
      return "unavailable_error";
    default:
      return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

}  // namespace lmf::api
