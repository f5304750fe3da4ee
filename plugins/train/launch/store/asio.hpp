#pragma once

// The parts of Boost.Asio that store/ and rendezvous/ speak in; one narrow list keeps each file's compilation short.
// <utility> first: Boost 1.74 forgets it.
#include <chrono>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace lmf::train::launch {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;
template <class T>
using Task = asio::awaitable<T>;
using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

}  // namespace lmf::train::launch
