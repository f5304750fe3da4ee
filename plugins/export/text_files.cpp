#include "text_files.hpp"

#include <algorithm>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/log.hpp"
#include "modelfile.hpp"
#include "model/saved_model.hpp"

namespace lmf::exporter {
namespace {

namespace fs = std::filesystem;

nlohmann::json config(const Inputs& inputs, std::optional<model::Number> number) {
  const std::string dtype = number ? std::string(torch_name(*number)) : inputs.spec.dtype;
  nlohmann::json config = model::written_config(inputs.spec, dtype, inputs.spec.vocab_size);
  // Training switches it off, and generating without it takes many times as long.
  if (config.contains("use_cache")) config["use_cache"] = true;
  return config;
}

/// The tokenizer, told to pad on the left: what training pads on the right, generating continues.
void write_tokenizer(const text::Tokenizer& tokenizer, const fs::path& folder) {
  tokenizer.save(folder);
  const fs::path file = folder / "tokenizer_config.json";
  auto config = nlohmann::ordered_json::parse(read_file(file));
  config["padding_side"] = "left";
  write_file_atomically(file, config.dump(2) + "\n");
}

void copy_if_there(const fs::path& from, const fs::path& folder) {
  const fs::path to = folder / from.filename();
  if (fs::exists(from) && !fs::exists(to)) write_file_atomically(to, read_file(from));
}

/// A reward model's head: that of the last adapter which has one, else the model's.
void copy_value_head(const Inputs& inputs, const fs::path& folder) {
  constexpr const char* kHead = "value_head.safetensors";
  for (auto adapter = inputs.adapters.rbegin(); adapter != inputs.adapters.rend(); ++adapter)
    copy_if_there(adapter->directory / kHead, folder);
  copy_if_there(inputs.model_directory / kHead, folder);
}

}  // namespace

std::string generation_config(const Inputs& inputs) {
  const std::string written = model::written_generation_config(inputs.spec);
  if (!inputs.chat_template) return written;
  std::vector<std::int64_t> ends = inputs.spec.eos_ids;
  for (const auto id : inputs.chat_template->stop_ids(inputs.tokenizer))
    if (std::find(ends.begin(), ends.end(), id) == ends.end()) ends.push_back(id);
  if (ends.size() == inputs.spec.eos_ids.size()) return written;
  auto config = nlohmann::ordered_json::parse(written);
  if (ends.size() == 1)
    config["eos_token_id"] = ends.front();
  else
    config["eos_token_id"] = ends;
  return config.dump(2) + "\n";
}

void write_text_files(const Inputs& inputs, std::optional<model::Number> number,
                      const std::optional<std::string>& model_file, const fs::path& folder) {
  write_file_atomically(folder / "config.json", config(inputs, number).dump(2) + "\n");
  write_file_atomically(folder / "generation_config.json", generation_config(inputs));
  write_tokenizer(inputs.tokenizer, folder);
  copy_if_there(inputs.model_directory / "tokenizer.model", folder);  // beside tokenizer.json: some programs prefer it
  const text::ChatTemplate* chat_template = inputs.chat_template ? &*inputs.chat_template : nullptr;
  if (model_file)
    write_file_atomically(folder / "Modelfile",
                          modelfile(chat_template, inputs.tokenizer, model_file->empty() ? "." : "./" + *model_file,
                                    model::context_length(inputs.spec)));
  copy_value_head(inputs, folder);
}

}  // namespace lmf::exporter
