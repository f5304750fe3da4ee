// One plugin, built as differently from the host as its compiler can: what it uses of C++ is its own.
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "lmf/plugin.hpp"

namespace {

const char* built_with() {
#if defined(_GLIBCXX_DEBUG)
  return "debug";
#elif defined(_GLIBCXX_USE_CXX11_ABI) && !_GLIBCXX_USE_CXX11_ABI
  return "old-abi";
#elif defined(__clang__)
  return "clang";
#else
  return "plain";
#endif
}

int use(const lmf::Invocation& call) {
  std::map<std::string, std::vector<std::string>> words;
  for (const std::string word : call.arguments) words[word.substr(0, 1)].push_back(word);
  if (words.empty())
    throw lmf::Error("expected words, " + std::string(call.command), "for example: a b", lmf::kExitUsage);
  call.log(LMF_LOG_WARN, "logged by " + std::string(LMF_PLUGIN_NAME));
  for (const auto& [letter, some] : words) std::printf("%s%zu ", letter.c_str(), some.size());
  std::printf("%s %ld\n", built_with(), __cplusplus);
  return 5;
}

}  // namespace

LMF_PLUGIN(use)
