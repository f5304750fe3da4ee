// Who may ask: keys, origins and names of the server.
#include "access.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "environment.hpp"
#include "lmf/error.hpp"

using namespace lmf::api;
namespace http = lmf::http;

namespace {

http::Request with_field(const char* name, const char* value, const char* path = "/v1/models") {
  http::Request request;
  request.method = "GET";
  request.path = path;
  request.fields = {{name, value}};
  return request;
}

}  // namespace

TEST_CASE("A30: a key opens, as Bearer or X-Api-Key; /health and / are open") {
  const Access access({"first", "second"}, {}, "0.0.0.0");
  CHECK(access.gate(with_field("x", "y"))->status == 401);
  CHECK(access.gate(with_field("authorization", "Bearer wrong"))->status == 401);
  CHECK(access.gate(with_field("authorization", "Bearer firs"))->status == 401);
  CHECK(access.gate(with_field("authorization", "Basic first"))->status == 401);
  CHECK_FALSE(access.gate(with_field("authorization", "bearer second")).has_value());
  CHECK_FALSE(access.gate(with_field("x-api-key", "first")).has_value());
  CHECK_FALSE(access.gate(with_field("x", "y", "/health")).has_value());
  CHECK_FALSE(access.gate(with_field("x", "y", "/")).has_value());
  CHECK_FALSE(Access({}, {}, "0.0.0.0").gate(with_field("x", "y")).has_value());
  CHECK(access.gate(with_field("x", "y", "/metrics"))->status == 401);
  const Access open_metrics({"first"}, {}, "0.0.0.0", /*open_metrics=*/true);
  CHECK_FALSE(open_metrics.gate(with_field("x", "y", "/metrics")).has_value());
  CHECK(open_metrics.gate(with_field("x", "y"))->status == 401);
  CHECK(equal_in_constant_time("a", "a"));
  CHECK_FALSE(equal_in_constant_time("a", ""));
  CHECK_FALSE(equal_in_constant_time("", "a"));
}

TEST_CASE("API_KEY opens the server to all only where it is not set or empty") {
  const auto keys = [](const char* value) -> std::string {
    ::setenv("API_KEY", value, 1);
    try {
      return fmt::format("{}", read_environment().keys.size());
    } catch (const lmf::Error& error) {
      CHECK(error.exit_status() == lmf::kExitUsage);
      return error.what();
    }
  };
  CHECK(keys("") == "0");
  CHECK(keys(", a ,b,") == "2");
  for (const char* none : {",", " ", " , ,"}) CHECK(keys(none) == "API_KEY is set and has no key");
  ::unsetenv("API_KEY");
}

TEST_CASE("A31: pages of origins that are named may ask, others may not") {
  const Access access({"key"}, {"https://a.example"}, "0.0.0.0");
  auto preflight = with_field("origin", "https://a.example");
  preflight.method = "OPTIONS";
  preflight.fields.emplace_back("access-control-request-method", "POST");
  CHECK(access.gate(preflight)->status == 204);
  CHECK(access.gate(preflight)->fields.size() == 3);
  const auto allowed = [&](const std::string& asked) {
    auto request = preflight;
    request.fields.emplace_back("access-control-request-headers", asked);
    return access.gate(request)->fields.at(1).second;
  };
  const std::string own = "authorization, content-type, x-api-key";
  CHECK(access.gate(preflight)->fields.at(1).second == own);
  CHECK(allowed("authorization,content-type,x-stainless-os") == "authorization,content-type,x-stainless-os");
  for (const std::string& odd :
       {std::string("a;b"), std::string("a\r\nb"), std::string("a\0b", 3), std::string(3000, 'a')})
    CHECK(allowed(odd) == own);
  http::Fields fields;
  access.decorate(preflight, fields);
  CHECK(fields == http::Fields{{"Access-Control-Allow-Origin", "https://a.example"}, {"Vary", "Origin"}});
  preflight.fields[0].second = "https://b.example";
  CHECK(access.gate(preflight)->fields.empty());
  fields.clear();
  access.decorate(preflight, fields);
  CHECK(fields.empty());
  Access({}, {"*"}, "0.0.0.0").decorate(preflight, fields);
  CHECK(fields == http::Fields{{"Access-Control-Allow-Origin", "*"}});
}

TEST_CASE("without a key, a server for this machine alone answers to this machine's names only") {
  const auto status = [](const Access& access, const char* host) {
    const auto refusal = access.gate(with_field("host", host));
    return refusal ? refusal->status : 200;
  };
  const Access alone({}, {}, "127.0.0.1");
  for (const char* host : {"localhost", "LocalHost:8000", "127.0.0.1:8000", "[::1]:8000", "[::1]", ""})
    CHECK_MESSAGE(status(alone, host) == 200, std::string(host));
  for (const char* host : {"evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "[",
                           "::", "localhost:1:2"})
    CHECK_MESSAGE(status(alone, host) == 403, std::string(host));
  CHECK(alone.gate(with_field("host", "evil.example"))->body.find("API_KEY") != std::string::npos);
  CHECK(status(Access({}, {}, "127.0.0.2"), "127.0.0.2:8000") == 200);
  CHECK(status(Access({}, {}, "::1"), "evil.example") == 403);
  CHECK(status(Access({}, {}, "0.0.0.0"), "my.example") == 200);
  CHECK(status(Access({"key"}, {}, "127.0.0.1"), "my.example") == 401);
}
