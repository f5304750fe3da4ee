#include "access.hpp"

#include <algorithm>

#include "protocol/api_error.hpp"

namespace lmf::api {
namespace {

/// Open to all: they tell nothing but that a server is here.
bool is_open(std::string_view path) { return path == "/health" || path == "/v1/health" || path == "/"; }

std::string_view bearer(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() < kScheme.size()) return {};
  for (std::size_t i = 0; i < kScheme.size(); ++i)
    if ((authorization[i] | 0x20) != kScheme[i]) return {};
  return authorization.substr(kScheme.size());
}

}  // namespace

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  volatile unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference = difference | static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^
                                                    static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]));
  return difference == 0;
}

Access::Access(std::vector<std::string> keys, std::vector<std::string> origins)
    : keys_(std::move(keys)), origins_(std::move(origins)) {}

bool Access::has_key(const http::Request& request) const {
  std::string_view given = bearer(request.field("authorization"));
  if (given.empty()) given = request.field("x-api-key");
  bool found = false;
  for (const std::string& key : keys_) found = equal_in_constant_time(given, key) || found;  // all of them, always
  return found;
}

bool Access::allows_origin(std::string_view origin) const {
  return !origin.empty() && std::any_of(origins_.begin(), origins_.end(), [&](const std::string& allowed) {
    return allowed == "*" || allowed == origin;
  });
}

std::optional<http::Response> Access::gate(const http::Request& request) const {
  if (request.method == "OPTIONS" && !request.field("access-control-request-method").empty()) {
    http::Fields fields;
    if (allows_origin(request.field("origin")))
      fields = {{"Access-Control-Allow-Methods", "GET, POST, OPTIONS"},
                {"Access-Control-Allow-Headers", "authorization, content-type, x-api-key"},
                {"Access-Control-Max-Age", "600"}};
    return http::Response::empty(204, std::move(fields));  // a browser sends no key with this question
  }
  if (keys_.empty() || is_open(request.path) || has_key(request)) return std::nullopt;
  const bool tried = !request.field("authorization").empty() || !request.field("x-api-key").empty();
  const ApiError error(401, error_type(401),
                       tried ? "the API key is not one of this server's"
                             : "an API key is needed: send Authorization: Bearer KEY, or X-Api-Key: KEY",
                       {}, "invalid_api_key");
  auto response = http::Response::json(401, error.json());
  response.fields.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

void Access::decorate(const http::Request& request, http::Fields& fields) const {
  const auto origin = request.field("origin");
  if (!allows_origin(origin)) return;
  const bool all = std::find(origins_.begin(), origins_.end(), "*") != origins_.end();
  fields.emplace_back("Access-Control-Allow-Origin", all ? "*" : std::string(origin));
  if (!all) fields.emplace_back("Vary", "Origin");
}

}  // namespace lmf::api
