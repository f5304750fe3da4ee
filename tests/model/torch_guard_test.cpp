#include "model/torch_guard.hpp"

#include <array>
#include <new>
#include <string>
#include <system_error>

#include <doctest/doctest.h>
#include <torch/types.h>
#include <torch/utils.h>

using namespace lmf;

namespace {

struct Ending {
  int status;
  std::string text;
  bool operator==(const Ending&) const = default;
};

Ending end_of(const std::function<int()>& work) {
  std::array<char, 200> error{};
  const int status = model::guarded(work, Error("out of memory", "take less"), error.data(), error.size());
  return {status, error.data()};
}

}  // namespace

TEST_CASE("what libtorch throws is one line without its backtrace") {
  const auto wrong_shapes = [] {
    return static_cast<int>(torch::mm(torch::ones({2, 3}), torch::ones({2, 3})).size(0));
  };
  const Ending end = end_of(wrong_shapes);
  CHECK(end.status == kExitInternal);
  CHECK(end.text.starts_with("libtorch: mat1 and mat2 shapes cannot be multiplied"));
  CHECK(end.text.find('\n') == std::string::npos);
}

TEST_CASE("too little memory has its own sentence and next step, whoever says it") {
  const Ending expected{kExitFailed, "out of memory\n  take less"};
  CHECK(end_of([]() -> int { throw std::bad_alloc(); }) == expected);
  CHECK(end_of([] { return static_cast<int>(torch::empty({1LL << 58}).size(0)); }) == expected);
}

TEST_CASE("other errors keep their status, and nothing gets out") {
  CHECK(end_of([] { return 3; }) == Ending{3, ""});
  CHECK(end_of([]() -> int { throw Error("no model", "name one", kExitUsage); }) ==
        Ending{kExitUsage, "no model\n  name one"});
  CHECK(end_of([]() -> int { throw std::system_error(ENOSPC, std::generic_category()); }).status == kExitFailed);
  CHECK(end_of([]() -> int { throw std::runtime_error("odd"); }) == Ending{kExitInternal, "internal error: odd"});
  CHECK(end_of([]() -> int { throw 5; }).status == kExitInternal);
}
