#include "train/launch/store/contents.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace lmf::train::launch::store {
namespace {

/// What an entry costs beyond its bytes: nodes and headers of the containers, rounded up.
constexpr std::size_t kOverhead = 128;

std::size_t cost(const Key& key, const Value& value) { return kOverhead + key.size() + value.size(); }

std::int64_t number_in(const Key& key, const Value& value) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size())
    throw Error(fmt::format("the value of key {} is not a number", key));
  return number;
}

}  // namespace

void Contents::store(const Key& key, Value value) {
  const auto found = values_.find(key);
  if (found == values_.end()) {
    if (values_.size() >= max_keys_) throw Error("the store has too many keys");
    budget_.take(cost(key, value));
    values_.emplace(key, std::move(value));
    return;
  }
  if (value.size() > found->second.size())
    budget_.take(value.size() - found->second.size());
  else
    budget_.give_back(found->second.size() - value.size());
  found->second = std::move(value);
}

void Contents::set(const Key& key, Value value) {
  store(key, std::move(value));
  seen(key);
}

Value Contents::compare_set(const Key& key, const Value& expected, Value desired) {
  const auto found = values_.find(key);
  if (found == values_.end() && !expected.empty()) return expected;
  if (found == values_.end() || found->second == expected) {
    set(key, desired);
    return desired;
  }
  return found->second;
}

const Value& Contents::get(const Key& key) const {
  static const Value none;
  const auto found = values_.find(key);
  return found == values_.end() ? none : found->second;
}

std::int64_t Contents::add(const Key& key, std::int64_t amount) {
  const auto found = values_.find(key);
  std::int64_t sum = found == values_.end() ? 0 : number_in(key, found->second);
  if (__builtin_add_overflow(sum, amount, &sum)) throw Error(fmt::format("the value of key {} overflows", key));
  set(key, std::to_string(sum));
  return sum;
}

void Contents::append(const Key& key, const Value& more) {
  const auto found = values_.find(key);
  if (found == values_.end()) return set(key, more);
  if (found->second.size() + more.size() > kMaxValueLength)
    throw Error(fmt::format("the value of key {} grows past {} bytes", key, kMaxValueLength));
  budget_.take(more.size());
  found->second += more;
}

bool Contents::erase(const Key& key) {
  const auto found = values_.find(key);
  if (found == values_.end()) return false;
  budget_.give_back(cost(found->first, found->second));
  values_.erase(found);
  return true;
}

bool Contents::has_all(const Keys& keys) const {
  return std::all_of(keys.begin(), keys.end(),
                     [this](const Key& key) { return values_.count(key) > 0 || queues_.count(key) > 0; });
}

Keys Contents::keys() const {
  Keys result;
  result.reserve(values_.size());
  for (const auto& [key, value] : values_) result.push_back(key);
  return result;
}

void Contents::push(const Key& key, Value value) {
  budget_.take(cost(key, value));
  queues_[key].push_back(std::move(value));
  seen_by_one(key);
}

std::optional<Value> Contents::pop(const Key& key, std::int64_t& length_before) {
  length_before = queue_length(key);
  const auto found = queues_.find(key);
  if (found == queues_.end()) return std::nullopt;
  Value value = std::move(found->second.front());
  budget_.give_back(cost(key, value));
  found->second.pop_front();
  if (found->second.empty()) queues_.erase(found);
  return value;
}

std::int64_t Contents::queue_length(const Key& key) const {
  const auto found = queues_.find(key);
  return found == queues_.end() ? 0 : static_cast<std::int64_t>(found->second.size());
}

bool Contents::wait(Waiter& waiter, const Keys& keys) {
  if (has_all(keys)) return false;
  for (const Key& key : keys)
    if (!has_all({key})) register_waiter(waiter, key);
  return true;
}

bool Contents::arrive(Waiter& waiter, const Key& key, std::int64_t size) {
  const auto found = values_.find(key);
  const std::int64_t before = found == values_.end() ? 0 : number_in(key, found->second);
  if (before >= INT32_MAX) throw Error(fmt::format("the value of key {} overflows", key));
  store(key, std::to_string(before + 1));
  if (before + 1 >= size) {
    seen(key);
    return true;
  }
  register_waiter(waiter, key);
  return false;
}

void Contents::register_waiter(Waiter& waiter, const Key& key) {
  budget_.take(2 * cost(key, {}));
  waiter.keys.push_back(key);
  waiting_[key].push_back(&waiter);
  ++waiter.missing;
}

void Contents::forget(Waiter& waiter) {
  for (const Key& key : waiter.keys) {
    budget_.give_back(2 * cost(key, {}));
    const auto found = waiting_.find(key);
    if (found == waiting_.end()) continue;
    std::erase(found->second, &waiter);
    if (found->second.empty()) waiting_.erase(found);
  }
  waiter.keys.clear();
  waiter.missing = 0;
}

void Contents::seen(const Key& key) {
  const auto found = waiting_.find(key);
  if (found == waiting_.end()) return;
  const std::deque<Waiter*> waiters = std::move(found->second);
  waiting_.erase(found);
  for (Waiter* waiter : waiters) {
    if (--waiter->missing > 0) continue;
    forget(*waiter);
    waiter->wake();
  }
}

void Contents::seen_by_one(const Key& key) {
  for (auto found = waiting_.find(key); found != waiting_.end(); found = waiting_.find(key)) {
    Waiter* first = found->second.front();
    found->second.pop_front();
    if (found->second.empty()) waiting_.erase(found);
    if (--first->missing > 0) continue;
    forget(*first);
    first->wake();
    return;
  }
}

}  // namespace lmf::train::launch::store
