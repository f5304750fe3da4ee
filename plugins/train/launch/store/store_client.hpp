#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lmf/error.hpp"
#include "train/launch/store/asio.hpp"
#include "train/launch/store/protocol.hpp"

namespace lmf::train::launch {

/// The store is not there, no longer there, silent, or no TCPStore. The client is of no further use.
struct StoreLost : Error {
  using Error::Error;
};

/// A client of any TCPStore: lmf's, libtorch's, Python's, with the operations that the agents need. Never blocks;
/// operations from several coroutines take turns. Keys get the "/" in front that c10d's own clients add, so that both
/// see the same ones. An operation that the store does not answer within the limit throws StoreLost.
class StoreClient {
 public:
  explicit StoreClient(const asio::any_io_executor& executor);
  StoreClient(const StoreClient&) = delete;
  StoreClient& operator=(const StoreClient&) = delete;

  /// Tries every address of the name, again and again until the deadline; a store must answer, an open port is not
  /// enough. Throws NameUnknown when, in this call and those before, there has been no such name for long enough.
  Task<void> connect(std::string host, std::uint16_t port, Time deadline);
  void limit_answers(std::chrono::milliseconds limit) { limit_ = limit; }
  void limit_unknown_name(std::chrono::milliseconds limit) { unknown_limit_ = limit; }
  void close();  ///< for good: what is under way, connecting too, ends with StoreLost
  bool is_open() const { return socket_.is_open(); }
  std::string peer() const { return name_; }  ///< "host:port", as given
  asio::ip::address local_address() const;    ///< by which this machine reaches the store

  Task<void> set(std::string key, std::string value);
  /// What the key holds afterwards; `expected` "" creates it. When there is no key and `expected` is not "", that is
  /// returned and nothing changes.
  Task<std::string> compare_set(std::string key, std::string expected, std::string desired);
  Task<std::optional<std::string>> get(std::string key);
  /// All keys must be there: some of torch's servers end the connection otherwise.
  Task<std::vector<std::string>> get_many(std::vector<std::string> keys);
  Task<void> set_many(std::vector<std::pair<std::string, std::string>> entries);
  Task<std::int64_t> add(std::string key, std::int64_t amount);
  Task<bool> check(std::vector<std::string> keys);
  /// False when they are not all there by the deadline.
  Task<bool> wait(std::vector<std::string> keys, Time deadline);
  Task<std::vector<std::string>> list_keys();
  /// Counts this client among those that torch's own server waits for at its start.
  Task<void> announce();
  Task<std::int64_t> announced();

 private:
  /// One operation's right to the connection.
  class Turn {
   public:
    explicit Turn(StoreClient& client) : client_(&client) {}
    Turn(Turn&& other) noexcept : client_(std::exchange(other.client_, nullptr)) {}
    ~Turn() {
      if (!client_) return;
      ++client_->served_;
      client_->free_.cancel();
    }

   private:
    StoreClient* client_;
  };
  Task<Turn> turn();
  Task<void> try_connect(std::string host, std::uint16_t port, Time deadline);
  Task<void> greet();
  Task<void> send(store::Message message);
  Task<void> read(char* to, std::size_t size);
  Task<std::int64_t> count_in(int clients);
  template <class Number>
  Task<Number> number() {
    Number value{};
    co_await read(reinterpret_cast<char*>(&value), sizeof value);
    co_return value;
  }
  Task<std::string> text(std::uint64_t limit);
  void disconnect();
  void check_unknown_name(const Error& failure);
  [[noreturn]] void lost(const std::string& why);
  [[noreturn]] void lost(const error_code& error);

  tcp::socket socket_;
  asio::steady_timer free_, retry_;
  std::uint64_t asked_ = 0, served_ = 0;
  bool closed_ = false;
  std::chrono::milliseconds limit_{10000}, unknown_limit_{30000};
  std::optional<Time> unknown_since_;
  std::string name_, why_lost_;
};

}  // namespace lmf::train::launch
