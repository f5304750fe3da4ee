#include "http/exchange.hpp"

#include "base/log.hpp"
#include "http/connection.hpp"

namespace lmf::http {

constexpr std::string_view kPing = ": ping\n\n";

Responder::Exchange::Exchange(asio::io_context& context, Connection& connection, Request request, BodyCount body_count,
                              Terms terms)
    : context_(context),
      connection_(&connection),
      body_count_(std::move(body_count)),
      request_(std::move(request)),
      terms_(terms) {}

Responder Responder::Exchange::responder(const std::shared_ptr<Exchange>& self) {
  return Responder(std::shared_ptr<Exchange>(self.get(), [self](Exchange* exchange) { exchange->abandon(); }));
}

void Responder::Exchange::put_head(const Response& response, bool whole) {
  status_ = response.status;
  Fields fields = response.fields;
  const ServerSettings& settings = *terms_.settings;
  if (settings.decorate) settings.decorate(request_, fields);
  bodyless_ = request_.method == "HEAD" || !may_have_body(response.status);
  framing_ = whole ? Framing::length : request_.version >= 11 ? Framing::chunked : Framing::until_close;
  if (framing_ == Framing::until_close) terms_.keep_alive = false;
  const auto length = may_have_body(response.status) ? std::optional(response.body.size()) : std::nullopt;
  const std::size_t before = outbox_.size();
  append_head(outbox_, response.status, fields, request_.version, terms_.keep_alive, framing_, length);
  unsent_ += outbox_.size() - before;
  put(response.body);
}

void Responder::Exchange::put(std::string_view piece) {
  if (bodyless_) return;
  const std::size_t before = outbox_.size();
  if (framing_ == Framing::chunked)
    append_chunk(outbox_, piece);
  else
    outbox_ += piece;
  unsent_ += outbox_.size() - before;
}

bool Responder::Exchange::send(Response response) {
  std::unique_lock lock(mutex_);
  if (!is_open(State::waiting)) return false;
  put_whole(response, lock);
  return true;
}

void Responder::Exchange::put_whole(const Response& response, std::unique_lock<std::mutex>& lock) {
  put_head(response, true);
  state_ = State::ended;
  wake(lock);
}

bool Responder::Exchange::begin(Response response, bool events) {
  std::unique_lock lock(mutex_);
  if (!is_open(State::waiting)) return false;
  put_head(response, false);
  state_ = State::streaming;
  events_ = events;
  wake(lock);
  return true;
}

bool Responder::Exchange::write(std::string_view piece) {
  std::unique_lock lock(mutex_);
  if (!is_open(State::streaming) || cut_) return false;
  if (unsent_ + piece.size() > terms_.unsent_limit) {
    cut_ = true;
    wake(lock);
    return false;
  }
  put(piece);
  wake(lock);
  return true;
}

void Responder::Exchange::end() {
  std::unique_lock lock(mutex_);
  if (!is_open(State::streaming)) return;
  state_ = State::ended;
  if (framing_ == Framing::chunked && !bodyless_) {
    outbox_ += kLastChunk;
    unsent_ += kLastChunk.size();
  }
  wake(lock);
}

/// The last responder has gone.
void Responder::Exchange::abandon() {
  std::unique_lock lock(mutex_);
  if (is_open(State::streaming)) {
    // Without its end, which on a connection that goes on nobody could see.
    state_ = State::ended;
    terms_.keep_alive = whole_ = false;
    wake(lock);
  } else if (is_open(State::waiting)) {
    log::warn("{} {} was left without an answer", request_.method, request_.path);
    const auto& explain = terms_.settings->explain;
    const Refusal refusal{500, "the server failed to answer"};
    put_whole(explain ? explain(refusal) : Response::text(refusal.status, refusal.what + "\n"), lock);
  }
}

void Responder::Exchange::when_gone(std::function<void()> then) {
  {
    const std::lock_guard lock(mutex_);
    if (!gone_) {
      if (connection_ != nullptr) then_gone_ = std::move(then);
      return;
    }
  }
  then();
}

void Responder::Exchange::wake(std::unique_lock<std::mutex>& lock) {
  if (woken_) return;
  woken_ = true;
  if (!context_.get_executor().running_in_this_thread()) {
    // Under the lock: detach() cannot pass, so the connection and its context are there.
    asio::post(context_, [self = shared_from_this()] {
      // On the connection's thread, where alone it is detached.
      if (self->connection_ != nullptr) self->connection_->flush();
    });
    return;
  }
  Connection* const connection = connection_;
  lock.unlock();
  connection->flush();
}

Responder::Exchange::Taken Responder::Exchange::take(std::string& out) {
  const std::lock_guard lock(mutex_);
  woken_ = false;
  if (!outbox_.empty()) last_output_ = Clock::now();
  if (out.empty())
    out.swap(outbox_);
  else
    out += outbox_;
  outbox_.clear();
  return {state_ == State::ended, cut_};
}

bool Responder::Exchange::wants_ping(Time now, std::chrono::milliseconds after) const {
  const std::lock_guard lock(mutex_);
  return events_ && state_ == State::streaming && unsent_ == 0 && now - last_output_ >= after;
}

void Responder::Exchange::ping() { write(kPing); }

void Responder::Exchange::detach(bool client_gone) {
  std::function<void()> then;
  {
    const std::lock_guard lock(mutex_);
    connection_ = nullptr;
    gone_ = client_gone;
    then.swap(then_gone_);
  }
  if (client_gone && then) then();
}

bool Responder::send(Response response) const { return exchange_->send(std::move(response)); }
bool Responder::begin(Response response) const { return exchange_->begin(std::move(response), false); }
bool Responder::write(std::string_view piece) const { return exchange_->write(piece); }
void Responder::end() const { exchange_->end(); }
bool Responder::event(std::string_view text) const { return exchange_->write(event_text(text)); }
void Responder::when_gone(std::function<void()> then) const { exchange_->when_gone(std::move(then)); }
bool Responder::gone() const { return exchange_->gone(); }
std::size_t Responder::unsent_bytes() const { return exchange_->unsent(); }
const Request& Responder::request() const { return exchange_->request(); }

bool Responder::begin_events(Fields fields) const {
  // no-cache and the last one: proxies (nginx) would hold events back until there are many.
  fields.insert(fields.begin(),
                {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}});
  return exchange_->begin({200, std::move(fields), {}}, true);
}

}  // namespace lmf::http
