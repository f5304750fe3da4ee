// lmf's side of the tests with Python: `serve` is a store until its standard input ends; `use HOST PORT` tries every
// operation of the client on somebody else's store and exits with 0 when all answers are right.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>
#include <unistd.h>

#include "lmf/error.hpp"
#include "train/launch/store/store_client.hpp"
#include "train/launch/store/store_server.hpp"

using namespace lmf::train::launch;
using namespace std::chrono_literals;

namespace {

void expect(bool right, const char* what) {
  if (!right) throw lmf::Error(fmt::format("wrong answer: {}", what));
}

Time in(std::chrono::milliseconds time) { return Clock::now() + time; }

Task<void> use_values(StoreClient& client) {
  co_await client.set("from_lmf", "hello");
  const auto value = co_await client.get("from_peer");
  expect(value == "bonjour", "get");
  const auto nothing = co_await client.get("nothing");
  expect(!nothing, "get of no key");
  auto set = co_await client.compare_set("cas", "", "1");
  expect(set == "1", "compare_set creates");
  set = co_await client.compare_set("cas", "2", "3");
  expect(set == "1", "compare_set refuses");
  const auto sum = co_await client.add("sum", 41);
  expect(sum == 41, "add");
  std::vector<std::pair<std::string, std::string>> entries{{"m1", "x"}, {"m2", ""}};
  co_await client.set_many(entries);
  std::vector<std::string> keys{"m2", "m1"};
  const auto values = co_await client.get_many(keys);
  expect(values[0].empty() && values[1] == "x", "multi_get");
  const bool there = co_await client.check(keys);
  expect(there, "check");
}

Task<void> use_waits(StoreClient& client, bool extended) {
  std::vector<std::string> keys{"late"};
  bool came = co_await client.wait(keys, in(50ms));
  expect(!came, "wait times out");
  co_await client.set("lmf_waits", "1");
  came = co_await client.wait(keys, in(60s));
  expect(came, "wait");
  if (!extended) co_return;
  const auto listed = co_await client.list_keys();
  expect(!listed.empty(), "list_keys");
}

Task<void> use(asio::io_context& context, std::string host, std::uint16_t port, bool extended) {
  StoreClient client(context.get_executor());
  co_await client.connect(host, port, in(60s));
  co_await use_values(client);
  co_await use_waits(client, extended);
  co_await client.set("lmf_is_done", "1");
  co_await client.add("sum", 0);  // answered when all before is
}

int serve() {
  asio::io_context context;
  const StoreServer server(context, "", 0);
  std::printf("%d\n", server.port());
  std::fflush(stdout);
  asio::posix::stream_descriptor input(context, STDIN_FILENO);
  input.async_wait(asio::posix::stream_descriptor::wait_read, [&](error_code) { context.stop(); });
  context.run();
  input.release();
  return 0;
}

}  // namespace

int main(int count, char** words) {
  if (count == 2 && std::strcmp(words[1], "serve") == 0) return serve();
  if (count < 4) return 2;
  asio::io_context context;
  int status = 0;
  const auto port = static_cast<std::uint16_t>(std::atoi(words[3]));
  asio::co_spawn(context, use(context, words[2], port, count == 4), [&](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      status = 1;
    }
  });
  context.run();
  return status;
}
