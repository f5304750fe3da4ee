#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "train/launch/store/memory_budget.hpp"
#include "train/launch/store/protocol.hpp"

namespace lmf::train::launch::store {

/// Called once when everything that it waits for is there.
struct Waiter {
  std::size_t missing = 0;     ///< keys that have not been seen yet
  Keys keys;                   ///< under which it is registered
  std::function<void()> wake;  ///< must not throw: it runs in the command that brought the key
};

/// What a TCPStore holds, and who waits for what; knows nothing of sockets. Behaves as torch's server does, with its
/// size bounded: a command that would make it grow past the budget throws and changes nothing.
class Contents {
 public:
  Contents(std::size_t memory, std::size_t max_keys) : budget_(memory), max_keys_(max_keys) {}
  MemoryBudget& budget() { return budget_; }

  void set(const Key& key, Value value);
  /// Replaces the value if it is `expected`; creates the key if `expected` is empty. Returns what a get would say next,
  /// or `expected` when there is no such key: c10d's answer.
  Value compare_set(const Key& key, const Value& expected, Value desired);
  /// "" when there is no such key.
  const Value& get(const Key& key) const;
  /// The value is a decimal number (0 when there is none); returns the sum. Throws when it is none or overflows.
  std::int64_t add(const Key& key, std::int64_t amount);
  void append(const Key& key, const Value& more);
  bool erase(const Key& key);
  bool has_all(const Keys& keys) const;
  std::int64_t size() const { return static_cast<std::int64_t>(values_.size()); }
  Keys keys() const;

  void push(const Key& key, Value value);
  std::optional<Value> pop(const Key& key, std::int64_t& length_before);
  std::int64_t queue_length(const Key& key) const;

  /// False: all keys are there. True: the waiter is registered, and woken when the last missing one has come.
  bool wait(Waiter& waiter, const Keys& keys);
  /// Counts the caller in; true when it is the last of `size`, and the others are woken.
  bool arrive(Waiter& waiter, const Key& key, std::int64_t size);
  void forget(Waiter& waiter);

 private:
  void store(const Key& key, Value value);
  void seen(const Key& key);
  void seen_by_one(const Key& key);
  void register_waiter(Waiter& waiter, const Key& key);

  MemoryBudget budget_;
  const std::size_t max_keys_;
  std::unordered_map<Key, Value> values_;
  std::unordered_map<Key, std::deque<Value>> queues_;
  std::unordered_map<Key, std::deque<Waiter*>> waiting_;
};

}  // namespace lmf::train::launch::store
