// The C++ face: nothing leaves a plugin but text and a status.
#include <doctest/doctest.h>

#include <array>
#include <filesystem>
#include <string>

#include "lmf/plugin.hpp"

namespace {

int fails_as_asked(const lmf::Invocation& call) {
  const std::string_view how = call.arguments.empty() ? "" : call.arguments[0];
  if (how == "error") throw lmf::Error("what failed", "what to do", 2);
  if (how == "bare error") throw lmf::Error("what failed");
  if (how == "system") std::filesystem::create_directory("/proc/none/none");
  if (how == "memory") throw std::bad_alloc();
  if (how == "bug") throw std::out_of_range("index 7");
  if (how == "int") throw 7;
  return static_cast<int>(call.arguments.size());
}

struct Result {
  int status;
  std::string error;
};

Result run(std::initializer_list<const char*> words, std::size_t capacity = 256) {
  const lmf_host_v1 host{};
  std::array<char, 256> error{};
  const int status = lmf::detail::run<fails_as_asked>(&host, "c", static_cast<int>(words.size()), words.begin(),
                                                      error.data(), capacity);
  return {status, error.data()};
}

}  // namespace

TEST_CASE("a status is passed through") {
  CHECK(run({}).status == 0);
  CHECK(run({"a", "b"}).status == 2);
  CHECK(run({"a"}).error.empty());
}

TEST_CASE("every exception becomes text and a status") {
  CHECK(run({"error"}).status == 2);
  CHECK(run({"error"}).error == "what failed\n  what to do");
  CHECK(run({"bare error"}).status == lmf::kExitFailed);
  CHECK(run({"bare error"}).error == "what failed");
  CHECK(run({"system"}).status == lmf::kExitFailed);
  CHECK(run({"system"}).error.find("/proc/none") != std::string::npos);
  CHECK(run({"memory"}).status == lmf::kExitFailed);
  CHECK(run({"memory"}).error == "out of memory");
  CHECK(run({"bug"}).status == lmf::kExitInternal);
  CHECK(run({"bug"}).error == "internal error: index 7");
  CHECK(run({"int"}).status == lmf::kExitInternal);
}

TEST_CASE("a message is cut to the room there is, always with its end") {
  CHECK(run({"bare error"}, 5).error == "what");
  CHECK(run({"bare error"}, 1).error.empty());
  CHECK(run({"bare error"}, 0).status == lmf::kExitFailed);
}
