#include "data/token_store.hpp"

#include <doctest/doctest.h>

#include <random>

#include "base/files.hpp"
#include "data/folder.hpp"

using namespace lmf::data;
using lmf::test::Folder;
using Ids = std::vector<std::int32_t>;

namespace {

void write_store(const std::filesystem::path& path) {
  TokenStoreWriter writer(path, 100, {"a.json", "b.json"});
  writer.add({Ids{1, 2, 3}, Ids{kIgnore, 2, 3}}, 0, 12, 5);
  writer.add({Ids{99}, Ids{99}}, 1, 7, 1);
  writer.add({Ids{0, 5}, Ids{kIgnore, kIgnore}}, 1, 1ull << 40, 1ull << 39);
  writer.finish("{\"read\": 3}");
}

/// Opens and reads everything.
void read_whole(const std::filesystem::path& path) {
  const TokenStore store = TokenStore::open(path);
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < store.size(); ++i) {
    const Example example = store[i];
    for (const std::int32_t id : example.ids) sum += id;
    for (const std::int32_t label : example.labels) sum += label;
    sum += static_cast<std::int64_t>(store.origin(i).size());
  }
  CHECK(sum != INT64_MIN);
}

}  // namespace

TEST_CASE("a store gives back what was written, with each example's origin") {
  const Folder folder;
  write_store(folder.path() / "store");
  const TokenStore store = TokenStore::open(folder.path() / "store");
  CHECK(store.size() == 3);
  CHECK(store.tokens() == 6);
  CHECK(store.longest() == 3);
  CHECK(store.vocab_size() == 100);
  CHECK(store.length(1) == 1);
  const Example first = store[0];
  CHECK(Ids(first.ids.begin(), first.ids.end()) == Ids{1, 2, 3});
  CHECK(Ids(first.labels.begin(), first.labels.end()) == Ids{kIgnore, 2, 3});
  CHECK(store[2].labels[1] == kIgnore);
  CHECK(store.origin(0) == "a.json:12 (record 5)");
  CHECK(store.origin(2) == "b.json:1099511627776 (record 549755813888)");
  CHECK(store.notes() == "{\"read\": 3}");
  CHECK_THROWS_AS(store[3], lmf::Error);
  CHECK_THROWS_AS(store[-1], lmf::Error);
}

TEST_CASE("an unfinished store leaves no file") {
  const Folder folder;
  { TokenStoreWriter(folder.path() / "store", 100, {"a"}).add({Ids{1}, Ids{1}}, 0, 1, 1); }
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("ids and labels of different length, and unknown files, are not written") {
  const Folder folder;
  TokenStoreWriter writer(folder.path() / "store", 100, {"a"});
  CHECK_THROWS_AS(writer.add({Ids{1, 2}, Ids{1}}, 0, 1, 1), lmf::Error);
  CHECK_THROWS_AS(writer.add({Ids{1}, Ids{1}}, 1, 1, 1), lmf::Error);
}

TEST_CASE("a store cut at any byte is refused") {
  const Folder folder;
  write_store(folder.path() / "store");
  const std::string good = lmf::read_file(folder.path() / "store");
  for (std::size_t length = 0; length < good.size(); ++length) {
    folder.write("cut", std::string_view(good).substr(0, length));
    CHECK_THROWS_AS(TokenStore::open(folder.path() / "cut"), lmf::Error);
  }
}

TEST_CASE("a changed byte is refused, or changes one id within the vocabulary; it never crashes") {
  const Folder folder;
  write_store(folder.path() / "store");
  const std::string good = lmf::read_file(folder.path() / "store");
  int refused = 0, tried = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int bit : {0, 3, 7}) {
      std::string changed = good;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      folder.write("changed", changed);
      ++tried;
      try {
        read_whole(folder.path() / "changed");
      } catch (const lmf::Error&) {
        ++refused;
      }
    }
  }
  MESSAGE(refused << " of " << tried << " changes were noticed");
  CHECK(refused > tried / 2);  // the header's spare bytes and small changes of ids are what is left
}

TEST_CASE("an id outside the vocabulary is noticed when its example is taken, with its origin") {
  const Folder folder;
  write_store(folder.path() / "store");
  std::string bytes = lmf::read_file(folder.path() / "store");
  bytes[64 + 3] = 0x7f;  // the high byte of the first id
  const auto path = folder.write("bad", bytes);
  const TokenStore store = TokenStore::open(path);
  CHECK_THROWS_WITH_AS(
      store[0], doctest::Contains("example 0 (a.json:12 (record 5)) holds a token outside the vocabulary"), lmf::Error);
  CHECK(store[1].ids[0] == 99);
}
