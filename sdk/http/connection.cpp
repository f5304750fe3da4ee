#include "http/connection.hpp"

#include <algorithm>
#include <exception>

#include <fmt/format.h>

#include "base/log.hpp"

namespace lmf::http {
namespace {

constexpr std::size_t kReadBytes = 4096, kReadBodyBytes = 64 * 1024;
/// How long a client that was told that the connection ends may take to close it: closed at once, bytes of its that
/// nobody read would take the answer with them (RFC 9112, section 9.6).
constexpr std::chrono::seconds kLinger{3};
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string address_of(const tcp::socket& socket) {
  error_code error;
  const auto peer = socket.remote_endpoint(error);
  return error ? std::string() : peer.address().to_string();
}

}  // namespace

Connection::Connection(asio::io_context& context, tcp::socket socket, Shared& shared, bool crowded)
    : context_(context),
      shared_(shared),
      crowded_(crowded),
      peer_(address_of(socket)),
      transport_(shared.tls ? shared.tls->transport(std::move(socket)) : plain_transport(std::move(socket))),
      parser_(shared.settings.limits.request),
      body_count_(shared.body_bytes) {}

void Connection::start() {
  deadline_ = since_ + shared_.settings.limits.header;
  transport_->handshake([self = shared_from_this()](const error_code& error) {
    if (self->closed()) return;
    if (error) {
      log::debug("http: no TLS with {}: {}", self->peer_, error.message());
      return self->close();
    }
    self->await_request();
  });
}

void Connection::await_request() {
  phase_ = Phase::reading;
  since_ = Clock::now();
  const Limits& limits = shared_.settings.limits;
  begun_ = !input_.empty();
  deadline_ = since_ + (first_ || begun_ ? limits.header : limits.idle);
  process();
  read_more();
}

void Connection::read_more() {
  if (reading_ || closed()) return;
  if (phase_ == Phase::answering && input_.size() >= shared_.settings.limits.pipelined_bytes) return;
  reading_ = true;
  const bool in_body = phase_ == Phase::reading && parser_.stage() == RequestParser::Stage::body;
  incoming_.resize(in_body ? kReadBodyBytes : kReadBytes);
  if (!in_body && incoming_.capacity() > kReadBodyBytes / 2) incoming_.shrink_to_fit();
  transport_->read_some(
      incoming_.data(), incoming_.size(),
      [self = shared_from_this()](const error_code& error, std::size_t count) { self->on_read(error, count); });
}

void Connection::on_read(const error_code& error, std::size_t count) {
  reading_ = false;
  if (closed()) return;
  if (error) {
    if (phase_ == Phase::answering) return client_gone();
    return close();
  }
  if (phase_ != Phase::lingering) input_.append(incoming_, 0, count);
  if (phase_ == Phase::reading) {
    if (!begun_) {
      begun_ = true;
      since_ = Clock::now();
      deadline_ = since_ + shared_.settings.limits.header;
    }
    process();
  }
  read_more();
}

void Connection::process() {
  using Stage = RequestParser::Stage;
  while (phase_ == Phase::reading) {
    const Stage before = parser_.stage();
    const std::size_t used = parser_.feed(input_);
    input_.erase(0, used);
    if (!takes_body()) return refuse(503, "the server is reading as much as it takes at once", {{"Retry-After", "1"}});
    switch (parser_.stage()) {
      case Stage::failed:
        return refuse(parser_.failure().status, parser_.failure().what);
      case Stage::header_done:
        check_header();
        break;
      case Stage::complete:
        return dispatch();
      case Stage::header:
      case Stage::body:
        if (used == 0 && parser_.stage() == before) return;
    }
  }
}

/// Whatever does not depend on the body is said before it is sent.
void Connection::check_header() {
  Request& request = parser_.request();
  request.peer = peer_;
  const ServerSettings& settings = shared_.settings;
  if (crowded_) return refuse(503, "the server has as many connections as it takes", {{"Retry-After", "1"}});
  if (!settings.root_path.empty() && request.path.starts_with(settings.root_path)) {
    const auto rest = std::string_view(request.path).substr(settings.root_path.size());
    if (rest.empty() || rest.front() == '/') request.path = rest.empty() ? "/" : std::string(rest);
  }
  found_ = shared_.router.find(request.method, request.path);
  request.route = found_.pattern;
  request.tail = found_.tail;
  if (settings.gate) refusal_ = settings.gate(request);
  if (!refusal_ && found_.handler == nullptr) {
    if (request.method == "OPTIONS" && (!found_.allowed.empty() || request.path == "*")) {
      refusal_ =
          Response::empty(204, {{"Allow", found_.allowed.empty() ? "GET, HEAD, POST, OPTIONS" : found_.allowed}});
    } else if (!found_.allowed.empty()) {
      refusal_ = explained(405, fmt::format("{} does not take {}", request.path, request.method));
      refusal_->fields.emplace_back("Allow", found_.allowed);
    } else {
      refusal_ = explained(404, fmt::format("there is nothing at {}", request.path));
    }
  }
  if (!parser_.has_body()) return;
  advanced_ = Clock::now();
  then_ = 0;
  deadline_ = advanced_ + settings.limits.body;
  if (refusal_) parser_.discard_body();
  if (!parser_.expects_continue() || !input_.empty()) return;
  if (refusal_) return answer_at_once(std::move(*refusal_));
  sending_ += kContinue;
  not_answer_ = kContinue.size();
  write_more();
}

/// What a request's body takes counts until nobody holds it. False when that is more than there is room for.
bool Connection::takes_body() {
  if (parser_.stage() == RequestParser::Stage::header) return true;
  body_count_.set(parser_.request().body.size());
  return *shared_.body_bytes <= shared_.settings.limits.bodies_bytes;
}

/// Whether a body that takes some of the scarce room comes too slowly: many that never end would leave none.
bool Connection::lags(Time now) {
  if (phase_ != Phase::reading || parser_.stage() != RequestParser::Stage::body) return false;
  const Limits& limits = shared_.settings.limits;
  const std::size_t bytes = parser_.request().body.size();
  if (bytes >= then_ + limits.advance_bytes) {
    advanced_ = now;
    then_ = bytes;
  }
  return bytes > 0 && now - advanced_ >= limits.advance && *shared_.body_bytes > limits.bodies_bytes / 2;
}

std::shared_ptr<Responder::Exchange> Connection::begin_exchange(bool keep_alive) {
  phase_ = Phase::answering;
  since_ = Clock::now();
  deadline_ = writing_ ? since_ + shared_.settings.limits.write : Time::max();
  ended_ = false;
  first_ = false;
  exchange_ = std::make_shared<Responder::Exchange>(
      context_, *this, std::move(parser_.request()), std::move(body_count_),
      Responder::Exchange::Terms{keep_alive, shared_.settings.limits.unsent_bytes, &shared_.settings});
  return exchange_;
}

void Connection::dispatch() {
  const bool keep_alive = parser_.keep_alive() && !shared_.draining;
  const auto exchange = begin_exchange(keep_alive);
  if (refusal_) {
    Response response = std::move(*refusal_);
    refusal_.reset();
    exchange->send(std::move(response));
    return;
  }
  const Responder responder = Responder::Exchange::responder(exchange);
  try {
    (*found_.handler)(responder);
  } catch (const std::exception& failure) {
    log::error("{} {} failed: {}", exchange->request().method, exchange->request().path, failure.what());
    exchange->send(explained(500, "the server failed to answer"));
  }
}

Response Connection::explained(int status, std::string what) const {
  const auto& explain = shared_.settings.explain;
  return explain ? explain({status, what}) : Response::text(status, what + "\n");
}

void Connection::refuse(int status, std::string what, Fields fields) {
  Response response = explained(status, std::move(what));
  response.fields.insert(response.fields.end(), fields.begin(), fields.end());
  answer_at_once(std::move(response));
}

/// Without waiting for the rest of the request, which ends the connection.
void Connection::answer_at_once(Response response) {
  refusal_.reset();
  begin_exchange(false)->send(std::move(response));
}

void Connection::flush() {
  if (!exchange_) return;
  const auto taken = exchange_->take(unsent_);
  if (taken.cut) return client_gone();
  ended_ = taken.ended;
  if (!writing_) write_more();
}

void Connection::write_more() {
  if (sent_ == sending_.size()) {
    sending_.clear();
    sending_.swap(unsent_);
    sent_ = 0;
  }
  if (sending_.empty()) {
    if (ended_ && exchange_) answer_done();
    return;
  }
  writing_ = true;
  if (phase_ == Phase::answering) deadline_ = Clock::now() + shared_.settings.limits.write;
  transport_->write_some(
      sending_.data() + sent_, sending_.size() - sent_,
      [self = shared_from_this()](const error_code& error, std::size_t count) { self->on_written(error, count); });
}

void Connection::on_written(const error_code& error, std::size_t count) {
  writing_ = false;
  if (closed()) return;
  if (error) return phase_ == Phase::answering ? client_gone() : close();
  sent_ += count;
  const std::size_t other = std::min(count, not_answer_);
  not_answer_ -= other;
  if (phase_ == Phase::answering) {
    deadline_ = Time::max();
    exchange_->sent(count - other);
  }
  write_more();
}

void Connection::answer_done() {
  report(exchange_->is_whole());
  const bool keep_alive = exchange_->keep_alive() && !shared_.draining;
  exchange_->detach(false);
  exchange_.reset();
  ended_ = false;
  if (!keep_alive) return linger();
  parser_.restart();
  await_request();
}

void Connection::client_gone() {
  report(false);
  close();
}

void Connection::report(bool complete) {
  if (!exchange_ || !shared_.settings.answered) return;
  shared_.settings.answered({exchange_->request(), exchange_->status(), complete, Clock::now() - exchange_->began()});
}

void Connection::linger() {
  phase_ = Phase::lingering;
  since_ = Clock::now();
  deadline_ = since_ + kLinger;
  input_.clear();
  transport_->end_sending([self = shared_from_this()] {});
  read_more();
}

void Connection::tick(Time now) {
  if (phase_ == Phase::answering && exchange_->wants_ping(now, shared_.settings.limits.ping)) exchange_->ping();
  if (lags(now)) return refuse(408, "the rest of the request came too slowly, while many others were being read");
  if (now < deadline_ || closed()) return;
  if (phase_ == Phase::answering) return client_gone();  // takes nothing of what is sent to it
  if (phase_ == Phase::reading && begun_) return refuse(408, "the rest of the request did not come in time");
  close();
}

void Connection::close() {
  if (closed()) return;
  phase_ = Phase::closed;
  if (exchange_) exchange_->detach(true);
  exchange_.reset();
  transport_->close();
}

}  // namespace lmf::http
