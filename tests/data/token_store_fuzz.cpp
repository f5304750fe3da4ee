// A token store whose checksum is right, whatever else is wrong, and every example in it.
#include <cstdint>
#include <cstring>
#include <string>

#include <xxhash.h>

#include "data/token_store.hpp"
#include "data/token_store_format.hpp"
#include "lmf/error.hpp"
#include "support/fuzz_folder.hpp"

namespace {

void mend_checksum(std::string& store) {
  lmf::data::StoreTrailer trailer;
  if (store.size() < sizeof trailer) return;
  char* const end = store.data() + store.size();
  std::memcpy(&trailer, end - sizeof trailer, sizeof trailer);
  if (trailer.index_offset > store.size() - sizeof trailer) return;
  trailer.checksum =
      XXH3_64bits(store.data() + trailer.index_offset, store.size() - trailer.index_offset - sizeof trailer.checksum);
  std::memcpy(end - sizeof trailer, &trailer, sizeof trailer);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const lmf::test::FuzzFolder folder("token_store");
  std::string bytes(reinterpret_cast<const char*>(data), size);
  mend_checksum(bytes);
  folder.fill(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  try {
    const auto store = lmf::data::TokenStore::open(folder.file());
    for (std::int64_t i = 0; i < store.size(); ++i) {
      store.origin(i);
      if (std::ssize(store[i].ids) > store.longest()) __builtin_trap();
    }
  } catch (const lmf::Error&) {
  }
  return 0;
}
