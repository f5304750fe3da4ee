#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"

namespace lmf::data {

/// Where one record's JSON text lies.
struct Record {
  std::string_view text;
  std::uint64_t line;    ///< its first line, from 1
  std::uint64_t number;  ///< in its file, from 1: where a file is one line, its line says nothing
};

/// A mapped .json or .jsonl file cut into records: the elements of its one array, or its lines that are not blank.
/// Which of the two is decided by the first character, not by the file's name. Only the borders are looked for here, in
/// one pass without allocation per record; each record's JSON is validated when it is parsed, by whichever thread needs
/// it.
class RecordFile {
 public:
  /// Throws Error with file:line when the borders cannot be found.
  explicit RecordFile(const std::filesystem::path& path);
  const std::vector<Record>& records() const { return records_; }
  const std::filesystem::path& path() const { return file_.path(); }
  /// "data/identity.json:12:5" of a byte of a record.
  std::string place(const Record& record, std::size_t offset) const;

 private:
  void split_array();
  void split_lines();
  void skip_blanks();
  void skip_value();
  void skip_string();
  void add(std::size_t begin, std::size_t end, std::uint64_t line);
  [[noreturn]] void fail(std::uint64_t line, const std::string& what) const;

  MappedFile file_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::uint64_t line_ = 1;
  std::vector<Record> records_;
};

}  // namespace lmf::data
