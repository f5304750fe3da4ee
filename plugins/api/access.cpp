#include "access.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>

#include <fmt/format.h>

#include "base/printable.hpp"
#include "protocol/api_error.hpp"

namespace lmf::api {
namespace {

std::string_view bearer(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() < kScheme.size()) return {};
  for (std::size_t i = 0; i < kScheme.size(); ++i)
    if ((authorization[i] | 0x20) != kScheme[i]) return {};
  return authorization.substr(kScheme.size());
}

/// The name of "Name:8000", in lower case; an address of IPv6 without its brackets, "[::1]:8000".
std::string host_name(std::string_view host) {
  if (host.starts_with('[')) {
    host = host.substr(1, host.find(']') - 1);
  } else if (const auto colon = host.find(':'); colon == host.rfind(':')) {
    host = host.substr(0, colon);
  }
  std::string name(host);
  for (char& letter : name)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter + 32);
  return name;
}

bool is_loopback(std::string_view name) { return name == "localhost" || name == "::1" || name.starts_with("127."); }

/// A list of fields' names with commas, as a browser sends it: nothing that would be more than that in an answer.
bool are_field_names(std::string_view list) {
  constexpr std::size_t kMostBytes = 2048;
  return !list.empty() && list.size() <= kMostBytes && std::all_of(list.begin(), list.end(), [](unsigned char letter) {
    return std::isalnum(letter) != 0 || (letter != 0 && std::strchr("!#$%&'*+-.^_`|~, ", letter) != nullptr);
  });
}

}  // namespace

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  volatile unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference = difference | static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^
                                                    static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]));
  return difference == 0;
}

Access::Access(std::vector<std::string> keys, std::vector<std::string> origins, std::string host, bool open_metrics)
    : keys_(std::move(keys)), origins_(std::move(origins)), host_(host_name(host)), open_metrics_(open_metrics) {}

bool Access::is_open(std::string_view path) const {
  // The first three tell nothing but that a server is here.
  return path == "/health" || path == "/v1/health" || path == "/" || (open_metrics_ && path == "/metrics");
}

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

bool Access::allows_host(std::string_view host) const {
  if (!keys_.empty() || !is_loopback(host_) || host.empty()) return true;  // every browser says the host
  const std::string name = host_name(host);
  return name == "localhost" || name == "127.0.0.1" || name == "::1" || name == host_;
}

std::optional<http::Response> Access::gate(const http::Request& request) const {
  if (!allows_host(request.field("host"))) {
    const ApiError error(403, error_type(403),
                         fmt::format("the Host is '{}', and without a key this server answers to localhost and {} "
                                     "alone: set API_KEY to answer to every name, or API_HOST to listen elsewhere",
                                     shortened(std::string(request.field("host"))), host_));
    return http::Response::json(403, error.json());
  }
  if (request.method == "OPTIONS" && !request.field("access-control-request-method").empty()) {
    http::Fields fields;
    // OpenAI's client for JavaScript sends fields of its own. A field that nobody reads does no harm.
    const auto asked = request.field("access-control-request-headers");
    if (allows_origin(request.field("origin")))
      fields = {{"Access-Control-Allow-Methods", "GET, POST, OPTIONS"},
                {"Access-Control-Allow-Headers",
                 are_field_names(asked) ? std::string(asked) : "authorization, content-type, x-api-key"},
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
