// How a server begins and ends.
#include "http/stub_server.hpp"

#include <thread>

#include <doctest/doctest.h>
#include <unistd.h>

#include "lmf/error.hpp"

using lmf::test::kHello;
using lmf::test::kLater;
using lmf::test::RawClient;
using lmf::test::StubServer;
namespace http = lmf::http;
using namespace std::chrono_literals;

namespace {

std::string failure_of(http::ServerSettings settings) {
  try {
    const http::Server server(std::move(settings), {});
  } catch (const lmf::Error& error) {
    return std::string(error.what()) + " / " + error.hint();
  }
  return {};
}

}  // namespace

TEST_CASE("draining lets idle clients go, frees the port and waits for what is being answered") {
  StubServer stub;
  const auto port = stub.server.port();
  auto idle = stub.client(), busy = stub.client();
  CHECK(idle.send(kHello).answer().status == 200);
  busy.send(kLater);
  const auto responder = stub.asked();
  CHECK_FALSE(stub.server.drain(50ms));
  CHECK(idle.to_the_end().empty());
  CHECK_THROWS(RawClient(port));
  http::ServerSettings same;
  same.port = port;
  CHECK(failure_of(std::move(same)).empty());

  responder.begin_events();
  responder.event("last words");
  std::thread ending([&] { responder.end(); });
  CHECK(stub.server.drain(30s));
  ending.join();
  const auto answer = busy.answer();
  CHECK(answer.whole);
  CHECK(answer.body == "data: last words\n\n");
  CHECK(busy.to_the_end().empty());
}

TEST_CASE("draining does not wait for requests of which only a part has come") {
  StubServer stub;
  auto line = stub.client(), header = stub.client(), body = stub.client(), waited_for = stub.client();
  line.send("GET /hello HT");
  header.send("GET /hello HTTP/1.1\r\nHost: x\r\n");
  body.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
  waited_for.send("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n");
  CHECK(waited_for.answer().status == 100);  // then all of them have been read
  CHECK(stub.server.drain(20s));
  for (auto* client : {&line, &header, &body, &waited_for}) CHECK(client->to_the_end().empty());
}

TEST_CASE("an answer that begins while the server drains says that the connection ends") {
  StubServer stub;
  auto client = stub.client();
  client.send(kLater);
  const auto responder = stub.asked();
  CHECK_FALSE(stub.server.drain(1ms));
  responder.send(http::Response::text(200, "done"));
  const auto answer = client.answer();
  CHECK(answer.body == "done");
  CHECK(client.to_the_end().empty());
}

TEST_CASE("a server that ends cuts off who is left, and says so to whoever answers") {
  std::optional<RawClient> client;
  std::optional<http::Responder> responder;
  lmf::test::Flag gone;
  {
    StubServer stub;
    client.emplace(stub.server.port());
    client->send(kLater);
    responder = stub.asked();
    responder->when_gone([&] { gone.set(); });
  }
  CHECK(gone.wait());
  CHECK(client->answer().status == 0);
}

TEST_CASE("a port that is taken is refused with its owner's name") {
  StubServer stub;
  http::ServerSettings settings;
  settings.port = stub.server.port();
  settings.port_words = "API_PORT";
  const std::string port = std::to_string(settings.port);
  CHECK(failure_of(std::move(settings)) == "port " + port + " is in use by test_http (process " +
                                               std::to_string(::getpid()) +
                                               ") / end it, or choose another port (API_PORT)");
}

TEST_CASE("what is not this machine's, or no name at all, is refused with a sentence") {
  http::ServerSettings elsewhere, nowhere;
  elsewhere.host = "192.0.2.1";
  CHECK(failure_of(std::move(elsewhere)).starts_with("192.0.2.1 is not an address of this machine / "));
  nowhere.host = "no.such.host.invalid";
  CHECK(failure_of(std::move(nowhere)).starts_with("the name no.such.host.invalid has no address: "));
}

TEST_CASE("every address, or a name, can be listened on") {
  for (const char* host : {"", "*", "0.0.0.0", "localhost"}) {
    http::ServerSettings settings;
    settings.host = host;
    StubServer stub(std::move(settings));
    CHECK(stub.client().send(kHello).answer().status == 200);
  }
}
