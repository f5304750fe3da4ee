#include "http/transport.hpp"
#include "lmf/error.hpp"

#ifdef LMF_HTTP_TLS

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <fmt/format.h>

#include "base/files.hpp"

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
    // Without this a key with a passphrase would ask at the terminal.
    context_.set_password_callback([](std::size_t, ssl::context::password_purpose) { return std::string(); });
    const std::string certificate = pem_of("certificate", files.certificate, "CERTIFICATE-----");
    const std::string key = pem_of("key", files.key, "PRIVATE KEY-----");
    error_code error;
    context_.use_certificate_chain(asio::buffer(certificate), error);
    if (error) fail("certificate", files.certificate, openssl_reason(error));
    context_.use_private_key(asio::buffer(key), ssl::context::pem, error);
    // Errors of X.509 come of comparing it with the certificate.
    if (error && ERR_GET_LIB(static_cast<unsigned long>(error.value())) != ERR_LIB_X509)
      fail("key", files.key, key.find("ENCRYPTED") == key.npos ? openssl_reason(error) : "it needs a passphrase");
    // A key of another type than the certificate's was taken without an error.
    if (error || ::SSL_CTX_check_private_key(context_.native_handle()) != 1)
      throw Error(fmt::format("the key {} does not belong to the certificate {}", files.key, files.certificate),
                  "give the two files that were made together", kExitFailed);
  }
  std::unique_ptr<Transport> transport(tcp::socket socket) override {
    return std::make_unique<TlsTransport>(std::move(socket), context_);
  }

 private:
  /// The file's text, in which a line ends with `mark`.
  static std::string pem_of(const char* what, const std::string& file, const char* mark) {
    std::string text;
    try {
      text = read_file(file, std::uint64_t{1} << 20);
    } catch (const Error& error) {
      throw Error(fmt::format("https needs its {}: {}", what, error.what()), error.hint(), kExitFailed);
    }
    if (text.find(mark) == text.npos) fail(what, file, fmt::format("it holds no PEM {}", what));
    return text;
  }
  /// Boost tells the first of OpenSSL's errors, or one that it makes up; what is left of them says more.
  static std::string openssl_reason(const error_code& error) {
    const char* reason = ::ERR_reason_error_string(::ERR_peek_error());
    return fmt::format("OpenSSL says '{}'", reason != nullptr ? reason : error.message());
  }
  [[noreturn]] static void fail(const char* what, const std::string& file, const std::string& why) {
    throw Error(fmt::format("the {} {} cannot be used: {}", what, file, why),
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
