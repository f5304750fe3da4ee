#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <xxhash.h>

#include "data/token_store.hpp"
#include "data/token_store_format.hpp"
#include "lmf/error.hpp"

namespace lmf::data {

struct TokenStoreWriter::State {
  static constexpr std::size_t kBufferBytes = 1 << 20;

  AtomicFile file;
  std::vector<std::string> file_names;
  std::vector<StoreEntry> entries;
  std::string buffer;
  std::uint64_t written = 0, tokens = 0;

  State(const std::filesystem::path& path, std::vector<std::string> names) : file(path), file_names(std::move(names)) {}

  void write(const void* data, std::size_t bytes) {
    buffer.append(static_cast<const char*>(data), bytes);
    written += bytes;
    if (buffer.size() >= kBufferBytes) flush();
  }

  void flush() {
    file.write(buffer);
    buffer.clear();
  }
};

TokenStoreWriter::TokenStoreWriter(const std::filesystem::path& path, std::int64_t vocab_size,
                                   std::vector<std::string> file_names)
    : state_(std::make_unique<State>(path, std::move(file_names))) {
  StoreHeader header;
  header.vocab_size = static_cast<std::uint32_t>(vocab_size);
  state_->write(&header, sizeof header);
}

TokenStoreWriter::~TokenStoreWriter() = default;

void TokenStoreWriter::add(Example example, std::uint32_t file, std::uint64_t line, std::uint64_t record) {
  if (example.ids.size() != example.labels.size() || example.ids.size() > UINT32_MAX ||
      file >= state_->file_names.size()) {
    throw Error(fmt::format("An example with {} ids and {} labels of file {} cannot be stored.", example.ids.size(),
                            example.labels.size(), file),
                {}, kExitInternal);
  }
  state_->entries.push_back({state_->written, static_cast<std::uint32_t>(example.ids.size()), file, line, record});
  state_->write(example.ids.data(), example.ids.size_bytes());
  state_->write(example.labels.data(), example.labels.size_bytes());
  state_->tokens += example.ids.size();
}

std::int64_t TokenStoreWriter::size() const { return std::ssize(state_->entries); }

void TokenStoreWriter::finish(const std::string& notes) {
  const std::string text = nlohmann::json{{"files", state_->file_names}, {"notes", notes}}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace);
  StoreTrailer trailer{state_->written, state_->entries.size(), text.size(), state_->tokens, 0};

  std::string index(reinterpret_cast<const char*>(state_->entries.data()), state_->entries.size() * sizeof(StoreEntry));
  index += text;
  index.append(reinterpret_cast<const char*>(&trailer), sizeof trailer - sizeof trailer.checksum);
  trailer.checksum = XXH3_64bits(index.data(), index.size());
  state_->write(index.data(), index.size());
  state_->write(&trailer.checksum, sizeof trailer.checksum);
  state_->flush();
  state_->file.commit();
}

}  // namespace lmf::data
