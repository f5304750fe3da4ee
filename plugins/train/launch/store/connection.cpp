#include "train/launch/store/connection.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.hpp"
#include "lmf/error.hpp"

namespace lmf::train::launch::store {
namespace {

constexpr std::size_t kInputBuffer = 4096;
/// A long value's memory grows with the bytes that have come, not with the length that was claimed.
constexpr std::size_t kGrowth = 256 * 1024;

}  // namespace

Connection::Connection(tcp::socket socket, std::shared_ptr<Contents> contents)
    : socket_(std::move(socket)),
      contents_(std::move(contents)),
      request_(contents_->budget()),
      replies_(contents_->budget()),
      drained_(socket_.get_executor(), Time::max()),
      unvalidated_(socket_.get_executor()) {}

Task<void> Connection::serve(std::shared_ptr<Connection> self, std::chrono::seconds until_validated) {
  self->waiter_.wake = [connection = self.get()] { connection->wake(); };
  co_await self->validate(until_validated);
  for (;;) {
    const auto command = co_await self->number<Command>();
    co_await self->handle(command);
    self->request_.release();
    co_await self->drained();
  }
}

Task<void> Connection::validate(std::chrono::seconds limit) {
  unvalidated_.expires_after(limit);
  unvalidated_.async_wait([weak = weak_from_this()](error_code error) {
    if (auto connection = weak.lock(); connection && !error) connection->close();
  });
  const auto command = co_await number<Command>();
  if (command != Command::validate) throw Error("a client begins with VALIDATE");
  const auto magic = co_await number<std::uint32_t>();
  if (magic != kMagic) throw Error("a client's VALIDATE has another number");
  // Not expired in this very moment, or the handler would close a good client.
  if (unvalidated_.cancel() == 0) close();
}

void Connection::close() {
  error_code ignored;
  socket_.close(ignored);
  drained_.cancel();
  unvalidated_.cancel();
}

void Connection::mark_gone() noexcept try {
  if (!presence_.empty()) contents_->set(presence_, Value(kGone));
} catch (const std::exception& full) {
  log::debug("store: {} is not marked as gone: {}", presence_, full.what());
}

Task<void> Connection::handle(Command command) {
  switch (command) {
    case Command::set:
    case Command::compare_set:
    case Command::add:
    case Command::append:
    case Command::delete_key:
    case Command::multi_set:
    case Command::queue_push:
    case Command::queue_pop:
      co_await change(command);
      break;
    case Command::check:
    case Command::multi_get:
      co_await ask_many(command);
      break;
    case Command::wait:
    case Command::barrier:
      co_await wait_for(command);
      break;
    case Command::get:
      reply(Message().text(contents_->get(co_await text(kMaxKeyLength))));
      break;
    case Command::queue_length:
      reply(Message().number(contents_->queue_length(co_await text(kMaxKeyLength))));
      break;
    case Command::num_keys:
      reply(Message().number(contents_->size()));
      break;
    case Command::list_keys: {
      Message answer;
      answer.number(contents_->size());
      for (const Key& key : contents_->keys()) answer.text(key);
      reply(std::move(answer));
      break;
    }
    case Command::ping:
      reply(Message().number(co_await number<std::uint32_t>()));
      break;
    case Command::cancel_wait:
      contents_->forget(waiter_);
      reply(Message().number(kWaitCancelled));
      break;
    default:
      throw Error(fmt::format("there is no command {}", static_cast<int>(command)));
  }
}

Task<void> Connection::change(Command command) {
  if (command == Command::multi_set) {
    const auto count = co_await number<std::uint64_t>();
    if (count > kMaxKeysPerCommand) throw Error(fmt::format("{} keys in one command", count));
    for (std::uint64_t i = 0; i < count; ++i) {
      const Key key = co_await text(kMaxKeyLength);
      contents_->set(key, co_await text(kMaxValueLength));
      request_.release();
    }
    co_return;
  }
  const Key key = co_await text(kMaxKeyLength);
  if (command == Command::delete_key) {
    reply(Message().number<std::int64_t>(contents_->erase(key)));
  } else if (command == Command::add) {
    reply(Message().number(contents_->add(key, co_await number<std::int64_t>())));
  } else if (command == Command::queue_pop) {
    std::int64_t length = 0;
    const auto value = contents_->pop(key, length);
    Message answer;
    answer.number(length);
    if (value) answer.text(*value);
    reply(std::move(answer));
  } else {
    Value value = co_await text(kMaxValueLength);
    if (command == Command::set && key.starts_with(kStoredPresence)) presence_ = key;
    if (command == Command::set) contents_->set(key, std::move(value));
    if (command == Command::append) contents_->append(key, value);
    if (command == Command::queue_push) contents_->push(key, std::move(value));
    if (command != Command::compare_set) co_return;
    Value desired = co_await text(kMaxValueLength);
    reply(Message().text(contents_->compare_set(key, value, std::move(desired))));
  }
}

Task<void> Connection::ask_many(Command command) {
  const Keys asked = co_await keys();
  if (command == Command::check) {
    reply(Message().number(contents_->has_all(asked) ? kReady : kNotReady));
    co_return;
  }
  Message answer;
  for (const Key& key : asked) {
    const Value& value = contents_->get(key);
    if (answer.size() + value.size() > kMaxReply) throw Error("more was asked for than one reply may hold");
    answer.text(value);
  }
  reply(std::move(answer));
}

Task<void> Connection::wait_for(Command command) {
  if (waiter_.missing > 0) throw Error("a client that waits asked to wait again");
  bool there = false;
  if (command == Command::barrier) {
    const Key key = co_await text(kMaxKeyLength);
    there = contents_->arrive(waiter_, key, co_await number<std::int64_t>());
  } else {
    const Keys awaited = co_await keys();
    there = !contents_->wait(waiter_, awaited);
  }
  if (there) reply(Message().number(kStopWaiting));
}

template <class Number>
Task<Number> Connection::number() {
  Number value{};
  co_await read(reinterpret_cast<char*>(&value), sizeof value);
  co_return value;
}

Task<std::string> Connection::text(std::uint64_t limit) {
  const auto length = co_await number<std::uint64_t>();
  if (length > limit) throw Error(fmt::format("a text of {} bytes where {} are allowed", length, limit));
  std::string result;
  while (result.size() < length) {
    const std::size_t begin = result.size();
    const std::size_t part = std::min<std::size_t>(length - begin, kGrowth);
    request_.take(part);
    result.resize(begin + part);
    co_await read(result.data() + begin, part);
  }
  co_return result;
}

Task<Keys> Connection::keys() {
  const auto count = co_await number<std::uint64_t>();
  if (count > kMaxKeysPerCommand) throw Error(fmt::format("{} keys in one command", count));
  Keys result;
  for (std::uint64_t i = 0; i < count; ++i) {
    request_.take(sizeof(Key));
    result.push_back(co_await text(kMaxKeyLength));
  }
  co_return result;
}

Task<void> Connection::read(char* to, std::size_t size) {
  while (size > 0) {
    if (input_used_ == input_.size()) {
      input_.resize(kInputBuffer);
      input_used_ = kInputBuffer;
      const std::size_t got = co_await socket_.async_read_some(asio::buffer(input_), asio::use_awaitable);
      input_.resize(got);
      input_used_ = 0;
    }
    const std::size_t part = std::min(size, input_.size() - input_used_);
    std::copy_n(input_.data() + input_used_, part, to);
    input_used_ += part;
    to += part;
    size -= part;
  }
}

void Connection::reply(Message message) {
  const std::string bytes = message.take();
  replies_.take(bytes.size());
  unwritten_ += bytes;
  if (writing_.empty()) write_more();
}

/// Called in the command of another client, who is not to blame when there is no room for this one's answer.
void Connection::wake() noexcept {
  try {
    reply(Message().number(kStopWaiting));
  } catch (const std::exception& full) {
    log::debug("store: a client that waited is disconnected: {}", full.what());
    close();
  }
}

void Connection::write_more() {
  writing_ = std::exchange(unwritten_, {});
  asio::async_write(socket_, asio::buffer(writing_), [self = shared_from_this()](error_code error, std::size_t) {
    self->writing_.clear();
    if (error) return self->close();
    if (!self->unwritten_.empty()) return self->write_more();
    self->replies_.release();
    self->drained_.cancel();
  });
}

Task<void> Connection::drained() {
  while (!writing_.empty() && socket_.is_open()) {
    error_code woken;
    co_await drained_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
}

}  // namespace lmf::train::launch::store
