// https, spoken by the openssl program: a client that is not ours.
#include "http/stub_server.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <doctest/doctest.h>

#include "lmf/error.hpp"
#include "support/places.hpp"

using lmf::test::RawClient;
using lmf::test::StubServer;
using lmf::test::TemporaryFolder;
namespace http = lmf::http;

namespace {

std::string output_of(const std::string& command) {
  std::string output;
  FILE* const pipe = ::popen(command.c_str(), "r");
  for (int byte; (byte = std::fgetc(pipe)) != EOF;) output += static_cast<char>(byte);
  ::pclose(pipe);
  return output;
}

/// certificate.pem and key.pem; false where there is no openssl.
bool make_certificate(const std::filesystem::path& folder, const std::string& name,
                      const std::string& key = "ec -pkeyopt ec_paramgen_curve:prime256v1") {
  const auto file = [&](const char* ending) { return (folder / (name + ending)).string(); };
  return std::system(("openssl req -x509 -newkey " + key +
                      " -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout " +
                      file(".key") + " -out " + file(".pem") + " 2>/dev/null")
                         .c_str()) == 0;
}

std::string failure_of(const std::string& certificate, const std::string& key) {
  http::ServerSettings settings;
  settings.tls = http::TlsFiles{certificate, key};
  try {
    const http::Server server(std::move(settings), {});
  } catch (const lmf::Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("without OpenSSL, https is refused with a sentence" * doctest::skip(http::has_tls())) {
  CHECK(failure_of("a", "b") == "this lmf was built without OpenSSL and cannot encrypt");
}

TEST_CASE("https serves, keeps the connection, and a client that speaks http harms nobody" *
          doctest::skip(!http::has_tls())) {
  const TemporaryFolder folder;
  if (!make_certificate(folder.path(), "a")) {
    MESSAGE("not tested: there is no openssl program");
    return;
  }
  http::ServerSettings settings;
  settings.tls = http::TlsFiles{folder.path() / "a.pem", folder.path() / "a.key"};
  StubServer stub(std::move(settings));
  CHECK(stub.server.encrypted());
  auto wrong = stub.client();
  CHECK(wrong.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").to_the_end().find("hello") == std::string::npos);

  std::ofstream(folder.path() / "requests")
      << "GET /hello HTTP/1.1\r\nHost: x\r\n\r\nPOST /echo HTTP/1.1\r\nHost: x\r\n"
         "Connection: close\r\nContent-Length: 200000\r\n\r\n"
      << std::string(200000, 'y');
  const std::string client = "openssl s_client -quiet -verify_return_error -verify_hostname localhost -CAfile " +
                             (folder.path() / "a.pem").string() +
                             " -connect 127.0.0.1:" + std::to_string(stub.server.port());
  const std::string said = output_of(client + " -ign_eof < " + (folder.path() / "requests").string() + " 2>/dev/null");
  CHECK(said.find("\r\n\r\nhello") != said.npos);
  CHECK(said.ends_with("\r\n\r\n" + std::string(200000, 'y')));
  // Nothing older than TLS 1.2.
  CHECK(output_of(client + " -tls1_1 </dev/null 2>&1").find("Cipher is ECDHE") == std::string::npos);
}

TEST_CASE("certificates that cannot be used are refused by name" * doctest::skip(!http::has_tls())) {
  const TemporaryFolder folder;
  if (!make_certificate(folder.path(), "a") || !make_certificate(folder.path(), "b")) {
    MESSAGE("not tested: there is no openssl program");
    return;
  }
  const std::string a = folder.path() / "a", b = folder.path() / "b";
  CHECK(failure_of(a + ".none", a + ".key") ==
        "https needs its certificate: cannot read " + a + ".none: No such file or directory");
  CHECK(failure_of(a + ".pem", a + ".none") ==
        "https needs its key: cannot read " + a + ".none: No such file or directory");
  CHECK(failure_of(folder.path(), a + ".key").starts_with("https needs its certificate: cannot read "));
  CHECK(failure_of(a + ".key", a + ".key") ==
        "the certificate " + a + ".key cannot be used: it holds no PEM certificate");
  CHECK(failure_of(a + ".pem", a + ".pem") == "the key " + a + ".pem cannot be used: it holds no PEM key");
  std::ofstream(a + ".cut") << "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
                            << "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n";
  for (const std::string& failure : {failure_of(a + ".cut", a + ".key"), failure_of(a + ".pem", a + ".cut")}) {
    CHECK(failure.find(a + ".cut cannot be used: OpenSSL says '") != failure.npos);
    CHECK(failure.find("asio") == failure.npos);
    CHECK(failure.find("unsupported") == failure.npos);
  }
  REQUIRE(std::system(("openssl pkey -aes128 -passout pass:secret -in " + a + ".key -out " + a + ".locked").c_str()) ==
          0);
  CHECK(failure_of(a + ".pem", a + ".locked") == "the key " + a + ".locked cannot be used: it needs a passphrase");
  REQUIRE(make_certificate(folder.path(), "rsa", "rsa:2048"));
  const std::string rsa = folder.path() / "rsa.key";
  CHECK(failure_of(a + ".pem", rsa) == "the key " + rsa + " does not belong to the certificate " + a + ".pem");
  CHECK(failure_of(a + ".pem", b + ".key") == "the key " + b + ".key does not belong to the certificate " + a + ".pem");
  CHECK(failure_of(a + ".pem", a + ".key").empty());
}
