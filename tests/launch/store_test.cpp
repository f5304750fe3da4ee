#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstring>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/port_owner.hpp"
#include "launch/on_loop.hpp"
#include "launch/raw_client.hpp"
#include "support/free_port.hpp"
#include "train/launch/store/resolve.hpp"
#include "train/launch/store/store_client.hpp"
#include "train/launch/store/store_server.hpp"

using namespace lmf::train::launch;
using lmf::test::in;
using lmf::test::on_loop;
using lmf::test::RawClient;
using lmf::test::soon;
using namespace std::chrono_literals;

namespace {

/// g++ 12 takes no braces in an operand of co_await.
std::vector<std::string> names(std::string one) { return {std::move(one)}; }

/// The error's text, "" when there is none.
template <class T>
Task<std::string> complaint(Task<T> operation) {
  try {
    co_await std::move(operation);
  } catch (const lmf::Error& error) {
    co_return error.what();
  }
  co_return "";
}

/// Returns when all that the client sent before is done.
Task<void> answered(StoreClient& client) {
  const auto any = names("any");
  co_await client.check(any);
}

Task<void> send_raw(asio::io_context& context, std::uint16_t port, std::string bytes) {
  tcp::socket socket(context);
  co_await socket.async_connect({asio::ip::address_v4::loopback(), port}, asio::use_awaitable);
  co_await asio::async_write(socket, asio::buffer(bytes), asio::use_awaitable);
}

/// True when the server closes the connection instead of waiting for more.
Task<bool> is_closed_on(asio::io_context& context, std::uint16_t port, std::string bytes) {
  tcp::socket socket(context);
  co_await socket.async_connect({asio::ip::address_v4::loopback(), port}, asio::use_awaitable);
  error_code error;
  co_await asio::async_write(socket, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, error));
  std::string answer(65536, '\0');
  while (!error)
    co_await socket.async_read_some(asio::buffer(answer), asio::redirect_error(asio::use_awaitable, error));
  co_return error == asio::error::eof || error == asio::error::connection_reset;
}

std::string greeting() { return store::Message(store::Command::validate).number(store::kMagic).take(); }

}  // namespace

TEST_CASE("the others see that a client is gone, by the key that stands for it") {
  on_loop([](asio::io_context& context) -> Task<void> {
    StoreServer server(context, "", 0);
    StoreClient stays(context.get_executor()), goes(context.get_executor());
    co_await stays.connect("127.0.0.1", server.port(), soon());
    co_await goes.connect("127.0.0.1", server.port(), soon());
    const std::string stays_key = std::string(store::kPresence) + "stays", key = std::string(store::kPresence) + "goes";
    co_await stays.set(stays_key, "1");
    co_await goes.set(key, "1");
    co_await goes.set("other", "1");
    auto value = co_await stays.get(key);
    CHECK(value == "1");
    goes.close();
    asio::steady_timer pause(context);
    for (const Time end = soon(); value == "1" && Clock::now() < end;) {
      pause.expires_after(5ms);
      co_await pause.async_wait(asio::use_awaitable);
      value = co_await stays.get(key);
    }
    CHECK(value == store::kGone);
    value = co_await stays.get(stays_key);
    CHECK(value == "1");
    value = co_await stays.get("other");
    CHECK(value == "1");
  });
}

TEST_CASE("what a client sets and adds another one reads") {
  on_loop([](asio::io_context& context) -> Task<void> {
    StoreServer server(context, "", 0);
    StoreClient one(context.get_executor()), two(context.get_executor());
    co_await one.connect("127.0.0.1", server.port(), soon());
    co_await two.connect("localhost", server.port(), soon());
    const std::string binary("\0\xff x\n", 5);
    co_await one.set("key", binary);
    auto value = co_await two.get("key");
    CHECK(value == binary);
    value = co_await two.get("nothing");
    CHECK_FALSE(value);
    CHECK(co_await one.add("count", 5) == 5);
    CHECK(co_await two.add("count", -7) == -2);
    auto keys = co_await two.list_keys();
    std::sort(keys.begin(), keys.end());
    CHECK(keys == std::vector<std::string>{"count", "key"});
    std::vector<std::pair<std::string, std::string>> entries{{"a", "1"}, {"b", ""}, {"c", std::string(300000, 'z')}};
    co_await one.set_many(entries);
    std::vector<std::string> three{"c", "a", "b"};
    CHECK(co_await one.check(three));
    const auto values = co_await one.get_many(three);
    CHECK(values == std::vector<std::string>{std::string(300000, 'z'), "1", ""});
    three.push_back("d");
    CHECK_FALSE(co_await two.check(three));
  });
}

TEST_CASE("compare_set creates, replaces and refuses as c10d's does") {
  on_loop([](asio::io_context& context) -> Task<void> {
    StoreServer server(context, "", 0);
    StoreClient client(context.get_executor());
    co_await client.connect("127.0.0.1", server.port(), soon());
    CHECK(co_await client.compare_set("k", "guess", "new") == "guess");
    CHECK_FALSE(co_await client.get("k"));
    CHECK(co_await client.compare_set("k", "", "first") == "first");
    CHECK(co_await client.compare_set("k", "", "second") == "first");
    CHECK(co_await client.compare_set("k", "first", "second") == "second");
  });
}

TEST_CASE("a wait ends when the last key comes, and a cancelled one leaves the connection usable") {
  on_loop([](asio::io_context& context) -> Task<void> {
    StoreServer server(context, "", 0);
    StoreClient waiting(context.get_executor()), setting(context.get_executor());
    co_await waiting.connect("127.0.0.1", server.port(), soon());
    co_await setting.connect("127.0.0.1", server.port(), soon());
    const std::vector<std::string> keys{"a", "b", "a"};
    CHECK_FALSE(co_await waiting.wait(keys, in(20ms)));
    bool woken = false;
    asio::co_spawn(
        context,
        [&]() -> Task<void> {
          const bool came = co_await waiting.wait(keys, soon());
          CHECK(came);
          woken = true;
        },
        asio::detached);
    co_await setting.set("a", "1");
    co_await answered(setting);
    CHECK_FALSE(woken);
    co_await setting.add("b", 1);
    while (!woken) co_await answered(setting);
    CHECK(co_await waiting.wait(keys, in(0ms)));
    CHECK(co_await waiting.add("b", 0) == 1);
  });
}

TEST_CASE("operations of several coroutines on one client take turns") {
  on_loop([](asio::io_context& context) -> Task<void> {
    StoreServer server(context, "", 0);
    StoreClient client(context.get_executor());
    co_await client.connect("127.0.0.1", server.port(), soon());
    int done = 0;
    for (int i = 0; i < 50; ++i)
      asio::co_spawn(
          context,
          [&client, &done]() -> Task<void> {
            co_await client.add("sum", 1);
            ++done;
          },
          asio::detached);
    asio::steady_timer pause(context);
    while (done < 50) {
      pause.expires_after(1ms);
      co_await pause.async_wait(asio::use_awaitable);
    }
    CHECK(co_await client.add("sum", 0) == 50);
  });
}

TEST_CASE("a coroutine that waits for keys again and again does not keep the others from the store") {
  on_loop([](asio::io_context& context) -> Task<void> {
    StoreServer server(context, "", 0);
    StoreClient client(context.get_executor());
    co_await client.connect("127.0.0.1", server.port(), soon());
    bool ended = false;
    asio::co_spawn(
        context,
        [&]() -> Task<void> {
          const auto key = names("late");
          for (bool came = false; !came;) came = co_await client.wait(key, in(1ms));
          ended = true;
        },
        asio::detached);
    for (int i = 0; i < 10; ++i) co_await client.add("sum", 1);
    co_await client.set("late", "1");
    while (!ended) co_await answered(client);
  });
}

TEST_CASE("the server also serves what only c10d's clients ask for") {
  using store::Command;
  using store::Message;
  on_loop([](asio::io_context& context) -> Task<void> {
    StoreServer server(context, "", 0);
    RawClient raw(context);
    co_await raw.connect(server.port());

    co_await raw.send(
        std::move(Message(Command::multi_set).number<std::uint64_t>(2).text("/a").text("1").text("/b").text("")));
    co_await raw.send(std::move(Message(Command::append).text("/a").text("+")));
    co_await raw.send(std::move(Message(Command::get).text("/a")));
    CHECK(co_await raw.text() == "1+");
    co_await raw.send(Message(Command::num_keys));
    CHECK(co_await raw.number<std::int64_t>() == 2);
    for (const std::int64_t deleted : {1, 0}) {
      co_await raw.send(std::move(Message(Command::delete_key).text("/a")));
      CHECK(co_await raw.number<std::int64_t>() == deleted);
    }
  });
}

TEST_CASE("queues are first in, first out; a barrier lets all go at once, and counts who has gone") {
  using store::Command;
  using store::Message;
  on_loop([](asio::io_context& context) -> Task<void> {
    StoreServer server(context, "", 0);
    RawClient raw(context), other(context);
    co_await raw.connect(server.port());
    co_await other.connect(server.port());
    StoreClient looking(context.get_executor());
    co_await looking.connect("127.0.0.1", server.port(), soon());
    CHECK_FALSE(co_await raw.pop("/q"));
    co_await raw.push("/q", "first");
    co_await raw.push("/q", "second");
    co_await raw.send(std::move(Message(Command::queue_length).text("/q")));
    CHECK(co_await raw.number<std::int64_t>() == 2);
    CHECK(co_await looking.check(names("q")));
    CHECK(co_await raw.pop("/q") == "first");
    CHECK(co_await raw.pop("/q") == "second");
    CHECK_FALSE(co_await looking.check(names("q")));

    co_await raw.send(std::move(Message(Command::barrier).text("/gate").number<std::int64_t>(2)));
    co_await raw.send(Message(Command::cancel_wait));
    CHECK(co_await raw.number<std::uint8_t>() == store::kWaitCancelled);
    co_await other.send(std::move(Message(Command::barrier).text("/gate").number<std::int64_t>(2)));
    CHECK(co_await other.number<std::uint8_t>() == store::kStopWaiting);
  });
}

TEST_CASE("a port that is taken is named together with who holds it") {
  on_loop([](asio::io_context& context) -> Task<void> {
    StoreServer server(context, "", 0);
    std::string what;
    try {
      StoreServer second(context, "", server.port());
    } catch (const lmf::Error& error) {
      what = error.what();
    }
    CHECK(what.find(std::to_string(server.port())) != std::string::npos);
    CHECK(what.find(std::to_string(::getpid())) != std::string::npos);
    CHECK_THROWS_AS(StoreServer(context, "not.a.number", 0), lmf::Error);
    co_return;
  });
}

TEST_CASE("of two that open one port at the same instant, one always has it") {
  const std::uint16_t port = lmf::test::free_port();
  std::barrier start(2), end(2);
  std::atomic<int> open{0};
  int wrong = 0;
  const auto contend = [&](bool counts) {
    for (int round = 0; round < 300; ++round) {
      asio::io_context context;
      std::unique_ptr<StoreServer> server;
      start.arrive_and_wait();
      try {
        server = std::make_unique<StoreServer>(context, "", port);
        ++open;
      } catch (const lmf::Error&) {
      }
      end.arrive_and_wait();
      if (counts) wrong += open.exchange(0) != 1;
      start.arrive_and_wait();
    }
  };
  std::thread other([&] { contend(false); });
  contend(true);
  other.join();
  CHECK(wrong == 0);
}

TEST_CASE("a server that ends closes its port and its clients' connections") {
  on_loop([](asio::io_context& context) -> Task<void> {
    auto server = std::make_unique<StoreServer>(context, "", 0);
    const auto port = server->port();
    StoreClient client(context.get_executor()), waiting(context.get_executor());
    co_await client.connect("::1", port, soon());
    co_await waiting.connect("127.0.0.1", port, soon());
    server.reset();
    CHECK(co_await complaint(client.add("k", 1)) ==
          fmt::format("the store at [::1]:{} is lost: it has closed the connection", port));
    CHECK_FALSE(client.is_open());
    CHECK_THROWS_AS(co_await waiting.wait(names("never"), soon()), StoreLost);
    StoreServer again(context, "", port);  // at once
  });
}

TEST_CASE("a client says why it reached no store, within its limit") {
  on_loop([](asio::io_context& context) -> Task<void> {
    StoreClient client(context.get_executor());
    client.limit_answers(300ms);
    std::uint16_t free_port = StoreServer(context, "", 0).port();
    CHECK(co_await complaint(client.connect("127.0.0.1", free_port, in(1s))) ==
          fmt::format("no store answers at 127.0.0.1:{}: Connection refused", free_port));
    CHECK((co_await complaint(client.connect("no-such-host.invalid", 1, in(1s))))
              .find("the name no-such-host.invalid has no address") != std::string::npos);
    // One that cannot be: no name server is needed to know. What is left of the deadline is not used up.
    client.limit_unknown_name(0ms);
    CHECK_THROWS_AS(co_await client.connect("no..such", 1, soon()), NameUnknown);
    client.limit_unknown_name(50ms);
    CHECK((co_await complaint(client.connect("no..such", 1, soon())))
              .starts_with("the name no..such has no address: Name or service not known; asked again and again for "));
    // Something listens there, and never says a word.
    tcp::acceptor mute(context, {asio::ip::address_v4::loopback(), 0});
    CHECK((co_await complaint(client.connect("127.0.0.1", mute.local_endpoint().port(), in(1s))))
              .find("has not answered") != std::string::npos);
  });
}

TEST_CASE("what is no TCPStore client is disconnected") {
  using store::Command;
  using store::Message;
  const auto u64 = [](std::uint64_t value) { return Message().number(value).take(); };
  const std::string bad[] = {
      "GET / HTTP/1.1\r\n\r\n",
      Message(Command::get).text("/k").take(),
      Message(Command::validate).number<std::uint32_t>(1).take(),
      greeting() + '\x63',
      greeting() + Message(Command::validate).number(store::kMagic).take(),
      greeting() + Message(Command::get).take() + u64(store::kMaxKeyLength + 1),
      greeting() + Message(Command::get).take() + u64(~std::uint64_t{0}),
      greeting() + Message(Command::set).text("/k").take() + u64(store::kMaxValueLength + 1),
      greeting() + Message(Command::check).take() + u64(store::kMaxKeysPerCommand + 1),
      greeting() + Message(Command::multi_set).take() + u64(~std::uint64_t{0} / 2),
      greeting() + Message(Command::set).text("/k").text("word").take() +
          Message(Command::add).text("/k").number<std::int64_t>(1).take(),
      greeting() + Message(Command::add).text("/n").number(INT64_MAX).take() +
          Message(Command::add).text("/n").number<std::int64_t>(1).take(),
      greeting() + Message(Command::wait).number<std::uint64_t>(1).text("/w").take() +
          Message(Command::wait).number<std::uint64_t>(1).text("/w").take(),
  };
  on_loop([&](asio::io_context& context) -> Task<void> {
    StoreServer server(context, "", 0);
    for (const std::string& bytes : bad) CHECK(co_await is_closed_on(context, server.port(), bytes));
  });
}

TEST_CASE("who does not greet in time is disconnected, who did is not") {
  on_loop([](asio::io_context& context) -> Task<void> {
    StoreLimits limits;
    limits.until_validated = 0s;
    StoreServer impatient(context, "", 0, limits);
    CHECK(co_await is_closed_on(context, impatient.port(), ""));
    limits.until_validated = 1s;
    StoreServer server(context, "", 0, limits);
    StoreClient client(context.get_executor());
    co_await client.connect("127.0.0.1", server.port(), soon());
    CHECK(co_await is_closed_on(context, server.port(), "\0"));
    co_await answered(client);
  });
}

TEST_CASE("memory, keys and connections are bounded; reaching a bound ends only the connection that did") {
  on_loop([](asio::io_context& context) -> Task<void> {
    StoreLimits limits;
    limits.memory = 1 << 20;
    limits.keys = 10;
    limits.connections = 3;
    StoreServer server(context, "", 0, limits);
    StoreClient good(context.get_executor()), greedy(context.get_executor()), many(context.get_executor());
    co_await good.connect("127.0.0.1", server.port(), soon());
    co_await good.set("mine", "kept");
    co_await answered(good);
    co_await greedy.connect("127.0.0.1", server.port(), soon());
    co_await greedy.set("big", std::string(2 << 20, 'x'));
    CHECK(co_await complaint(answered(greedy)) != "");
    co_await many.connect("127.0.0.1", server.port(), soon());
    for (int i = 0; i < 10; ++i) co_await many.set(std::to_string(i), "");
    CHECK(co_await complaint(answered(many)) != "");
    // Values that are replaced, deleted and popped give their memory back.
    RawClient queues(context);
    co_await queues.connect(server.port());
    for (int i = 0; i < 40; ++i) {
      co_await good.set("mine", std::string(100000, 'x'));
      co_await queues.push("/queue", std::string(100000, 'x'));
      CHECK(co_await queues.pop("/queue"));
      CHECK_FALSE(co_await good.wait(names(std::string(5000, 'k')), in(0ms)));
    }
    StoreClient third(context.get_executor()), fourth(context.get_executor());
    fourth.limit_answers(100ms);
    co_await third.connect("127.0.0.1", server.port(), soon());
    CHECK(co_await complaint(fourth.connect("127.0.0.1", server.port(), in(300ms))) != "");
    co_await answered(good);
  });
}

TEST_CASE("random bytes harm nobody else") {
  on_loop([](asio::io_context& context) -> Task<void> {
    StoreLimits limits;
    limits.memory = 16 << 20;
    StoreServer server(context, "", 0, limits);
    StoreClient good(context.get_executor());
    co_await good.connect("127.0.0.1", server.port(), soon());
    std::mt19937 random(20260101);  // reproducible
    for (int round = 0; round < 2000; ++round) {
      std::string bytes = round % 10 ? greeting() : "";
      const int pieces = static_cast<int>(random() % 8);
      for (int piece = 0; piece < pieces; ++piece) {
        bytes += static_cast<char>(random() % 20);
        if (random() % 2) bytes += store::Message().number<std::uint64_t>(random() % 40).take();
        for (unsigned more = random() % 60; more > 0; --more) bytes += static_cast<char>(random());
      }
      error_code ignored;
      try {
        co_await send_raw(context, server.port(), bytes);
      } catch (const boost::system::system_error&) {
        // disconnected while writing
      }
      const auto sum = co_await good.add("good", 1);
      CHECK(sum == round + 1);
    }
    // All of them are gone again; only the good one is left.
    while (server.connections() > 1) co_await answered(good);
  });
}

TEST_CASE("a test's port is none that the kernel takes by itself, where there are enough others") {
  using lmf::test::quiet_ports;
  CHECK(quiet_ports(32768, 60999) == std::pair(20768, 32767));
  CHECK(quiet_ports(15000, 65535) == std::pair(10000, 14999));
  CHECK(quiet_ports(1024, 60999) == std::pair(61000, 65535));
  CHECK(quiet_ports(1024, 65535) == std::pair(10000, 65535));
}

namespace {

/// A listening socket that no process has: it is under way in a message of `through`. The port.
std::uint16_t listen_in_a_message(int through) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  REQUIRE(::bind(socket, any, size) == 0);
  REQUIRE(::listen(socket, 1) == 0);
  REQUIRE(::getsockname(socket, any, &size) == 0);
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof socket)] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof socket);
  std::memcpy(CMSG_DATA(part), &socket, sizeof socket);
  REQUIRE(::sendmsg(through, &message, 0) == 1);
  ::close(socket);
  return ntohs(address.sin_port);
}

}  // namespace

TEST_CASE("who holds a port is said truly, also when it is just letting go of it") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const std::uint16_t port = listen_in_a_message(ends[0]);
  SUBCASE("nobody that could be seen") {
    CHECK(lmf::port_owner(port) == "a process that is not to be seen from here");
    ::close(ends[1]);
  }
  SUBCASE("nobody, a moment later: the store takes its place") {
    std::thread ending([&] { ::close(ends[1]); });
    asio::io_context context;
    CHECK(StoreServer(context, "127.0.0.1", port).port() == port);
    ending.join();
  }
  ::close(ends[0]);
  CHECK(lmf::port_owner(port).empty());
}
