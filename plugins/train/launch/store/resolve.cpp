#include "train/launch/store/resolve.hpp"

#include <atomic>
#include <cstring>
#include <memory>
#include <thread>

#include <fmt/format.h>
#include <netdb.h>

namespace lmf::train::launch {
namespace {

struct Answer {
  std::atomic<bool> complete = false;
  int error = 0;
  std::vector<tcp::endpoint> endpoints;
};

void look_up(const std::string& host, std::uint16_t port, Answer& answer) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  answer.error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  for (const addrinfo* entry = found; entry; entry = entry->ai_next) {
    tcp::endpoint endpoint;
    if (entry->ai_addrlen > endpoint.capacity()) continue;
    endpoint.resize(entry->ai_addrlen);
    std::memcpy(endpoint.data(), entry->ai_addr, entry->ai_addrlen);
    answer.endpoints.push_back(endpoint);
  }
  if (found) ::freeaddrinfo(found);
  answer.complete = true;
}

template <class Kind = Error>
[[noreturn]] void unknown(const std::string& host, const std::string& why) {
  throw Kind(fmt::format("the name {} has no address: {}", host, why),
             "check the spelling (MASTER_ADDR, --rdzv-endpoint), /etc/hosts and the name server, or give a number");
}

}  // namespace

Task<std::vector<tcp::endpoint>> resolve(std::string host, std::uint16_t port, Time deadline,
                                         std::function<bool()> stopped) {
  error_code not_numeric;
  const auto numeric = asio::ip::make_address(host, not_numeric);
  if (!not_numeric) co_return std::vector<tcp::endpoint>{{numeric, port}};

  auto answer = std::make_shared<Answer>();
  std::thread([host, port, answer] { look_up(host, port, *answer); }).detach();
  asio::steady_timer pause(co_await asio::this_coro::executor);
  while (!answer->complete) {
    if (stopped()) unknown(host, "the look-up was stopped");
    if (Clock::now() >= deadline) unknown(host, "the name server does not answer");
    pause.expires_after(std::chrono::milliseconds(2));
    co_await pause.async_wait(asio::use_awaitable);
  }
  if (answer->endpoints.empty() && (answer->error == EAI_NONAME || answer->error == EAI_NODATA))
    unknown<NameUnknown>(host, ::gai_strerror(answer->error));
  if (answer->endpoints.empty()) unknown(host, ::gai_strerror(answer->error));
  co_return answer->endpoints;
}

}  // namespace lmf::train::launch
