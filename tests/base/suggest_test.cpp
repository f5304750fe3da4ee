#include <doctest/doctest.h>

#include "base/suggest.hpp"

using Names = std::vector<std::string>;

TEST_CASE("one slip finds the command, an unrelated word finds nothing") {
  const Names known = {"train", "export", "webui", "env", "api", "chat", "webchat"};
  CHECK(lmf::suggest("trian", known) == Names{"train"});
  CHECK(lmf::suggest("expor", known) == Names{"export"});
  CHECK(lmf::suggest("web-ui", known) == Names{"webui"});
  CHECK(lmf::suggest("tarin", known) == Names{"train"});
  CHECK(lmf::suggest("chta", known) == Names{"chat"});
  CHECK(lmf::suggest("TRAIN", known) == Names{"train"});
  CHECK(lmf::suggest("Trian", known) == Names{"train"});
  CHECK(lmf::suggest("xyzzy", known).empty());
  CHECK(lmf::suggest("", known).empty());
  CHECK(lmf::suggest("--", Names{"--help", "--version"}).empty());
  CHECK(lmf::suggest("train", Names{}).empty());
}

TEST_CASE("a word that begins names gives those names, ties in the order given") {
  CHECK(lmf::suggest("web", Names{"webui", "webchat"}) == Names{"webui", "webchat"});
  CHECK(lmf::suggest("bat", Names{"cat", "hat", "house"}) == Names{"cat", "hat"});
}

TEST_CASE("the limit grows with the word but never above three") {
  CHECK(lmf::suggest("ab", Names{"cd"}).empty());
  CHECK(lmf::suggest("per_device_train_batch_zise", Names{"per_device_train_batch_size"}).size() == 1);
  CHECK(lmf::suggest("abcdefghijklmnop", Names{"abcdefghijklWXYZ"}).empty());
}

TEST_CASE("a hostile word costs nothing") { CHECK(lmf::suggest(std::string(1 << 20, 'a'), Names{"train"}).empty()); }

TEST_CASE("the sentence names one, two or three candidates") {
  CHECK(lmf::did_you_mean("trian", Names{"train"}) == " Did you mean 'train'?");
  CHECK(lmf::did_you_mean("bat", Names{"cat", "hat"}) == " Did you mean 'cat' or 'hat'?");
  CHECK(lmf::did_you_mean("bat", Names{"cat", "hat", "mat"}) == " Did you mean 'cat', 'hat' or 'mat'?");
  CHECK(lmf::did_you_mean("zzzz", Names{"train"}).empty());
}
