#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/files.hpp"

namespace lmf::data {

inline constexpr std::int32_t kIgnore = -100;  ///< label of a token that takes no part in the loss

/// One training example as the trainer sees it.
struct Example {
  std::span<const std::int32_t> ids;     ///< [T]
  std::span<const std::int32_t> labels;  ///< [T], kIgnore where masked; not shifted
};

/// "identity.json:12 (record 3)": a record of a data file, for messages.
std::string shown_origin(const std::string& file, std::uint64_t line, std::uint64_t record);

/// Tokenised examples in one memory-mapped file, shared by every process that maps it. The file, all little-endian:
/// header (magic, format, vocabulary size); for each example its ids [T] then its labels [T]; the index (offset of each
/// example, its file, line and record, names of the files, notes); trailer (sizes and the index's checksum). open()
/// checks everything but ids and labels; those are checked when an example is taken, so that opening never reads the
/// data.
class TokenStore {
 public:
  /// Throws Error saying what is wrong with the file.
  static TokenStore open(const std::filesystem::path& path);
  TokenStore(TokenStore&&) noexcept;
  TokenStore& operator=(TokenStore&&) noexcept;
  ~TokenStore();

  std::int64_t size() const;
  std::int64_t tokens() const;      ///< of all examples
  std::int64_t longest() const;     ///< tokens of the longest example
  std::int64_t vocab_size() const;  ///< every id is below this
  std::int64_t length(std::int64_t index) const;
  /// Throws Error when the example holds an id outside the vocabulary: the file is damaged.
  Example operator[](std::int64_t index) const;
  std::string origin(std::int64_t index) const;  ///< as shown_origin() gives it
  const std::string& notes() const;              ///< what the writer left (JSON of the report)

 private:
  struct Contents;
  explicit TokenStore(std::unique_ptr<Contents>);
  std::unique_ptr<Contents> contents_;
};

/// Writes a store in the order of add(); the file appears, complete, with finish().
class TokenStoreWriter {
 public:
  TokenStoreWriter(const std::filesystem::path& path, std::int64_t vocab_size, std::vector<std::string> file_names);
  ~TokenStoreWriter();
  /// ids and labels have the same length; `file` indexes file_names, `record` counts in it from 1.
  void add(Example example, std::uint32_t file, std::uint64_t line, std::uint64_t record);
  std::int64_t size() const;
  void finish(const std::string& notes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lmf::data
