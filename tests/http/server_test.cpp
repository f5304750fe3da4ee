// Requests and answers, on sockets that say exactly what they are told to.
#include "http/stub_server.hpp"

#include <thread>

#include <doctest/doctest.h>

using lmf::test::kHello;
using lmf::test::RawClient;
using lmf::test::StubServer;
namespace http = lmf::http;

namespace {

std::string post(const std::string& path, const std::string& body, const std::string& fields = {}) {
  return "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + fields + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

}  // namespace

TEST_CASE("a connection serves request after request") {
  StubServer stub;
  auto client = stub.client();
  for (int i = 0; i < 100; ++i) {
    const auto answer = client.send(kHello).answer();
    REQUIRE(answer.status == 200);
    CHECK(answer.body == "hello");
  }
  CHECK(stub.server.connections() == 1);
}

TEST_CASE("requests sent at once are answered in order, also when the first answer comes last") {
  StubServer stub;
  auto client = stub.client();
  client.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n" + post("/echo", "second") + kHello);
  const auto first = stub.asked();
  CHECK(first.send(http::Response::text(200, "first")));
  CHECK(client.answer().body == "first");
  CHECK(client.answer().body == "second");
  CHECK(client.answer().body == "hello");
}

TEST_CASE("a request may come in any pieces, its body by length or in chunks") {
  StubServer stub;
  const std::string chunked =
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX-After: "
      "1\r\n\r\n";
  for (const std::string& request : {post("/echo", "hello!"), chunked}) {
    for (std::size_t step : {1, 2, 3, 7, 50}) {
      auto client = stub.client();
      for (std::size_t begin = 0; begin < request.size(); begin += step) client.send(request.substr(begin, step));
      const auto answer = client.answer();
      CHECK(answer.status == 200);
      CHECK(answer.body == "hello!");
    }
  }
}

TEST_CASE("a client that asks whether to send its body is told to, or is refused before it sends it") {
  StubServer stub;
  auto client = stub.client();
  client.send("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  CHECK(client.answer().status == 100);
  const auto answer = client.send("yes").answer();
  CHECK(answer.body == "yes");
  CHECK(client.send(kHello).answer().status == 200);

  client.send("POST /nowhere HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  CHECK(client.answer().status == 404);
  CHECK(client.to_the_end().empty());
  CHECK(stub.client().send(post("/echo", "x", "Expect: tea\r\n")).answer().status == 417);
}

TEST_CASE("HTTP/1.0 gets answers without chunks, and its connection ends unless it asks for more") {
  StubServer stub;
  auto once = stub.client();
  const auto answer = once.send("GET /hello HTTP/1.0\r\n\r\n").answer();
  CHECK(answer.status == 200);
  CHECK(answer.fields.at("connection") == "close");
  CHECK(once.to_the_end().empty());

  auto kept = stub.client();
  const std::string again = "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  CHECK(kept.send(again).answer().fields.at("connection") == "keep-alive");
  CHECK(kept.send(again).answer().body == "hello");

  auto stream = stub.client();
  stream.send("GET /later HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const auto responder = stub.asked();
  responder.begin(http::Response::text(200, "one "));
  responder.write("two");
  responder.end();
  const auto streamed = stream.answer();
  CHECK(streamed.fields.count("transfer-encoding") == 0);
  CHECK(streamed.body == "one two");
}

TEST_CASE("`Connection: close` is obeyed") {
  StubServer stub;
  auto client = stub.client();
  const auto answer = client.send("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").answer();
  CHECK(answer.fields.at("connection") == "close");
  CHECK(client.to_the_end().empty());
}

TEST_CASE("an unknown path is 404, a known one with another method 405 with Allow; the connection goes on") {
  StubServer stub;
  auto client = stub.client();
  CHECK(client.send("GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n").answer().status == 404);
  CHECK(client.send(post("/nowhere", "some body")).answer().status == 404);
  const auto wrong = client.send(post("/hello", "some body")).answer();
  CHECK(wrong.status == 405);
  CHECK(wrong.fields.at("allow") == "GET, HEAD, OPTIONS");
  CHECK(client.send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n").answer().fields.at("allow") == "POST, OPTIONS");
  CHECK(client.send(kHello).answer().status == 200);
}

TEST_CASE("HEAD is GET without the body, OPTIONS says what there is") {
  StubServer stub;
  auto client = stub.client();
  const auto head = client.send("HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n").answer(/*bodyless=*/true);
  CHECK(head.status == 200);
  CHECK(head.fields.at("content-length") == "5");
  const auto options = client.send("OPTIONS /echo HTTP/1.1\r\nHost: x\r\n\r\n").answer();
  CHECK(options.status == 204);
  CHECK(options.fields.at("allow") == "POST, OPTIONS");
  CHECK(client.send("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").answer().status == 204);
  CHECK(client.send("OPTIONS /nowhere HTTP/1.1\r\nHost: x\r\n\r\n").answer().status == 404);
  CHECK(client.send(kHello).answer().body == "hello");
}

TEST_CASE("a handler sees path, query, fields and what a * stands for, decoded") {
  StubServer stub;
  auto client = stub.client();
  client.send("GET http://x/held/a%20b%2Fc?k=v+1&empty&k=%C3%A9 HTTP/1.1\r\nHost: x\r\nX-Odd:  value \r\n\r\n");
  const auto responder = stub.asked();
  const http::Request& request = responder.request();
  CHECK(request.path == "/held/a b/c");
  CHECK(request.tail == "a b/c");
  CHECK(request.route == "/held/*");
  CHECK(request.query == http::Fields{{"k", "v 1"}, {"empty", ""}, {"k", "\xc3\xa9"}});
  CHECK(request.field("x-odd") == "value");
  CHECK(request.peer == "127.0.0.1");
  responder.send(http::Response::empty(204));
  const auto answer = client.answer();
  CHECK(answer.status == 204);
  CHECK(answer.fields.count("content-length") == 0);
}

TEST_CASE("what is no HTTP is refused with a sentence, and ends its connection only") {
  StubServer stub;
  struct Wrong {
    const char* bytes;
    int status;
  };
  const Wrong wrongs[] = {
      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS greeting\r\n\r\n", 400},
      {"GET /hello\r\n\r\n", 400},
      {"GET /hello HTTP/2.0\r\nHost: x\r\n\r\n", 505},
      {"GET /hello HTTP/1.1\r\n\r\n", 400},
      {"GET /hello HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
      {"GET /hello HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400},
      {"GET hello HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /a/../hello HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /%2e%2E/hello HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /hello?%1 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
      {"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
  };
  for (const Wrong& wrong : wrongs) {
    auto client = stub.client();
    const auto answer = client.send(wrong.bytes).answer();
    CHECK_MESSAGE(answer.status == wrong.status, std::string(wrong.bytes));
    CHECK(answer.fields.at("connection") == "close");
    CHECK(answer.body.size() > 5);
    CHECK(client.to_the_end().empty());
  }
  CHECK(stub.client().send(kHello).answer().status == 200);
}

TEST_CASE("a handler that fails or forgets to answer is a 500, without its reasons; the connection goes on") {
  StubServer stub;
  auto client = stub.client();
  for (const char* path : {"/fails", "/forgets"}) {
    const auto answer = client.send(std::string("GET ") + path + " HTTP/1.1\r\nHost: x\r\n\r\n").answer();
    CHECK(answer.status == 500);
    CHECK(answer.body.find("secret") == std::string::npos);
  }
  CHECK(client.send(kHello).answer().status == 200);
}

TEST_CASE("an answer is given once; a second one is told so") {
  StubServer stub;
  auto client = stub.client();
  client.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto responder = stub.asked();
  CHECK(responder.send(http::Response::text(200, "one")));
  CHECK_FALSE(responder.send(http::Response::text(200, "two")));
  CHECK_FALSE(responder.begin(http::Response::text(200, "two")));
  CHECK_FALSE(responder.write("two"));
  CHECK(client.answer().body == "one");
}

TEST_CASE("the caller's gate, words, fields and records are used for every answer, refusals included") {
  std::mutex mutex;
  std::vector<std::string> records;
  http::ServerSettings settings;
  settings.root_path = "/llm";
  settings.gate = [](const http::Request& request) -> std::optional<http::Response> {
    if (request.field("x-key") == "right") return std::nullopt;
    return http::Response::json(401, "{}");
  };
  settings.decorate = [](const http::Request& request, http::Fields& fields) {
    fields.emplace_back("X-Seen", std::string(request.field("x-key")) + "\r\nX-Forged: 1");
  };
  settings.explain = [](const http::Refusal& refusal) {
    return http::Response::json(refusal.status, "[\"" + refusal.what + "\"]");
  };
  settings.answered = [&](const http::Answered& answered) {
    const std::lock_guard lock(mutex);
    records.push_back(std::string(answered.request.route) + " " + std::to_string(answered.status));
  };
  {
    StubServer stub(std::move(settings));
    auto client = stub.client();
    CHECK(client.send(post("/echo", "a body")).answer().status == 401);
    const auto missing = client.send("GET /nowhere HTTP/1.1\r\nHost: x\r\nX-Key: right\r\n\r\n").answer();
    CHECK(missing.body == "[\"there is nothing at /nowhere\"]");
    CHECK(missing.fields.at("x-seen") == "right  X-Forged: 1");
    CHECK(client.send("GET /llm/hello HTTP/1.1\r\nHost: x\r\nX-Key: right\r\n\r\n").answer().body == "hello");
    CHECK(client.send("GET /hello HTTP/1.1\r\nHost: x\r\nX-Key: right\r\n\r\n").answer().body == "hello");
    CHECK(client.send("GET /llmhello HTTP/1.1\r\nHost: x\r\nX-Key: right\r\n\r\n").answer().status == 404);
    CHECK(client.send("no HTTP\r\n\r\n").answer().body.starts_with("[\"not a well-formed HTTP request"));
    CHECK(stub.server.drain(std::chrono::seconds(30)));  // the last answer's record may come after the answer
  }
  CHECK(records == std::vector<std::string>{"/echo 401", " 404", "/hello 200", "/hello 200", " 404", " 400"});
}

TEST_CASE("two threads share the connections, and answers may come from any thread") {
  http::ServerSettings settings;
  settings.threads = 2;
  StubServer stub(std::move(settings));
  std::vector<std::thread> clients;
  std::atomic<int> right = 0;
  for (int i = 0; i < 8; ++i)
    clients.emplace_back([&, i] {
      RawClient client(stub.server.port());
      for (int turn = 0; turn < 50; ++turn) {
        const std::string path = "/held/" + std::to_string(i * 1000 + turn);
        right += client.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n").answer().body == path;
      }
    });
  for (int i = 0; i < 8 * 50; ++i) {
    const auto responder = stub.asked();
    if (i % 2 == 0) {
      responder.send(http::Response::text(200, responder.request().path));
    } else {
      responder.begin(http::Response::text(200, ""));
      for (const char letter : responder.request().path) responder.write({&letter, 1});
      responder.end();
    }
  }
  for (auto& client : clients) client.join();
  CHECK(right == 8 * 50);
}
