#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "launch/on_loop.hpp"
#include "train/launch/store/asio.hpp"
#include "train/launch/store/protocol.hpp"

namespace lmf::test {

/// Says to a store what it is told to, field by field: what c10d's clients ask for and lmf's own does not.
class RawClient {
 public:
  explicit RawClient(boost::asio::io_context& context) : socket_(context) {}

  launch::Task<void> connect(std::uint16_t port) {
    co_await socket_.async_connect({boost::asio::ip::address_v4::loopback(), port}, boost::asio::use_awaitable);
    co_await send(std::move(launch::store::Message(launch::store::Command::validate).number(launch::store::kMagic)));
  }
  launch::Task<void> send(launch::store::Message message) {
    const std::string bytes = message.take();
    co_await boost::asio::async_write(socket_, boost::asio::buffer(bytes), boost::asio::use_awaitable);
  }
  template <class Number>
  launch::Task<Number> number() {
    Number value{};
    co_await boost::asio::async_read(socket_, boost::asio::buffer(&value, sizeof value), boost::asio::use_awaitable);
    co_return value;
  }
  launch::Task<std::string> text() {
    std::string value(co_await number<std::uint64_t>(), '\0');
    co_await boost::asio::async_read(socket_, boost::asio::buffer(value), boost::asio::use_awaitable);
    co_return value;
  }

  launch::Task<void> push(std::string key, std::string value) {
    co_await send(std::move(launch::store::Message(launch::store::Command::queue_push).text(key).text(value)));
  }
  launch::Task<std::optional<std::string>> pop(std::string key) {
    co_await send(std::move(launch::store::Message(launch::store::Command::queue_pop).text(key)));
    const auto length = co_await number<std::int64_t>();
    if (length <= 0) co_return std::nullopt;
    co_return co_await text();
  }

 private:
  boost::asio::ip::tcp::socket socket_;
};

}  // namespace lmf::test
