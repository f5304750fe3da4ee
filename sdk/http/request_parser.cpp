#include "http/request_parser.hpp"

#include <algorithm>
#include <cctype>
#include <limits>
#include <optional>
#include <utility>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <fmt/format.h>

#include "http/target.hpp"

namespace lmf::http {
namespace {

namespace beast = boost::beast;
using Code = boost::system::error_code;

std::string lower(beast::string_view text) {
  std::string result(text.size(), '\0');
  std::transform(text.begin(), text.end(), result.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return result;
}

RequestParser::Failure explained(const Code& code, const RequestLimits& limits) {
  using beast::http::error;
  if (code == error::body_limit)
    return {413, fmt::format("the body is larger than the {} bytes that are taken", limits.body_bytes)};
  if (code == error::header_limit)
    return {431, fmt::format("the header is larger than the {} bytes that are taken", limits.header_bytes)};
  if (code == error::bad_version) return {505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
  return {400, "not a well-formed HTTP request: " + code.message()};
}

}  // namespace

class RequestParser::Machine final : public beast::http::basic_parser<true> {
 public:
  explicit Machine(const RequestLimits& limits) : limits_(limits) {
    header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(limits.header_bytes, 1 << 30)));
    body_limit(limits.body_bytes);
  }

  Request request;
  Failure failure;
  Stage stage = Stage::header;
  bool discards = false, expects_continue = false;

  /// Everything has come; header_done is reported all the same.
  bool ends() const { return ends_; }
  /// Of what has been read.
  std::size_t header_bytes() const { return header_bytes_; }
  void fail(int status, std::string what) {
    failure = {status, std::move(what)};
    stage = Stage::failed;
  }

 private:
  /// Ends Beast's work; the reason is in `failure`.
  void stop(int status, std::string what, Code& code) {
    fail(status, std::move(what));
    code = boost::system::errc::make_error_code(boost::system::errc::protocol_error);
  }

  void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target, int version,
                       Code& code) override {
    request.method.assign(method.data(), method.size());
    request.version = version;
    header_bytes_ = method.size() + target.size() + sizeof " HTTP/1.1\r\n";
    const std::string wrong = read_target({target.data(), target.size()}, request);
    if (!wrong.empty()) stop(400, wrong, code);
  }

  // Beast gives lines back as it reads them, so that its own limit bounds a line, not the header.
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value, Code& code) override {
    header_bytes_ += name.size() + value.size() + 4;
    if (header_bytes_ > limits_.header_bytes) {
      code = beast::http::error::header_limit;
      return;
    }
    if (++header_fields_ > limits_.header_fields)
      return stop(431, fmt::format("the header has more than {} fields", limits_.header_fields), code);
    if (stage != Stage::header) return;  // a trailer: it must not pass for a field of the header
    request.fields.emplace_back(lower(name), std::string(value.data(), value.size()));
  }

  void on_header_impl(Code& code) override {
    std::size_t hosts = 0;
    for (const auto& [name, value] : request.fields) {
      hosts += name == "host";
      if (name == "transfer-encoding" && !beast::iequals(value, "chunked"))
        return stop(501, "of the transfer codings only chunked is understood", code);
      if (name == "expect") {
        if (!beast::iequals(value, "100-continue")) return stop(417, "only 100-continue can be expected", code);
        expects_continue = request.version >= 11;
      }
    }
    // Who does not know which host was meant, or is told twice, may disagree with the proxy in front (RFC 9112, 3.2).
    if (hosts > 1 || (hosts == 0 && request.version >= 11))
      return stop(400, "a request of HTTP/1.1 has exactly one Host field", code);
    if (request.version < 11 && chunked()) return stop(400, "HTTP/1.0 has no chunked bodies", code);
    stage = Stage::header_done;
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) override { stage = Stage::body; }
  std::size_t on_body_impl(beast::string_view part, Code&) override { return take(part); }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, Code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view part, Code&) override { return take(part); }
  void on_finish_impl(Code&) override { ends_ = true; }
  // Needed by the base, never called for requests.
  void on_response_impl(int, beast::string_view, int, Code&) override {}

  std::size_t take(beast::string_view part) {
    if (!discards) request.body.append(part.data(), part.size());
    return part.size();
  }

  const RequestLimits& limits_;
  std::size_t header_bytes_ = 0, header_fields_ = 0;
  bool ends_ = false;
};

RequestParser::RequestParser(const RequestLimits& limits)
    : limits_(limits), machine_(std::make_unique<Machine>(limits_)) {}
RequestParser::~RequestParser() = default;

std::size_t RequestParser::feed(std::string_view bytes) {
  std::size_t used = 0;
  Machine& machine = *machine_;
  if (machine.stage == Stage::header_done) machine.stage = machine.ends() ? Stage::complete : Stage::body;
  while (machine.stage != Stage::complete && machine.stage != Stage::failed) {
    const auto rest = bytes.substr(used);
    if (rest.empty()) break;
    const Stage before = machine.stage;
    Code code;
    const std::size_t taken = machine.put(boost::asio::const_buffer(rest.data(), rest.size()), code);
    used += taken;
    if (code == beast::http::error::need_more && machine.stage != Stage::failed) {
      // A line of a chunk, or a trailer, that is longer than any header may be.
      if (taken == 0 && before == Stage::body && rest.size() > limits_.header_bytes)
        machine.fail(400, "a chunk's header is too long");
      break;
    }
    if (code) {
      if (machine.stage != Stage::failed) {
        auto [status, what] = explained(code, limits_);
        machine.fail(status, std::move(what));
      }
      break;
    }
    if (before == Stage::header && machine.stage == Stage::header_done) break;
    if (machine.ends()) machine.stage = Stage::complete;
  }
  if (machine.stage == Stage::header && machine.header_bytes() + bytes.size() - used > limits_.header_bytes) {
    auto [status, what] = explained(beast::http::error::header_limit, limits_);
    machine.fail(status, std::move(what));
  }
  return used;
}

RequestParser::Stage RequestParser::stage() const { return machine_->stage; }
const RequestParser::Failure& RequestParser::failure() const { return machine_->failure; }
Request& RequestParser::request() { return machine_->request; }
bool RequestParser::keep_alive() const { return machine_->keep_alive(); }
bool RequestParser::expects_continue() const { return machine_->expects_continue; }
bool RequestParser::has_body() const { return !machine_->ends(); }
void RequestParser::discard_body() { machine_->discards = true; }
void RequestParser::restart() { machine_ = std::make_unique<Machine>(limits_); }

}  // namespace lmf::http
