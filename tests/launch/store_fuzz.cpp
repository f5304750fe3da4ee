// What two clients of the TCPStore's server send after their greeting. The first byte says how the rest is shared out.
#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include <sys/socket.h>
#include <unistd.h>

#include "train/launch/store/connection.hpp"

namespace {

using namespace lmf::train::launch;

constexpr std::size_t kMemory = 1 << 20, kKeys = 64;

/// Our end of a connection: sends all at once, reads whatever is answered.
class Client {
 public:
  Client(asio::io_context& context, const std::shared_ptr<store::Contents>& contents, std::string_view sent) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) __builtin_trap();
    own_ = ends[0];
    const std::string bytes = store::Message(store::Command::validate).number(store::kMagic).take() + std::string(sent);
    if (::send(own_, bytes.data(), bytes.size(), 0) < 0) __builtin_trap();
    auto connection = std::make_shared<store::Connection>(tcp::socket(context, tcp::v4(), ends[1]), contents);
    asio::co_spawn(context, serve(std::move(connection)), asio::detached);
  }
  ~Client() { ::close(own_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool reads_something() const {
    std::array<char, 65536> answer;
    return ::recv(own_, answer.data(), answer.size(), 0) > 0;
  }

 private:
  static Task<void> serve(std::shared_ptr<store::Connection> connection) {
    try {
      co_await store::Connection::serve(connection, std::chrono::seconds(30));
    } catch (const std::exception&) {
    }
    connection->close();
  }
  int own_ = -1;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 65536) return 0;  // what a socket takes without a reader
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t first = bytes.size() * data[0] / 255;
  asio::io_context context;
  const auto contents = std::make_shared<store::Contents>(kMemory, kKeys);
  {
    const Client one(context, contents, bytes.substr(0, first)), other(context, contents, bytes.substr(first));
    do {
      context.restart();
      context.poll();
    } while (static_cast<int>(one.reads_something()) + static_cast<int>(other.reads_something()) > 0);
  }
  context.restart();
  context.run();  // both have gone: nothing may be left to wait for
  if (contents->budget().used() > kMemory || contents->size() > static_cast<std::int64_t>(kKeys)) __builtin_trap();
  return 0;
}
