#pragma once

#include <functional>
#include <memory>
#include <string>

#include "train/launch/store/asio.hpp"
#include "train/launch/store/contents.hpp"

namespace lmf::train::launch::store {

/// One client of a server: reads a command, does it, answers, reads the next. A client that does not read its answers
/// is not read from either.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, std::shared_ptr<Contents> contents);
  ~Connection() { contents_->forget(waiter_); }

  /// Serves until the client goes, breaks the protocol or `close` is called. Keeps itself alive meanwhile.
  static Task<void> serve(std::shared_ptr<Connection> self, std::chrono::seconds until_validated);
  void close();
  /// After serve(): the others see that the client is gone.
  void mark_gone() noexcept;

 private:
  Task<void> validate(std::chrono::seconds limit);
  Task<void> handle(Command command);
  Task<void> change(Command command);
  Task<void> ask_many(Command command);
  Task<void> wait_for(Command command);

  Task<void> read(char* to, std::size_t size);
  template <class Number>
  Task<Number> number();
  Task<std::string> text(std::uint64_t limit);
  Task<Keys> keys();

  void wake() noexcept;
  void reply(Message message);
  void write_more();
  Task<void> drained();

  tcp::socket socket_;
  Key presence_;  ///< the client's; "" while it has set none
  const std::shared_ptr<Contents> contents_;
  Waiter waiter_;
  MemoryShare request_, replies_;
  std::string input_, writing_, unwritten_;
  std::size_t input_used_ = 0;
  asio::steady_timer drained_, unvalidated_;
};

}  // namespace lmf::train::launch::store
