#include "http/response_writer.hpp"

#include <charconv>
#include <ctime>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace lmf::http {
namespace {

constexpr std::pair<int, std::string_view> kReasons[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

void append_value(std::string& out, std::string_view value) {
  for (const char letter : value) out += static_cast<unsigned char>(letter) < 0x20 && letter != '\t' ? ' ' : letter;
}

}  // namespace

std::string_view reason_phrase(int status) {
  for (const auto& [number, phrase] : kReasons)
    if (number == status) return phrase;
  return "Status";
}

bool may_have_body(int status) { return status >= 200 && status != 204 && status != 304; }

void append_head(std::string& out, int status, const Fields& fields, int version, bool keep_alive, Framing framing,
                 std::optional<std::size_t> length) {
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\nDate: {}\r\n", status, reason_phrase(status), http_date());
  for (const auto& [name, value] : fields) {
    append_value(out, name);
    out += ": ";
    append_value(out, value);
    out += "\r\n";
  }
  if (framing == Framing::chunked) out += "Transfer-Encoding: chunked\r\n";
  if (framing == Framing::length && length) fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", *length);
  if (!keep_alive)
    out += "Connection: close\r\n";
  else if (version < 11)
    out += "Connection: keep-alive\r\n";
  out += "\r\n";
}

void append_chunk(std::string& out, std::string_view piece) {
  if (piece.empty()) return;  // it would be the last one
  char digits[16];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), piece.size(), 16);
  out.append(digits, end.ptr);
  out += "\r\n";
  out += piece;
  out += "\r\n";
}

std::string event_text(std::string_view text) {
  std::string event;
  event.reserve(text.size() + 10);
  for (std::size_t begin = 0;;) {
    const auto end = text.find('\n', begin);
    event += "data: ";
    event += text.substr(begin, end - begin);
    event += '\n';
    if (end == text.npos) break;
    begin = end + 1;
  }
  event += '\n';
  return event;
}

std::string_view http_date() {
  thread_local std::time_t second = 0;
  thread_local std::string text;
  if (const std::time_t now = std::time(nullptr); now != second || text.empty()) {
    second = now;
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    text = fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[parts.tm_wday], parts.tm_mday,
                       kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
  }
  return text;
}

}  // namespace lmf::http
