// What no client may do to a server: be slow, be many, be large.
#include "http/stub_server.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#include <doctest/doctest.h>

using lmf::test::kHello;
using lmf::test::RawClient;
using lmf::test::StubServer;
namespace http = lmf::http;
using std::chrono::milliseconds;

namespace {

http::ServerSettings with(const std::function<void(http::Limits&)>& change) {
  http::ServerSettings settings;
  change(settings.limits);
  return settings;
}

}  // namespace

TEST_CASE("a header that is too large, in bytes or fields, is 431") {
  StubServer stub(with([](http::Limits& limits) {
    limits.request.header_bytes = 4096;
    limits.request.header_fields = 20;
  }));
  std::string many = "GET /hello HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 20; ++i) many += "X-" + std::to_string(i) + ": 1\r\n";
  CHECK(stub.client().send(many + "\r\n").answer().status == 431);
  CHECK(stub.client()
            .send("GET /hello HTTP/1.1\r\nHost: x\r\nX: " + std::string(5000, 'x') + "\r\n\r\n")
            .answer()
            .status == 431);
  CHECK(stub.client().send("GET /" + std::string(5000, 'x')).answer().status == 431);
  // Line by line, so that none of them alone is too long.
  auto slow = stub.client();
  slow.send("GET /hello HTTP/1.1\r\nHost: x\r\n");
  for (int i = 0; i < 10; ++i) slow.send("X: " + std::string(500, 'x') + "\r\n");
  CHECK(slow.answer().status == 431);
}

TEST_CASE("a body that is too large is 413, said before it is sent where its length is known") {
  StubServer stub(with([](http::Limits& limits) { limits.request.body_bytes = 1000; }));
  CHECK(stub.client().send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n").answer().status == 413);
  CHECK(stub.client()
            .send("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n")
            .answer()
            .status == 413);
  auto chunks = stub.client();
  chunks.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 11; ++i) chunks.send("64\r\n" + std::string(100, 'x') + "\r\n");
  CHECK(chunks.answer().status == 413);
  CHECK(stub.client()
            .send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x'))
            .answer()
            .body.size() == 1000);
}

TEST_CASE("a client that sends all of a body that is too large still gets to read why") {
  StubServer stub(with([](http::Limits& limits) { limits.request.body_bytes = 1000; }));
  auto client = stub.client();
  client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n" + std::string(20'000'000, 'x'));
  CHECK(client.answer().status == 413);
}

TEST_CASE("a chunk's line that never ends is refused") {
  StubServer stub;
  auto client = stub.client();
  client.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(100'000, 'x'));
  CHECK(client.answer().status == 400);
}

TEST_CASE("bodies of all requests together have a bound: 503") {
  StubServer stub(with([](http::Limits& limits) { limits.bodies_bytes = 100'000; }));
  const std::string head = "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n";
  auto first = stub.client();
  first.send(head + std::string(60000, 'x'));
  const auto full = [&] {
    const auto answer = stub.client().send(head + std::string(60000, 'x')).answer();
    return answer.status == 503 && answer.fields.at("retry-after") == "1";
  };
  {
    const auto responder = stub.asked();
    CHECK(full());
    responder.send(http::Response::text(200, "done"));
  }
  CHECK(first.answer().body == "done");
  {
    auto leaves = stub.client();
    leaves.send(head + std::string(60000, 'x'));
    const auto responder = stub.asked();
    lmf::test::Flag gone;
    responder.when_gone([&] { gone.set(); });
    leaves.leave();
    REQUIRE(gone.wait());
    // When the connection itself is no more, its body is here still.
    while (stub.server.connections() > 1) std::this_thread::sleep_for(milliseconds(5));
    CHECK(full());
  }
  auto third = stub.client();
  third.send(head + std::string(60000, 'x'));
  stub.asked().send(http::Response::text(200, "done"));
  CHECK(third.answer().body == "done");
}

TEST_CASE("while room for bodies is scarce, those that come too slowly leave theirs to others") {
  StubServer stub(with([](http::Limits& limits) {
    limits.bodies_bytes = 100'000;
    limits.advance_bytes = 1000;
    limits.advance = milliseconds(100);
  }));
  const auto head = [](int length) {
    return "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
  };
  auto slow = stub.client();
  slow.send(head(70'000) + std::string(60'000, 'x'));
  std::atomic<bool> answered = false;
  std::thread drip([&] {
    for (; !answered; std::this_thread::sleep_for(milliseconds(20))) slow.send("x");
  });
  CHECK(slow.answer().status == 408);
  answered = true;
  drip.join();
  CHECK(stub.client().send(head(60'000) + std::string(60'000, 'x')).answer().status == 200);
}

TEST_CASE("slow headers and bodies are given up, and so are clients that say nothing; others are served meanwhile") {
  StubServer stub(with([](http::Limits& limits) {
    limits.header = milliseconds(300);
    limits.body = milliseconds(400);
    limits.idle = milliseconds(300);
  }));
  auto silent = stub.client(), header = stub.client(), body = stub.client(), idle = stub.client();
  body.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
  CHECK(idle.send(kHello).answer().status == 200);
  // A byte every few milliseconds: each of them is in time, all of them together are not.
  std::thread drip([&] {
    for (int i = 0; i < 60; ++i) {
      header.send("G");
      body.send("x");
      std::this_thread::sleep_for(milliseconds(20));
    }
  });
  CHECK(stub.client().send(kHello).answer().status == 200);
  CHECK(header.answer().status == 408);
  CHECK(body.answer().status == 408);
  CHECK(silent.to_the_end().empty());
  CHECK(idle.to_the_end().empty());
  drip.join();
  CHECK(stub.client().send(kHello).answer().status == 200);
}

TEST_CASE("where all connections are taken, a quiet one makes room; where all are busy, the next is 503") {
  StubServer stub(with([](http::Limits& limits) { limits.connections = 4; }));
  std::vector<std::unique_ptr<RawClient>> quiet;
  for (int i = 0; i < 40; ++i) {
    quiet.push_back(std::make_unique<RawClient>(stub.server.port()));
    if (i % 2 == 0) quiet.back()->send("GET /he");
  }
  CHECK(stub.client().send(kHello).answer().status == 200);
  quiet.clear();

  std::vector<std::unique_ptr<RawClient>> busy;
  std::vector<http::Responder> responders;
  for (int i = 0; i < 4; ++i) {
    busy.push_back(std::make_unique<RawClient>(stub.server.port()));
    busy.back()->send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    responders.push_back(stub.asked());
  }
  const auto answer = stub.client().send(kHello).answer();
  CHECK(answer.status == 503);
  CHECK(answer.fields.at("retry-after") == "1");
  for (const auto& responder : responders) responder.send(http::Response::text(200, "after all"));
  for (const auto& client : busy) CHECK(client->answer().body == "after all");
}

TEST_CASE("a flood of requests that nobody reads the answers of is not read on") {
  StubServer stub;
  RawClient flood(stub.server.port(), /*receive_buffer=*/4096);
  std::thread sender([&] {
    std::string many;
    for (int i = 0; i < 1000; ++i) many += kHello;
    for (int i = 0; i < 200; ++i) flood.send(many);
  });
  CHECK(stub.client().send(kHello).answer().status == 200);
  int answers = 0;
  while (answers < 200'000 && flood.answer().status == 200) ++answers;
  sender.join();
  CHECK(answers == 200'000);
}
