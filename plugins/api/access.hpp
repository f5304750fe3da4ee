#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"

namespace lmf::api {

/// In a time that depends on the lengths alone, so that nobody finds a key out letter by letter.
bool equal_in_constant_time(std::string_view a, std::string_view b);

/// Who may ask: with a key (Authorization: Bearer KEY, or X-Api-Key: KEY), and from which pages (CORS). Without a key,
/// a server for this machine alone answers to this machine's names only: a page whose name was made to mean 127.0.0.1
/// (DNS rebinding) counts as of the server's origin for a browser, and is told apart by nothing but the Host that it
/// asks.
class Access {
 public:
  /// `host`: what is listened on, API_HOST.
  Access(std::vector<std::string> keys, std::vector<std::string> origins, std::string host, bool open_metrics = false);

  /// A refusal, the answer to a page's preflight question, or nothing: go on.
  std::optional<http::Response> gate(const http::Request& request) const;
  /// What a browser needs to see before it hands an answer to the page.
  void decorate(const http::Request& request, http::Fields& fields) const;

 private:
  /// Whether a path needs no key.
  bool is_open(std::string_view path) const;
  bool has_key(const http::Request& request) const;
  bool allows_origin(std::string_view origin) const;
  bool allows_host(std::string_view host) const;
  std::vector<std::string> keys_, origins_;
  std::string host_;
  bool open_metrics_;
};

}  // namespace lmf::api
