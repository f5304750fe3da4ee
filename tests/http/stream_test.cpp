// Answers that come in pieces, clients that go, and clients that do not read.
#include "http/stub_server.hpp"

#include <thread>

#include <doctest/doctest.h>

using lmf::test::Flag;
using lmf::test::kHello;
using lmf::test::kLater;
using lmf::test::RawClient;
using lmf::test::StubServer;
namespace http = lmf::http;

namespace {

/// Writes until the server refuses; how often that went well.
int write_until_refused(const http::Responder& responder, std::size_t bytes) {
  int written = 0;
  while (responder.write(std::string(bytes, 'x'))) ++written;
  return written;
}

}  // namespace

TEST_CASE("events are sent as they come, each `data: TEXT` and an empty line, and the connection goes on") {
  StubServer stub;
  auto client = stub.client();
  client.send(kLater);
  const auto responder = stub.asked();
  CHECK(responder.begin_events({{"X-Extra", "1"}}));
  const std::string head = client.until("\r\n\r\n");
  CHECK(head.find("Content-Type: text/event-stream\r\n") != head.npos);
  CHECK(head.find("Cache-Control: no-cache\r\n") != head.npos);
  CHECK(head.find("X-Extra: 1\r\n") != head.npos);
  CHECK(responder.event("{\"a\":1}"));
  CHECK(client.until("\n\n\r\n") == "f\r\ndata: {\"a\":1}\n\n\r\n");
  CHECK(responder.event("two\nlines"));
  CHECK(client.until("\n\n").find("data: two\ndata: lines\n\n") != std::string::npos);
  responder.end();
  CHECK(client.until("0\r\n\r\n").ends_with("0\r\n\r\n"));
  CHECK(client.send(kHello).answer().body == "hello");
}

TEST_CASE("a silent event stream gets a comment, other streams do not") {
  http::ServerSettings settings;
  settings.limits.ping = std::chrono::milliseconds(100);
  StubServer stub(std::move(settings));
  auto events = stub.client();
  events.send(kLater);
  const auto responder = stub.asked();
  responder.begin_events();
  CHECK(events.until(": ping\n\n").ends_with(": ping\n\n"));
  CHECK(events.until(": ping\n\n").ends_with(": ping\n\n"));

  auto plain = stub.client();
  plain.send(kLater);
  const auto other = stub.asked();
  other.begin(http::Response::text(200, "a"));
  CHECK(events.until(": ping\n\n").ends_with(": ping\n\n"));  // time goes by
  CHECK(events.until(": ping\n\n").ends_with(": ping\n\n"));
  other.end();
  CHECK(plain.answer().body == "a");
}

TEST_CASE("whoever answers is told that the client has gone: before, within and after the answer's begin") {
  StubServer stub;
  for (const bool streaming : {false, true}) {
    auto client = stub.client();
    client.send(kLater);
    const auto responder = stub.asked();
    Flag gone;
    responder.when_gone([&] { gone.set(); });
    if (streaming) {
      responder.begin_events();
      responder.event("one");
      client.until("one");
    }
    CHECK_FALSE(responder.gone());
    client.leave();
    REQUIRE(gone.wait());
    CHECK(responder.gone());
    CHECK_FALSE(responder.send(http::Response::text(200, "late")));
    CHECK_FALSE(responder.event("late"));
    bool at_once = false;
    responder.when_gone([&] { at_once = true; });
    CHECK(at_once);
  }
}

TEST_CASE("a client that leaves after its whole answer has not gone") {
  StubServer stub;
  std::atomic<int> calls = 0;
  {
    auto client = stub.client();
    client.send(kLater);
    const auto responder = stub.asked();
    responder.when_gone([&] { ++calls; });
    responder.send(http::Response::text(200, "all"));
    CHECK(client.answer().body == "all");
    client.leave();
    CHECK(stub.client().send(kHello).answer().status == 200);
    CHECK_FALSE(responder.gone());
  }
  CHECK(calls == 0);
}

TEST_CASE("a client that ends its sending half is still answered what is ready at once") {
  StubServer stub;
  auto client = stub.client();
  client.send(kHello);
  client.end_sending();
  CHECK(client.answer().body == "hello");
}

TEST_CASE("a stream whose client does not read is cut off at its bound; others do not notice") {
  http::ServerSettings settings;
  settings.limits.unsent_bytes = 256 * 1024;
  StubServer stub(std::move(settings));
  RawClient slow(stub.server.port(), /*receive_buffer=*/4096);
  slow.send(kLater);
  const auto responder = stub.asked();
  Flag gone;
  responder.when_gone([&] { gone.set(); });
  responder.begin(http::Response::text(200, ""));
  const int written = write_until_refused(responder, 1024);
  CHECK(written > 200);  // its bound, and what the system's own buffers take
  CHECK(responder.unsent_bytes() <= 256 * 1024);
  CHECK(gone.wait());
  CHECK(stub.client().send(kHello).answer().status == 200);
  CHECK_FALSE(slow.answer().whole);
}

TEST_CASE("a client that takes no byte for too long is cut off") {
  http::ServerSettings settings;
  settings.limits.write = std::chrono::milliseconds(200);
  settings.limits.unsent_bytes = 64 << 20;
  StubServer stub(std::move(settings));
  RawClient stuck(stub.server.port(), /*receive_buffer=*/4096);
  stuck.send(kLater);
  const auto responder = stub.asked();
  Flag gone;
  responder.when_gone([&] { gone.set(); });
  responder.send(http::Response::text(200, std::string(32 << 20, 'x')));
  CHECK(gone.wait());
}

TEST_CASE("a large answer reaches a client that reads it slowly, whole") {
  StubServer stub;
  RawClient client(stub.server.port(), /*receive_buffer=*/4096);
  client.send(kLater);
  std::string large(3 << 20, ' ');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>('a' + i * i % 23);
  stub.asked().send(http::Response::text(200, large));
  CHECK((client.answer().body == large));
}

TEST_CASE("a stream that is given up ends the connection, so that nobody takes a part for the whole") {
  StubServer stub;
  auto client = stub.client();
  client.send(kLater);
  {
    const auto responder = stub.asked();
    responder.begin(http::Response::text(200, "a part"));
  }
  const auto answer = client.answer();
  CHECK(answer.body == "a part");
  CHECK_FALSE(answer.whole);
}

TEST_CASE("a responder outlives its server") {
  std::optional<http::Responder> responder;
  {
    StubServer stub;
    auto client = stub.client();
    client.send(kLater);
    responder = stub.asked();
  }
  CHECK(responder->gone());
  CHECK_FALSE(responder->send(http::Response::text(200, "late")));
}

TEST_CASE("a thousand streams are open at once, and each gets its own events") {
  StubServer stub;
  constexpr int kStreams = 1000;
  std::vector<std::unique_ptr<RawClient>> clients;
  std::vector<http::Responder> responders;
  for (int i = 0; i < kStreams; ++i) {
    clients.push_back(std::make_unique<RawClient>(stub.server.port()));
    clients.back()->send("GET /held/" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    responders.push_back(stub.asked());
    responders.back().begin_events();
  }
  for (int turn = 0; turn < 3; ++turn)
    for (const auto& responder : responders) REQUIRE(responder.event(responder.request().tail));
  for (const auto& responder : responders) responder.end();
  for (int i = 0; i < kStreams; ++i) {
    const std::string event = "data: " + std::to_string(i) + "\n\n";
    CHECK(clients[static_cast<std::size_t>(i)]->answer().body == event + event + event);
  }
}
