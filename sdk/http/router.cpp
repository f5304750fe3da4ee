#include "http/router.hpp"

#include <utility>

namespace lmf::http {

void Router::add(std::string method, std::string pattern, Handler handler) {
  const bool prefix = pattern.ends_with('*');
  routes_.push_back({std::move(method), std::move(pattern), prefix, std::move(handler)});
}

Router::Found Router::find(std::string_view method, std::string_view path) const {
  const auto fits = [&](const Route& route) {
    const std::string_view pattern = route.pattern;
    return route.prefix ? path.starts_with(pattern.substr(0, pattern.size() - 1)) : path == pattern;
  };
  const auto is_better = [](const Route& route, const Route* best) {
    if (best == nullptr || best->prefix != route.prefix) return best == nullptr || best->prefix;
    return route.pattern.size() > best->pattern.size();
  };
  const Route* best = nullptr;  // some route of the best pattern
  for (const Route& route : routes_)
    if (fits(route) && is_better(route, best)) best = &route;
  if (best == nullptr) return {};

  Found found;
  found.pattern = best->pattern;
  if (best->prefix) found.tail = path.substr(best->pattern.size() - 1);
  for (const Route& route : routes_) {
    if (route.pattern != best->pattern) continue;
    if (route.method == method || (route.method == "GET" && method == "HEAD")) {
      found.handler = &route.handler;
      return found;
    }
    found.allowed += route.method == "GET" ? "GET, HEAD, " : route.method + ", ";
  }
  found.allowed += "OPTIONS";
  return found;
}

}  // namespace lmf::http
