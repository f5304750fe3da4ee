#include "http/target.hpp"

#include <algorithm>

namespace lmf::http {
namespace {

constexpr std::size_t kMostParameters = 100;

int hexadecimal(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  const char lower = static_cast<char>(digit | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool is_control(char letter) { return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f; }

/// What comes after the scheme and host of an absolute target; its path may be empty, and is "/" then.
std::string_view without_authority(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const auto end = std::min(target.find_first_of("/?", scheme.size()), target.size());
    return target.substr(end);
  }
  return target;
}

bool climbs(std::string_view path) {
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto segment = path.substr(begin, end - begin);
    if (segment == "." || segment == "..") return true;
    begin = end + 1;
  }
  return false;
}

std::string read_query(std::string_view query, Fields& parameters) {
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (part.empty()) continue;
    if (parameters.size() == kMostParameters) return "the query has more than 100 parameters";
    const auto equals = std::min(part.find('='), part.size());
    auto name = percent_decoded(part.substr(0, equals), true);
    auto value = percent_decoded(part.substr(std::min(equals + 1, part.size())), true);
    if (!name || !value) return "a '%' in the query is not followed by two hexadecimal digits";
    parameters.emplace_back(std::move(*name), std::move(*value));
  }
  return {};
}

}  // namespace

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += plus_is_space && text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hexadecimal(text[i + 1]) : -1;
    const int low = high < 0 ? -1 : hexadecimal(text[i + 2]);
    if (low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

std::string read_target(std::string_view target, Request& request) {
  request.query.clear();
  if (target == "*" && request.method == "OPTIONS") {
    request.path = "*";
    return {};
  }
  const auto rest = without_authority(target);
  const bool absolute = rest.size() < target.size();
  target = rest;
  const auto mark = std::min(target.find('?'), target.size());
  auto path = percent_decoded(target.substr(0, mark), false);
  if (!path) return "a '%' in the path is not followed by two hexadecimal digits";
  if (absolute && path->empty()) *path = "/";
  if (!path->starts_with('/')) return "the path does not begin with '/'";
  if (std::any_of(path->begin(), path->end(), is_control)) return "the path has a control character";
  if (climbs(*path)) return "the path has a '.' or '..' segment";
  request.path = std::move(*path);
  return read_query(target.substr(std::min(mark + 1, target.size())), request.query);
}

}  // namespace lmf::http
