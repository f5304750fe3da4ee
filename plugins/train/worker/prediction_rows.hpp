#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace lmf::train {

/// What was answered to one example.
struct Prediction {
  std::string prompt, predicted, expected;
  std::string compared_predicted, compared_expected;  ///< without special tokens, which are not scored
};

/// The answers that are there, written as they come: generated_predictions.partial-RANK.jsonl in the output folder, one
/// for each rank. A run that goes on finds those of any number of ranks, as long as they tell of the same work.
class PredictionRows {
 public:
  /// `work`: whatever decides the answers; rows of another work are not taken.
  PredictionRows(std::filesystem::path directory, std::string work);
  /// By the example's number, from all ranks' files.
  std::map<std::int64_t, Prediction> read() const;
  /// Begins this rank's file with the rows of it that are whole. Read by all ranks before one begins.
  void begin(int rank);
  void add(std::int64_t example, const Prediction& prediction);
  /// Writes generated_predictions.jsonl in the original's form, and removes the ranks' files.
  void finish(const std::map<std::int64_t, Prediction>& all) const;

 private:
  std::filesystem::path path(int rank) const;
  std::map<std::int64_t, Prediction> read(const std::filesystem::path& file) const;

  std::filesystem::path directory_;
  std::string work_;
  std::filesystem::path file_;  // this rank's
};

}  // namespace lmf::train
