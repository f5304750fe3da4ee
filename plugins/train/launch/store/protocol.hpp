#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

/// The wire format of c10d's TCPStore (torch 2.13): a byte for the command, then its fields in the byte order of the
/// machine, strings and values as a 64-bit length and bytes. Commands have no framing: one unread field and the rest of
/// the stream is noise, which is why every violation ends its connection.
namespace lmf::train::launch::store {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "TCPStore sends integers as they lie in memory");

enum class Command : std::uint8_t {
  validate,
  set,
  compare_set,
  get,
  add,
  check,
  wait,
  num_keys,
  delete_key,
  append,
  multi_get,
  multi_set,
  cancel_wait,
  ping,
  queue_push,
  queue_pop,
  queue_length,
  list_keys,
  barrier,
};

inline constexpr std::uint32_t kMagic = 0x3C85F7CE;  ///< follows Command::validate, the first one of a connection
inline constexpr std::uint8_t kReady = 0, kNotReady = 1;
inline constexpr std::uint8_t kStopWaiting = 0, kWaitCancelled = 1;

// The first three are those of torch's own server.
inline constexpr std::uint64_t kMaxKeyLength = 8 * 1024;
inline constexpr std::uint64_t kMaxValueLength = 8 * 1024 * 1024;
inline constexpr std::uint64_t kMaxKeysPerCommand = 128 * 1024;
inline constexpr std::size_t kMaxReply = 64 * 1024 * 1024;  ///< of one multi_get or list_keys

using Key = std::string;
using Value = std::string;
using Keys = std::vector<Key>;

/// lmf's own addition, of which other clients and servers know nothing: a key that begins so stands for the client that
/// sets it, and has the value kGone once that one's connection has ended.
inline constexpr std::string_view kStoredPresence = "/lmf-present/";      ///< as the server has it
inline constexpr std::string_view kPresence = kStoredPresence.substr(1);  ///< as clients say it
inline constexpr std::string_view kGone = "gone";

/// Appends fields to a message.
class Message {
 public:
  Message() = default;
  explicit Message(Command command) { number(command); }
  template <class Number>
  Message& number(Number value) {
    const auto* bytes = reinterpret_cast<const char*>(&value);
    bytes_.append(bytes, sizeof value);
    return *this;
  }
  Message& text(std::string_view value) {
    number<std::uint64_t>(value.size());
    bytes_.append(value);
    return *this;
  }
  std::string take() { return std::move(bytes_); }
  std::size_t size() const { return bytes_.size(); }

 private:
  std::string bytes_;
};

}  // namespace lmf::train::launch::store
