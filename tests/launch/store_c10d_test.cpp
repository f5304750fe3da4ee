#include <thread>

#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#undef CHECK  // torch's ends the program; doctest's is meant

#include <doctest/doctest.h>

#include "launch/on_loop.hpp"
#include "train/launch/store/store_client.hpp"
#include "train/launch/store/store_server.hpp"

using namespace lmf::train::launch;
using lmf::test::in;
using lmf::test::on_loop;
using lmf::test::soon;

namespace {

std::vector<std::uint8_t> bytes(const std::string& text) { return {text.begin(), text.end()}; }

c10d::TCPStoreOptions options(std::uint16_t port, bool server) {
  c10d::TCPStoreOptions result;
  result.port = port;
  result.isServer = server;
  result.waitWorkers = false;
  result.timeout = std::chrono::seconds(60);
  return result;
}

/// libtorch's client blocks, so the server has a thread of its own.
class ServerThread {
 public:
  ServerThread() : server_(context_, "", 0), thread_([this] { context_.run(); }) {}
  ~ServerThread() {
    context_.stop();
    thread_.join();
  }
  std::uint16_t port() const { return server_.port(); }

 private:
  boost::asio::io_context context_;
  StoreServer server_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("libtorch's client finds lmf's server to be a TCPStore") {
  const ServerThread server;
  c10d::TCPStore store("localhost", options(server.port(), false)), other("127.0.0.1", options(server.port(), false));
  store.set("key", bytes("value"));
  CHECK(other.get("key") == bytes("value"));
  CHECK(store.add("n", 2) == 2);
  CHECK(store.compareSet("cas", bytes(""), bytes("1")) == bytes("1"));
  CHECK(store.compareSet("cas", bytes("2"), bytes("3")) == bytes("1"));
  store.append("key", bytes("!"));
  store.multiSet({"a", "b"}, {bytes("1"), bytes("")});
  CHECK(other.multiGet({"b", "key"}) == std::vector<std::vector<std::uint8_t>>{bytes(""), bytes("value!")});
  CHECK(other.check({"a", "b"}));
  CHECK_FALSE(other.check({"a", "c"}));
  CHECK(store.getNumKeys() == 5);
  CHECK(store.deleteKey("a"));
  CHECK_THROWS(other.wait({"c"}, std::chrono::milliseconds(20)));
  std::thread late([&] { store.set("c", bytes("1")); });
  other.wait({"c"}, std::chrono::seconds(60));
  late.join();
  store._splitSet("split", bytes("in two"));
  CHECK(other.get("split") == bytes("in two"));
  store.queuePush("q", bytes("x"));
  CHECK(other.queueLen("q") == 1);
  CHECK(other.queuePop("q", true) == bytes("x"));
  CHECK_THROWS(other.queuePop("q", false));
  CHECK(store.listKeys().size() == 6);
  CHECK_THROWS(store.barrier("gate", 2, std::chrono::milliseconds(20)));
  other.barrier("gate", 2, std::chrono::seconds(60));
}

TEST_CASE("lmf's client uses libtorch's server") {
  c10d::TCPStore store("localhost", options(0, true));
  store.set("key", bytes("value"));
  on_loop([&](boost::asio::io_context& context) -> Task<void> {
    StoreClient client(context.get_executor());
    co_await client.connect("localhost", store.getPort(), soon());
    const auto value = co_await client.get("key");
    CHECK(value == "value");
    const auto sum = co_await client.add("sum", 7);
    CHECK(sum == 7);
    std::vector<std::string> never;
    never.emplace_back("never");
    const bool came = co_await client.wait(never, in(std::chrono::milliseconds(20)));
    CHECK_FALSE(came);
    co_await client.set("mine", std::string(1 << 20, 'm'));
    const auto mine = co_await client.get("mine");
    CHECK(mine.value().size() == 1 << 20);
  });
  CHECK(store.get("mine").size() == 1 << 20);
}
