// What the server is made of and needs no socket.
#include <doctest/doctest.h>

#include "http/request_parser.hpp"
#include "http/response_writer.hpp"
#include "http/router.hpp"
#include "http/server.hpp"
#include "http/target.hpp"

namespace http = lmf::http;

TEST_CASE("the exact route wins over prefixes, a longer prefix over a shorter one") {
  http::Router router;
  const http::Handler handler = [](const http::Responder&) {};
  router.add("GET", "/*", handler);
  router.add("GET", "/v1/models/*", handler);
  router.add("GET", "/v1/models", handler);
  router.add("POST", "/v1/models", handler);
  CHECK(router.find("GET", "/v1/models").pattern == "/v1/models");
  CHECK(router.find("GET", "/v1/models/a/b").tail == "a/b");
  CHECK(router.find("GET", "/v1/models/").tail.empty());
  CHECK(router.find("GET", "/v1/modelsx").pattern == "/*");
  CHECK(router.find("HEAD", "/v1/models").handler != nullptr);
  const auto wrong = router.find("PUT", "/v1/models");
  CHECK(wrong.handler == nullptr);
  CHECK(wrong.allowed == "GET, HEAD, POST, OPTIONS");
  CHECK(http::Router().find("GET", "/").allowed.empty());
}

TEST_CASE("percent escapes are decoded, half of one is refused") {
  CHECK(http::percent_decoded("a%2Fb+c", false) == "a/b+c");
  CHECK(http::percent_decoded("a%2fb+c", true) == "a/b c");
  for (const char* wrong : {"%", "a%4", "%g0", "%0g"}) CHECK_FALSE(http::percent_decoded(wrong, false).has_value());
}

TEST_CASE("a target in any of its forms gives path and query") {
  http::Request request;
  const auto path_of = [&](const char* target) { return http::read_target(target, request) + request.path; };
  CHECK(path_of("/") == "/");
  CHECK(path_of("http://host") == "/");
  CHECK(path_of("https://host:1/a?b=c") == "/a");
  CHECK(request.query == http::Fields{{"b", "c"}});
  CHECK(path_of("/a..b/...") == "/a..b/...");
  for (const char* wrong : {"/..", "/./a", "/a/%2e%2e", "a", "*", "/a%0a", "host:443", ""}) {
    http::Request other;
    CHECK_MESSAGE(!http::read_target(wrong, other).empty(), std::string(wrong));
  }
  std::string many = "/?";
  for (int i = 0; i < 101; ++i) many += "a&";
  CHECK(http::read_target(many, request) == "the query has more than 100 parameters");
}

TEST_CASE("an answer's lines are HTTP's, whatever its fields hold") {
  std::string head;
  http::append_head(head, 200, {{"X", "a\r\nSet-Cookie: b"}}, 11, true, http::Framing::length, 5);
  CHECK(head.starts_with("HTTP/1.1 200 OK\r\nDate: "));
  CHECK(head.ends_with(" GMT\r\nX: a  Set-Cookie: b\r\nContent-Length: 5\r\n\r\n"));
  std::string chunks;
  http::append_chunk(chunks, std::string(17, 'x'));
  http::append_chunk(chunks, "");
  CHECK(chunks == "11\r\n" + std::string(17, 'x') + "\r\n");
  CHECK(http::event_text("") == "data: \n\n");
  CHECK(http::event_text("a\n\nb") == "data: a\ndata: \ndata: b\n\n");
}

TEST_CASE("the parser stops once behind the header, and takes no byte of the next request") {
  using Stage = http::RequestParser::Stage;
  http::RequestParser parser{http::RequestLimits{}};
  const std::string first = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab", bytes = first + "GET /b";
  std::size_t used = parser.feed(bytes);
  CHECK(parser.stage() == Stage::header_done);
  CHECK(parser.has_body());
  CHECK(parser.request().path == "/a");
  while (parser.stage() != Stage::complete) used += parser.feed(bytes.substr(used));
  CHECK(used == first.size());
  CHECK(parser.request().body == "ab");
  parser.restart();
  CHECK(parser.feed(bytes.substr(used)) == 0);
  CHECK(parser.stage() == Stage::header);
}
