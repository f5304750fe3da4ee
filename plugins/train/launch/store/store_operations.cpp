// What a StoreClient asks a store for, each a turn on its connection.
#include "train/launch/store/deadline.hpp"
#include "train/launch/store/store_client.hpp"

namespace lmf::train::launch {
namespace {

using namespace store;

std::string full(const std::string& key) { return "/" + key; }

Message about_keys(Command command, const std::vector<std::string>& keys) {
  Message message(command);
  message.number<std::uint64_t>(keys.size());
  for (const std::string& key : keys) message.text(full(key));
  return message;
}

}  // namespace

Task<void> StoreClient::set(std::string key, std::string value) {
  const Turn mine = co_await turn();
  co_await send(std::move(Message(Command::set).text(full(key)).text(value)));
}

Task<std::string> StoreClient::compare_set(std::string key, std::string expected, std::string desired) {
  const Turn mine = co_await turn();
  co_await send(std::move(Message(Command::compare_set).text(full(key)).text(expected).text(desired)));
  co_return co_await text(kMaxValueLength);
}

Task<std::optional<std::string>> StoreClient::get(std::string key) {
  const std::vector<std::string> one{key};
  const bool there = co_await check(one);
  if (!there) co_return std::nullopt;
  const Turn mine = co_await turn();
  co_await send(std::move(Message(Command::get).text(full(key))));
  co_return co_await text(kMaxValueLength);
}

Task<std::vector<std::string>> StoreClient::get_many(std::vector<std::string> keys) {
  const Turn mine = co_await turn();
  co_await send(about_keys(Command::multi_get, keys));
  std::vector<std::string> values;
  while (values.size() < keys.size()) values.push_back(co_await text(kMaxValueLength));
  co_return values;
}

Task<void> StoreClient::set_many(std::vector<std::pair<std::string, std::string>> entries) {
  const Turn mine = co_await turn();
  Message message(Command::multi_set);
  message.number<std::uint64_t>(entries.size());
  for (const auto& [key, value] : entries) message.text(full(key)).text(value);
  co_await send(std::move(message));
}

Task<std::int64_t> StoreClient::add(std::string key, std::int64_t amount) {
  const Turn mine = co_await turn();
  co_await send(std::move(Message(Command::add).text(full(key)).number(amount)));
  co_return co_await number<std::int64_t>();
}

Task<std::int64_t> StoreClient::count_in(int clients) {
  const Turn mine = co_await turn();
  co_await send(std::move(Message(Command::add).text("init/").number<std::int64_t>(clients)));
  co_return co_await number<std::int64_t>();
}

Task<void> StoreClient::announce() { co_await count_in(1); }
Task<std::int64_t> StoreClient::announced() { co_return co_await count_in(0); }

Task<bool> StoreClient::check(std::vector<std::string> keys) {
  const Turn mine = co_await turn();
  co_await send(about_keys(Command::check, keys));
  const auto answer = co_await number<std::uint8_t>();
  if (answer > kNotReady) lost("its answer to CHECK is no TCPStore's");
  co_return answer == kReady;
}

/// Past the deadline the wait is cancelled, which keeps the connection usable.
Task<bool> StoreClient::wait(std::vector<std::string> keys, Time deadline) {
  const Turn mine = co_await turn();
  co_await send(about_keys(Command::wait, keys));
  error_code error;
  {
    const Deadline guard(socket_.get_executor(), deadline, [this] {
      error_code ignored;
      socket_.cancel(ignored);
    });
    co_await socket_.async_wait(tcp::socket::wait_read, asio::redirect_error(asio::use_awaitable, error));
  }
  if (!socket_.is_open()) lost("the connection was closed");
  const bool came = !error;
  if (error && error != asio::error::operation_aborted) lost(error);
  if (!came) co_await send(Message(Command::cancel_wait));
  auto answer = co_await number<std::uint8_t>();
  if (answer > kWaitCancelled) lost("its answer to WAIT is no TCPStore's");
  if (answer == kWaitCancelled) co_return false;
  if (came) co_return true;
  // It had already answered when the cancellation arrived.
  answer = co_await number<std::uint8_t>();
  if (answer != kWaitCancelled) lost("its answer to CANCEL_WAIT is no TCPStore's");
  co_return true;
}

Task<std::vector<std::string>> StoreClient::list_keys() {
  const Turn mine = co_await turn();
  co_await send(Message(Command::list_keys));
  const auto count = co_await number<std::int64_t>();
  std::vector<std::string> keys;
  for (std::int64_t i = 0; i < count; ++i) {
    std::string key = co_await text(kMaxKeyLength);
    if (key.starts_with('/')) keys.push_back(key.substr(1));
    if (keys.size() * sizeof(std::string) > kMaxReply) lost("it lists too many keys");
  }
  co_return keys;
}

}  // namespace lmf::train::launch
