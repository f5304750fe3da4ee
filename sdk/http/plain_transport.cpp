#include "http/transport.hpp"

namespace lmf::http {
namespace {

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(tcp::socket socket) : socket_(std::move(socket)) {}

  void handshake(std::function<void(const error_code&)> done) override { done({}); }
  void read_some(char* to, std::size_t size, Done done) override {
    socket_.async_read_some(asio::buffer(to, size), std::move(done));
  }
  void write_some(const char* from, std::size_t size, Done done) override {
    socket_.async_write_some(asio::buffer(from, size), std::move(done));
  }
  void end_sending(std::function<void()>) override {
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
  }
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  tcp::socket socket_;
};

}  // namespace

std::unique_ptr<Transport> plain_transport(tcp::socket socket) {
  return std::make_unique<PlainTransport>(std::move(socket));
}

}  // namespace lmf::http
