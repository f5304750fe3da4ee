#include <doctest/doctest.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "base/paths.hpp"

namespace {

/// Sets or unsets an environment variable until the end of the scope.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~Variable() { old_ ? ::setenv(name_, old_->c_str(), 1) : ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

}  // namespace

TEST_CASE("the user's places follow XDG and fall back to the home folder") {
  const Variable home("HOME", "/home/ada");
  {
    const Variable cache("XDG_CACHE_HOME", "/big/cache"), data("XDG_DATA_HOME", nullptr);
    CHECK(lmf::user_cache_directory() == "/big/cache/lmf");
    CHECK(lmf::user_data_directory() == "/home/ada/.local/share/lmf");
  }
  const Variable cache("XDG_CACHE_HOME", nullptr), data("XDG_DATA_HOME", "/d");
  CHECK(lmf::user_cache_directory() == "/home/ada/.cache/lmf");
  CHECK(lmf::user_data_directory() == "/d/lmf");
  const Variable state("XDG_STATE_HOME", nullptr);
  CHECK(lmf::user_state_directory() == "/home/ada/.local/state/lmf");
}

TEST_CASE("relative values count as unset, so nothing is looked for in the current folder") {
  const Variable home("HOME", "/home/ada");
  const Variable cache("XDG_CACHE_HOME", "cache"), data("XDG_DATA_HOME", "");
  CHECK(lmf::user_cache_directory() == "/home/ada/.cache/lmf");
  CHECK(lmf::user_data_directory() == "/home/ada/.local/share/lmf");
}

TEST_CASE("without HOME the account's folder is used") {
  const Variable home("HOME", nullptr);
  CHECK(lmf::home_directory().is_absolute());
}
