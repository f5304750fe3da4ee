#include "train/worker/prediction_rows.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "lmf/error.hpp"

namespace lmf::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kPartial = "generated_predictions.partial-";

std::string text_of(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string line_of(std::int64_t example, const Prediction& prediction) {
  return text_of({{"example", example},
                  {"prompt", prediction.prompt},
                  {"predict", prediction.predicted},
                  {"label", prediction.expected},
                  {"compared", {prediction.compared_predicted, prediction.compared_expected}}}) +
         "\n";
}

/// False for a line that a kill has cut short.
bool read_line(const json& line, std::map<std::int64_t, Prediction>& rows) try {
  const json& compared = line.at("compared");
  rows[line.at("example")] = {line.at("prompt"), line.at("predict"), line.at("label"), compared.at(0), compared.at(1)};
  return true;
} catch (const json::exception&) {
  return false;
}

std::vector<fs::path> partial_files(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kPartial) && name.ends_with(".jsonl")) files.push_back(entry.path());
  }
  return files;
}

}  // namespace

PredictionRows::PredictionRows(fs::path directory, std::string work)
    : directory_(std::move(directory)), work_(std::move(work)) {}

fs::path PredictionRows::path(int rank) const { return directory_ / fmt::format("{}{}.jsonl", kPartial, rank); }

std::map<std::int64_t, Prediction> PredictionRows::read(const fs::path& file) const {
  std::map<std::int64_t, Prediction> rows;
  std::ifstream stream(file);
  std::string line;
  if (!std::getline(stream, line) || line != json(work_).dump()) return rows;
  while (std::getline(stream, line) && read_line(json::parse(line, nullptr, /*allow_exceptions=*/false), rows))
    continue;
  return rows;
}

std::map<std::int64_t, Prediction> PredictionRows::read() const {
  std::map<std::int64_t, Prediction> all;
  for (const fs::path& file : partial_files(directory_)) all.merge(read(file));
  return all;
}

void PredictionRows::begin(int rank) {
  std::string text = json(work_).dump() + "\n";
  for (const auto& [example, prediction] : read(path(rank))) text += line_of(example, prediction);
  file_ = path(rank);
  write_file_atomically(file_, text);
}

void PredictionRows::add(std::int64_t example, const Prediction& prediction) {
  const std::string line = line_of(example, prediction);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(file_.c_str(), "ab"), std::fclose);
  if (!file || std::fwrite(line.data(), 1, line.size(), file.get()) != line.size() || std::fflush(file.get()) != 0)
    throw Error(fmt::format("cannot write {}: {}", file_.string(), std::strerror(errno)),
                "make room and start again: the answers so far are kept");
}

void PredictionRows::finish(const std::map<std::int64_t, Prediction>& all) const {
  std::string text;
  for (const auto& [example, row] : all)
    text += fmt::format("{{\"prompt\": {}, \"predict\": {}, \"label\": {}}}\n", text_of(row.prompt),
                        text_of(row.predicted), text_of(row.expected));
  write_file_atomically(directory_ / "generated_predictions.jsonl", text);
  std::error_code ignored;
  for (const fs::path& file : partial_files(directory_)) fs::remove(file, ignored);
}

}  // namespace lmf::train
