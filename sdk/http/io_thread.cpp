#include "http/io_thread.hpp"

#include <algorithm>
#include <iterator>

#include <netinet/tcp.h>

namespace lmf::http {
namespace {

/// How exact time-outs are. One timer walks over all connections: thousands of them cost microseconds, a timer for
/// each operation more than the operation.
constexpr std::chrono::milliseconds kTick{50};
/// Beyond the limit, so many are told that there are too many; any further ones are closed without a word.
constexpr std::size_t kCrowd = 64;

template <int Name>
using TcpOption = asio::detail::socket_option::integer<IPPROTO_TCP, Name>;

/// Events are small and must not wait for each other; a client whose machine has vanished is noticed: when it takes
/// nothing in `silence`, or, while nothing is sent to it, after 60 s and six probes of 10 s.
void prepare(tcp::socket& socket, std::chrono::milliseconds silence) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  socket.set_option(TcpOption<TCP_KEEPIDLE>(60), ignored);
  socket.set_option(TcpOption<TCP_KEEPINTVL>(10), ignored);
  socket.set_option(TcpOption<TCP_KEEPCNT>(6), ignored);
  socket.set_option(TcpOption<TCP_USER_TIMEOUT>(static_cast<int>(silence.count())), ignored);
}

}  // namespace

IoThread::IoThread(Shared& shared, std::size_t connection_limit)
    : shared_(shared), limit_(connection_limit), work_(context_.get_executor()), timer_(context_) {}

IoThread::~IoThread() {
  stop();
  for (const auto& connection : connections_) connection->close();
  connections_.clear();
}

void IoThread::start() {
  thread_ = std::thread([this] { context_.run(); });
}

void IoThread::stop() {
  context_.stop();
  if (thread_.joinable()) thread_.join();
}

void IoThread::welcome(tcp::socket socket) {
  prepare(socket, shared_.settings.limits.write);
  if (connections_.size() >= limit_) make_room();
  if (connections_.size() >= limit_ + kCrowd) return;
  auto connection =
      std::make_shared<Connection>(context_, std::move(socket), shared_, /*crowded=*/connections_.size() >= limit_);
  connections_.insert(connection);
  open_ = connections_.size();
  connection->start();
  if (!std::exchange(ticking_, true)) tick();
}

/// Of those that are owed nothing, the one that has been quiet for the longest time has to go.
void IoThread::make_room() {
  std::erase_if(connections_, [](const auto& connection) { return connection->closed(); });
  if (connections_.size() < limit_) return;
  const auto quieter = [](const auto& a, const auto& b) {
    if (a->is_owed_nothing() != b->is_owed_nothing()) return a->is_owed_nothing();
    return a->since() < b->since();
  };
  const auto quietest = std::min_element(connections_.begin(), connections_.end(), quieter);
  if (quietest == connections_.end() || !(*quietest)->is_owed_nothing()) return;
  (*quietest)->close();
  connections_.erase(quietest);
}

std::size_t IoThread::let_go() {
  std::size_t owed = 0;
  for (const auto& connection : connections_) {
    if (connection->is_owed_nothing()) connection->close();
    owed += !connection->done();
  }
  return owed;
}

void IoThread::tick() {
  const Time now = Clock::now();
  for (auto place = connections_.begin(); place != connections_.end();) {
    (*place)->tick(now);
    place = (*place)->closed() ? connections_.erase(place) : std::next(place);
  }
  open_ = connections_.size();
  ticking_ = !connections_.empty();  // an idle server does nothing at all
  if (!ticking_) return;
  timer_.expires_at(now + kTick);
  timer_.async_wait([this](const error_code& error) {
    if (!error) tick();
  });
}

}  // namespace lmf::http
