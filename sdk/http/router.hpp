#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"

namespace lmf::http {

class Responder;
using Handler = std::function<void(Responder)>;  ///< what is asked is responder.request()

/// Which handler answers what. A pattern is a path, or a prefix with "*" for all that may follow: "/v1/models/*".
/// The exact one wins over prefixes, a longer prefix over a shorter one. A GET route answers HEAD as well.
class Router {
 public:
  void add(std::string method, std::string pattern, Handler handler);

  struct Found {
    const Handler* handler = nullptr;  ///< null: 404, or 405 when `allowed` is not empty
    std::string_view pattern, tail;
    std::string allowed;  ///< "GET, HEAD, OPTIONS": what the path knows; filled when the method is not among it
  };
  Found find(std::string_view method, std::string_view path) const;

 private:
  struct Route {
    std::string method, pattern;
    bool prefix;
    Handler handler;
  };
  std::vector<Route> routes_;
};

}  // namespace lmf::http
