// The good plugin of the tests: answers with what it was given, fails as asked, and runs the host again as a launcher
// does.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "base/host.hpp"
#include "base/log.hpp"

namespace {

void print_host(const lmf_host_v1& host) {
  std::printf("size %u abi %u.%u level %d version %s program %s\n", host.size, host.abi_major, host.abi_minor,
              host.log_level, host.version, host.program_name);
  std::printf("executable %s\nlibrary %s\nshare %s\n", host.executable, host.library, host.share_directory);
  for (std::size_t i = 0; i < host.plugin_directory_count; ++i) std::printf("folder %s\n", host.plugin_directories[i]);
}

/// Runs the host again with the pin, `greet worker` in the given folder of plugins; its exit status.
int run_again(const lmf_host_v1& host, const std::string& folder) {
  std::string pin = lmf::pin_environment_entry(host);
  const pid_t child = ::fork();
  if (child == 0) {
    ::putenv(pin.data());
    ::execl(host.executable, host.program_name, "--plugin-dir", folder.c_str(), "greet", "worker", nullptr);
    ::_exit(125);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int fail(const std::string& how) {
  if (how == "usage") throw lmf::Error("greet.toml:3: name is 7, expected a text", "try `greet Ada`", lmf::kExitUsage);
  if (how == "internal") throw std::logic_error("the invariant broke");
  if (how == "system") throw std::system_error(ENOSPC, std::generic_category(), "writing");
  if (how == "unknown") throw 7;
  if (how == "long") throw lmf::Error(std::string(1 << 20, 'x'));
  return std::atoi(how.c_str());
}

int greet(const lmf::Invocation& call) {
  lmf::adopt_host(call.host);
  const std::vector<std::string> words(call.arguments.begin(), call.arguments.end());
  const std::string first = words.empty() ? "" : words[0];
  if (first == "host") return print_host(call.host), 0;
  if (first == "fail") return fail(words.at(1));
  if (first == "again") return run_again(call.host, words.at(1));
  if (first == "mood") {
    const char* mood = std::getenv("LMF_TEST_MOOD");
    return std::printf("%s\n", mood != nullptr ? mood : "none"), 0;
  }
  if (first == "log") {
    lmf::log::debug("a debug message");
    lmf::log::info("an info message");
    lmf::log::warn("a warning");
    return 0;
  }
  if (first == "threads") {  // still running when the process ends
    for (int i = 0; i < 4; ++i) std::thread([] { ::pause(); }).detach();
    return 3;
  }
  if (first == "stream") {  // what stays in a buffer of C++ when the command ends
    std::ios::sync_with_stdio(false);
    std::cout << "a stream's line\n";
    std::clog << "a word of the log\n";
    std::wcout << L"a wide line\n";
    return words.size() > 1 ? fail(words[1]) : 0;
  }
  std::printf("hello");
  for (const std::string& word : words) std::printf(" [%s]", word.c_str());
  if (std::getenv("LMF_PLUGIN_PIN") != nullptr) std::printf(" pinned");
  std::printf("\n");
  return 0;
}

}  // namespace

LMF_PLUGIN(greet)
