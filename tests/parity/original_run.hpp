#pragma once

// What the tests of the original's own runs share: its models, configurations and logs, from the reference numbers.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "model/adapter.hpp"
#include "model/decoder.hpp"
#include "parity/model_tokenizer.hpp"
#include "parity/reference.hpp"

namespace lmf::test {

inline std::filesystem::path parity_folder() { return *shared_directory() / "parity"; }

inline std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// models/NAME in `base`, with the weights of the formula the reference models are defined by.
inline model::Decoder write_reference_model(const std::filesystem::path& base, const std::string& name) {
  const std::filesystem::path folder = base / "models" / name;
  auto decoder = reference_model(name);
  decoder.save(folder);
  const ModelTokenizerFolder tokenizer;
  for (const auto& file : std::filesystem::directory_iterator(tokenizer.path())) std::filesystem::copy(file, folder);
  return decoder;
}

/// The adapter of the reference runs: rank 8 on every linear module of the layers.
inline model::LoraConfig reference_adapter(const std::filesystem::path& model) {
  model::LoraConfig config;
  config.rank = 8;
  config.alpha = 16;
  config.targets = {"all"};
  config.base_model = model.string();
  return config;
}

/// A configuration of the original, only its paths replaced.
inline std::string with_places(std::string text, const std::filesystem::path& base) {
  const auto replace = [&](const std::string& mark, const std::filesystem::path& place) {
    for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos;)
      text.replace(at, mark.size(), place.string());
  };
  replace("@BASE@", base);
  replace("@LF@", *shared_directory());
  return text;
}

/// Rows of a CSV with a header, as numbers by column.
inline std::vector<std::map<std::string, double>> rows_of(const std::filesystem::path& csv) {
  std::ifstream file(csv);
  std::string line, cell;
  std::getline(file, line);
  std::vector<std::string> columns;
  for (std::istringstream header(line); std::getline(header, cell, ',');) columns.push_back(cell);
  std::vector<std::map<std::string, double>> rows;
  while (std::getline(file, line)) {
    std::istringstream cells(line);
    auto& row = rows.emplace_back();
    for (const std::string& column : columns) {
      std::getline(cells, cell, ',');
      row[column] = std::stod(cell);
    }
  }
  return rows;
}

/// The run's log in runs/NAME beside the original's NAME.csv.
inline void check_history(const std::filesystem::path& base, const std::string& name) {
  const auto history = nlohmann::json::parse(text_of(base / "runs" / name / "trainer_state.json"))["log_history"];
  const auto rows = rows_of(parity_folder() / (name + ".csv"));
  REQUIRE(history.size() == rows.size() + 1);
  std::map<std::string, double> worst;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (const char* key : {"loss", "grad_norm", "learning_rate", "epoch", "num_input_tokens_seen"}) {
      const double theirs = rows[i].at(key), off = std::abs(history[i][key].get<double>() - theirs);
      worst[key] = std::max(worst[key], off == 0.0 ? 0.0 : off / std::abs(theirs));
    }
  }
  MESSAGE(name << ": largest relative difference of loss " << worst["loss"] << ", gradient norm "
               << worst["grad_norm"]);
  CHECK(worst["loss"] < 1e-4);  // the project's bound for a correct trainer in fp32
  CHECK(worst["grad_norm"] < 5e-3);
  CHECK(worst["learning_rate"] == 0.0);
  CHECK(worst["epoch"] < 1e-12);
  CHECK(worst["num_input_tokens_seen"] == 0.0);
}

}  // namespace lmf::test
