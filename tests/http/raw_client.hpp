#pragma once

#include <algorithm>
#include <cctype>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace lmf::test {

struct RawAnswer {
  int status = 0;
  std::map<std::string, std::string> fields;  // names in lower case
  std::string body;                           // chunks joined
  bool whole = false;                         // the connection did not end before
};

/// A socket that says to a server exactly what it is told to, and reads what comes. A read that takes half a minute is
/// a hang, and throws.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port, int receive_buffer = 0)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{30, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (receive_buffer > 0) ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("the server does not listen");
  }
  ~RawClient() { leave(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  RawClient& send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) break;  // the server has closed: what it said can still be read
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return *this;
  }
  void end_sending() { ::shutdown(socket_, SHUT_WR); }
  void leave() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

  /// The next answer. `bodyless`: to a HEAD request.
  RawAnswer answer(bool bodyless = false) {
    RawAnswer result;
    const std::string head = until("\r\n\r\n");
    if (head.empty()) return result;
    result.status = std::stoi(head.substr(head.find(' ') + 1));
    for (std::size_t begin = head.find("\r\n") + 2; begin + 2 < head.size();) {
      const auto end = head.find("\r\n", begin), colon = head.find(": ", begin);
      std::string name = head.substr(begin, colon - begin);
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
      result.fields[name] = head.substr(colon + 2, end - colon - 2);
      begin = end + 2;
    }
    result.whole = true;
    if (bodyless || result.status == 204 || result.status == 100) return result;
    if (result.fields.count("content-length") > 0) {
      result.body = exactly(std::stoul(result.fields["content-length"]), result.whole);
    } else if (result.fields.count("transfer-encoding") > 0) {
      for (;;) {
        const std::string size = until("\r\n");
        const auto bytes = size.empty() ? 0 : std::stoul(size, nullptr, 16);
        result.whole = !size.empty();
        result.body += exactly(bytes, result.whole);
        until("\r\n");
        if (bytes == 0) break;
      }
    } else {
      result.body = to_the_end();
    }
    return result;
  }

  /// Up to and with `mark`; "" when the connection ends before.
  std::string until(std::string_view mark) {
    for (;;) {
      if (const auto place = come_.find(mark); place != come_.npos) return take(place + mark.size());
      if (!more()) return {};
    }
  }
  std::string to_the_end() {
    while (more()) {
    }
    return take(come_.size());
  }

 private:
  bool more() {
    char bytes[65536];
    const ssize_t count = ::recv(socket_, bytes, sizeof bytes, 0);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) throw std::runtime_error("the server says nothing");
    if (count > 0) come_.append(bytes, static_cast<std::size_t>(count));
    return count > 0;
  }
  std::string exactly(std::size_t size, bool& whole) {
    while (come_.size() < size && more()) {
    }
    whole = whole && come_.size() >= size;
    return take(std::min(size, come_.size()));
  }
  std::string take(std::size_t size) {
    std::string taken = come_.substr(0, size);
    come_.erase(0, size);
    return taken;
  }

  int socket_;
  std::string come_;
};

}  // namespace lmf::test
