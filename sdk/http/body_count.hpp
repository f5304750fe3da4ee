#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace lmf::http {

/// What one request's body takes of the room that all of them have. It goes with the body, so that a body that somebody
/// still holds counts although its client, or the server, has gone.
class BodyCount {
 public:
  using All = std::shared_ptr<std::atomic<std::size_t>>;

  explicit BodyCount(All all) : all_(std::move(all)) {}
  BodyCount(BodyCount&& other) noexcept : all_(other.all_), bytes_(std::exchange(other.bytes_, 0)) {}
  BodyCount& operator=(BodyCount&&) = delete;
  ~BodyCount() { *all_ -= bytes_; }

  void set(std::size_t bytes) {
    *all_ += bytes - bytes_;
    bytes_ = bytes;
  }

 private:
  const All all_;
  std::size_t bytes_ = 0;
};

}  // namespace lmf::http
