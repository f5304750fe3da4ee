#include "train/launch/store/store_client.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <unistd.h>

#include "train/launch/store/deadline.hpp"
#include "train/launch/store/resolve.hpp"

namespace lmf::train::launch {
namespace {

using namespace store;

constexpr std::chrono::milliseconds kFirstRetry{20}, kLastRetry{250};

std::string meaning(const error_code& error) {
  for (const error_code gone :
       {error_code(asio::error::eof), error_code(asio::error::broken_pipe), error_code(asio::error::connection_reset)})
    if (error == gone) return "it has closed the connection";
  return error.message();
}

}  // namespace

StoreClient::StoreClient(const asio::any_io_executor& executor)
    : socket_(executor), free_(executor, Time::max()), retry_(executor) {}

/// In the order of asking: a coroutine that asks again at once must not keep the others from their turn.
Task<StoreClient::Turn> StoreClient::turn() {
  const std::uint64_t number = asked_++;
  while (served_ != number) {
    error_code woken;
    co_await free_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  Turn mine(*this);
  if (!socket_.is_open()) lost("the connection was closed");
  co_return mine;
}

void StoreClient::lost(const std::string& why) {
  disconnect();
  if (why_lost_.empty()) why_lost_ = why;  // what comes later follows from it
  throw StoreLost(fmt::format("the store at {} is lost: {}", name_, why_lost_));
}

void StoreClient::lost(const error_code& error) { lost(meaning(error)); }

void StoreClient::close() {
  closed_ = true;
  retry_.cancel();
  disconnect();
}

void StoreClient::disconnect() {
  error_code ignored;
  socket_.close(ignored);
}

asio::ip::address StoreClient::local_address() const {
  error_code gone;
  return socket_.local_endpoint(gone).address();
}

Task<void> StoreClient::connect(std::string host, std::uint16_t port, Time deadline) {
  name_ = host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
  std::string why, hint;
  for (auto delay = kFirstRetry;; delay = std::min(2 * delay, kLastRetry)) {
    try {
      co_await try_connect(host, port, deadline);
      unknown_since_.reset();
      co_return;
    } catch (const NameUnknown& failure) {
      check_unknown_name(failure);
      why = failure.what();
      hint = failure.hint();
    } catch (const boost::system::system_error& failure) {
      unknown_since_.reset();
      // One that the deadline cut short says less than the one before it.
      if (why.empty() || Clock::now() < deadline) {
        why = failure.code().message();
        hint.clear();
      }
    } catch (const Error& failure) {
      why = failure.what();
      hint = failure.hint();
    }
    disconnect();
    if (closed_ || Clock::now() + delay >= deadline)
      throw StoreLost(fmt::format("no store answers at {}: {}", name_, why),
                      hint.empty() ? "is node 0 running, and may its port be reached from here?" : hint);
    error_code woken;
    retry_.expires_after(delay);
    co_await retry_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
}

/// Names may come late, as those of a headless service in Kubernetes; one that is misspelt never does.
void StoreClient::check_unknown_name(const Error& failure) {
  const Time now = Clock::now();
  if (!unknown_since_) unknown_since_ = now;
  if (now - *unknown_since_ < unknown_limit_) return;
  const auto asked = std::chrono::duration_cast<std::chrono::seconds>(now - *unknown_since_);
  throw NameUnknown(fmt::format("{}; asked again and again for {} s", failure.what(), asked.count()), failure.hint());
}

Task<void> StoreClient::try_connect(std::string host, std::uint16_t port, Time deadline) {
  const auto endpoints =
      co_await resolve(host, port, std::min(deadline, Clock::now() + limit_), [this] { return closed_; });
  error_code error = asio::error::host_not_found;
  for (const tcp::endpoint& endpoint : endpoints) {
    disconnect();
    const Time limit = std::min(deadline, Clock::now() + limit_);
    Deadline guard(socket_.get_executor(), limit, [this] { disconnect(); });
    co_await socket_.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, error));
    if (guard.passed()) error = asio::error::timed_out;
    if (!error || closed_) break;
  }
  if (closed_) error = asio::error::operation_aborted;
  if (error) throw boost::system::system_error(error);
  socket_.set_option(tcp::no_delay(true));
  why_lost_.clear();
  co_await greet();
}

Task<void> StoreClient::greet() {
  co_await send(std::move(Message(Command::validate).number(kMagic)));
  const auto nonce = static_cast<std::uint32_t>(::getpid());
  co_await send(std::move(Message(Command::ping).number(nonce)));
  const auto answer = co_await number<std::uint32_t>();
  if (answer != nonce) lost("what answers there is no TCPStore");
}

Task<void> StoreClient::send(Message message) {
  const std::string bytes = message.take();
  error_code error;
  const Deadline guard(socket_.get_executor(), Clock::now() + limit_, [this] { disconnect(); });
  co_await asio::async_write(socket_, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, error));
  if (guard.passed()) lost(fmt::format("it has not taken a message for {} s", limit_.count() / 1000));
  if (error) lost(error);
}

Task<void> StoreClient::read(char* to, std::size_t size) {
  error_code error;
  const Deadline guard(socket_.get_executor(), Clock::now() + limit_, [this] { disconnect(); });
  co_await asio::async_read(socket_, asio::buffer(to, size), asio::redirect_error(asio::use_awaitable, error));
  if (guard.passed()) lost(fmt::format("it has not answered for {} s", limit_.count() / 1000));
  if (error) lost(error);
}

Task<std::string> StoreClient::text(std::uint64_t limit) {
  const auto length = co_await number<std::uint64_t>();
  if (length > limit) lost(fmt::format("it answers with {} bytes, which is no TCPStore's answer", length));
  std::string value(length, '\0');
  if (length > 0) co_await read(value.data(), length);
  co_return value;
}

}  // namespace lmf::train::launch
