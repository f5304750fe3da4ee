// The bytes of a connection. The first byte says in what pieces they come.
#include <cstdint>
#include <string_view>

#include "http/request_parser.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using Stage = lmf::http::RequestParser::Stage;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t piece = 1 + data[0] % 64;
  lmf::http::RequestLimits limits;
  limits.header_bytes = 2048;
  limits.header_fields = 16;
  limits.body_bytes = 4096;
  lmf::http::RequestParser parser(limits);
  std::size_t begin = 0, come = 0;
  while (parser.stage() != Stage::failed) {
    if (parser.stage() == Stage::complete) {
      const auto& request = parser.request();
      if (request.body.size() > limits.body_bytes || request.fields.size() > limits.header_fields) __builtin_trap();
      if (request.path.empty() || (request.path != "*" && request.path.front() != '/')) __builtin_trap();
      if (request.path.find('\0') != request.path.npos || request.path.find("/../") != request.path.npos)
        __builtin_trap();
      parser.restart();
    }
    const Stage before = parser.stage();
    const std::size_t used = parser.feed(bytes.substr(begin, come - begin));
    if (used > come - begin) __builtin_trap();
    begin += used;
    if (used > 0 || parser.stage() != before) continue;
    if (come - begin > 2 * limits.header_bytes) __builtin_trap();  // what waits for more has a bound
    if (come == bytes.size()) break;
    come = std::min(bytes.size(), come + piece);
  }
  const auto& failure = parser.failure();
  if (parser.stage() == Stage::failed && (failure.status < 400 || failure.what.empty())) __builtin_trap();
  return 0;
}
