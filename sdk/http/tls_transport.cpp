#include "http/transport.hpp"
#include "lmf/error.hpp"

#ifdef LMF_HTTP_TLS

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <fmt/format.h>

namespace lmf::http {
namespace {

namespace ssl = asio::ssl;

class TlsTransport final : public Transport {
 public:
  TlsTransport(tcp::socket socket, ssl::context& context) : stream_(std::move(socket), context) {}

  void handshake(std::function<void(const error_code&)> done) override {
    stream_.async_handshake(ssl::stream_base::server, std::move(done));
  }
  void read_some(char* to, std::size_t size, Done done) override {
    stream_.async_read_some(asio::buffer(to, size), std::move(done));
  }
  void write_some(const char* from, std::size_t size, Done done) override {
    stream_.async_write_some(asio::buffer(from, size), std::move(done));
  }
  void end_sending(std::function<void()> done) override {
    stream_.async_shutdown([done = std::move(done)](const error_code&) { done(); });
  }
  void close() override {
    error_code ignored;
    stream_.next_layer().close(ignored);
  }

 private:
  ssl::stream<tcp::socket> stream_;
};

class Setup final : public TlsSetup {
 public:
  explicit Setup(const TlsFiles& files) : context_(ssl::context::tls_server) {
    context_.set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                         ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1 | SSL_OP_NO_RENEGOTIATION);
    error_code error;
    context_.use_certificate_chain_file(files.certificate, error);
    if (error) fail("the certificate", files.certificate, error);
    // Without this a key with a passphrase would ask at the terminal.
    context_.set_password_callback([](std::size_t, ssl::context::password_purpose) { return std::string(); });
    context_.use_private_key_file(files.key, ssl::context::pem, error);
    const int reason = ERR_GET_REASON(static_cast<unsigned long>(error.value()));
    if (error && (reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH))
      throw Error(fmt::format("the key {} does not belong to the certificate {}", files.key, files.certificate),
                  "give the two files that were made together", kExitFailed);
    if (error) fail("the key", files.key, error);
  }
  std::unique_ptr<Transport> transport(tcp::socket socket) override {
    return std::make_unique<TlsTransport>(std::move(socket), context_);
  }

 private:
  [[noreturn]] static void fail(const char* what, const std::string& file, const error_code& why) {
    throw Error(fmt::format("{} {} cannot be used: {}", what, file, why.message()),
                "it must be a PEM file that this user may read, the key without a passphrase", kExitFailed);
  }
  ssl::context context_;
};

}  // namespace

std::unique_ptr<TlsSetup> tls_setup(const TlsFiles& files) { return std::make_unique<Setup>(files); }
bool has_tls() { return true; }

}  // namespace lmf::http

#else

namespace lmf::http {

std::unique_ptr<TlsSetup> tls_setup(const TlsFiles&) {
  throw Error("this lmf was built without OpenSSL and cannot encrypt",
              "build it where libssl-dev is installed, or put a proxy that encrypts in front", kExitFailed);
}
bool has_tls() { return false; }

}  // namespace lmf::http

#endif
