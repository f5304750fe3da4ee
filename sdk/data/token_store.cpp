#include "data/token_store.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <xxhash.h>

#include "data/token_store_format.hpp"
#include "lmf/error.hpp"

namespace lmf::data {

namespace {

[[noreturn]] void damaged(const std::filesystem::path& path, const std::string& what) {
  throw Error(fmt::format("{} is no usable token store: {}.", path.string(), what),
              "Remove it, or run with overwrite_cache=true.");
}

template <class Record>
Record record_at(std::span<const std::byte> bytes, std::uint64_t offset) {
  Record record;
  std::memcpy(&record, bytes.data() + offset, sizeof record);
  return record;
}

}  // namespace

std::string shown_origin(const std::string& file, std::uint64_t line, std::uint64_t record) {
  return fmt::format("{}:{} (record {})", file, line, record);
}

struct TokenStore::Contents {
  MappedFile file;
  StoreHeader header;
  StoreTrailer trailer;
  std::span<const StoreEntry> entries;
  std::vector<std::string> file_names;
  std::string notes;
  std::int64_t longest = 0;

  explicit Contents(const std::filesystem::path& path) : file(path) {
    read_frame();
    read_entries();
    read_text();
  }

  /// Header and trailer, and that the index they speak of lies inside the file, unchanged.
  void read_frame() {
    const auto bytes = file.bytes();
    if (bytes.size() < sizeof header + sizeof trailer) damaged(file.path(), "it is too short");
    header = record_at<StoreHeader>(bytes, 0);
    if (header.magic != kStoreMagic) damaged(file.path(), "it does not begin as one");
    if (header.format != kStoreFormat)
      damaged(file.path(), fmt::format("its format is {}, this lmf reads {}", header.format, kStoreFormat));
    const std::uint64_t trailer_offset = bytes.size() - sizeof trailer;
    trailer = record_at<StoreTrailer>(bytes, trailer_offset);
    const bool fits = trailer.index_offset >= sizeof header && trailer.index_offset % alignof(StoreEntry) == 0 &&
                      trailer.index_offset <= trailer_offset &&
                      trailer.count <= (trailer_offset - trailer.index_offset) / sizeof(StoreEntry) &&
                      trailer.text_bytes == trailer_offset - trailer.index_offset - trailer.count * sizeof(StoreEntry);
    if (!fits) damaged(file.path(), "its index lies outside the file");
    const auto checked =
        bytes.subspan(trailer.index_offset, bytes.size() - trailer.index_offset - sizeof trailer.checksum);
    if (XXH3_64bits(checked.data(), checked.size()) != trailer.checksum)
      damaged(file.path(), "the checksum of its index is wrong");
  }

  /// Examples follow one another without gap from the header to the index.
  void read_entries() {
    const auto* first = reinterpret_cast<const StoreEntry*>(file.bytes().data() + trailer.index_offset);
    entries = {first, trailer.count};
    std::uint64_t end = sizeof header, tokens = 0;
    for (const StoreEntry& entry : entries) {
      const std::uint64_t bytes = std::uint64_t{entry.length} * 2 * sizeof(std::int32_t);
      if (entry.offset != end || bytes > trailer.index_offset - end)
        damaged(file.path(), "an example lies outside its place");
      end += bytes;
      tokens += entry.length;
      longest = std::max<std::int64_t>(longest, entry.length);
    }
    if (end != trailer.index_offset || tokens != trailer.tokens)
      damaged(file.path(), "its examples do not fill their place");
  }

  void read_text() {
    const auto* text =
        reinterpret_cast<const char*>(file.bytes().data() + trailer.index_offset + trailer.count * sizeof(StoreEntry));
    const auto json = nlohmann::json::parse(text, text + trailer.text_bytes, nullptr, false);
    if (!json.is_object() || !json.contains("files") || !json["files"].is_array() || !json.contains("notes") ||
        !json["notes"].is_string()) {
      damaged(file.path(), "its notes are no JSON of the expected form");
    }
    for (const auto& name : json["files"]) {
      if (!name.is_string()) damaged(file.path(), "a file name in it is no text");
      file_names.push_back(name);
    }
    notes = json["notes"];
    const auto known = [this](const StoreEntry& entry) { return entry.file < file_names.size(); };
    if (!std::all_of(entries.begin(), entries.end(), known))
      damaged(file.path(), "an example comes from a file that it does not name");
  }

  const StoreEntry& entry(std::int64_t index) const {
    if (index < 0 || static_cast<std::uint64_t>(index) >= entries.size()) {
      throw Error(fmt::format("Example {} was asked for; {} has {}.", index, file.path().string(), entries.size()), {},
                  kExitInternal);
    }
    return entries[static_cast<std::size_t>(index)];
  }
};

TokenStore::TokenStore(std::unique_ptr<Contents> contents) : contents_(std::move(contents)) {}
TokenStore::TokenStore(TokenStore&&) noexcept = default;
TokenStore& TokenStore::operator=(TokenStore&&) noexcept = default;
TokenStore::~TokenStore() = default;

TokenStore TokenStore::open(const std::filesystem::path& path) { return TokenStore(std::make_unique<Contents>(path)); }

std::int64_t TokenStore::size() const { return std::ssize(contents_->entries); }
std::int64_t TokenStore::tokens() const { return static_cast<std::int64_t>(contents_->trailer.tokens); }
std::int64_t TokenStore::longest() const { return contents_->longest; }
std::int64_t TokenStore::vocab_size() const { return contents_->header.vocab_size; }
std::int64_t TokenStore::length(std::int64_t index) const { return contents_->entry(index).length; }
const std::string& TokenStore::notes() const { return contents_->notes; }

Example TokenStore::operator[](std::int64_t index) const {
  const StoreEntry& entry = contents_->entry(index);
  const auto* first = reinterpret_cast<const std::int32_t*>(contents_->file.bytes().data() + entry.offset);
  const Example example{{first, entry.length}, {first + entry.length, entry.length}};
  const auto vocab_size = static_cast<std::int32_t>(contents_->header.vocab_size);
  bool sound = true;
  for (std::size_t i = 0; i < entry.length; ++i) {
    const std::int32_t id = example.ids[i], label = example.labels[i];
    sound &= id >= 0 && id < vocab_size && (label == kIgnore || (label >= 0 && label < vocab_size));
  }
  if (!sound)
    damaged(contents_->file.path(),
            fmt::format("example {} ({}) holds a token outside the vocabulary", index, origin(index)));
  return example;
}

std::string TokenStore::origin(std::int64_t index) const {
  const StoreEntry& entry = contents_->entry(index);
  return shown_origin(contents_->file_names[entry.file], entry.line, entry.record);
}

}  // namespace lmf::data
